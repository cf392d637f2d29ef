package capture

import "net/netip"

// rawNote reads what a raw socket with SIO_RCVALL has received: an IP packet with its header. local is the address that the socket is
// bound to. It refuses what is not one: the sockets of IPv6 are documented to leave the header out, and then nothing tells whose
// packet it was.
func rawNote(packet []byte, local netip.Addr, at int64) (note, bool) {
	n := note{at: at, length: uint32(len(packet)), link: LinkRaw}
	switch {
	case local.Is4() && len(packet) >= 20 && packet[0]>>4 == 4 && packet[0]&15 >= 5:
		n.outgoing = netip.AddrFrom4([4]byte(packet[12:])) == local
	case !local.Is4() && len(packet) >= 40 && packet[0]>>4 == 6 && int(be16(packet[4:]))+40 == len(packet):
		n.outgoing = netip.AddrFrom16([16]byte(packet[8:])) == local.WithZone("")
	default:
		return note{}, false
	}
	n.notVerified = n.outgoing
	return n, true
}
