package platform

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"
	"net"
	"net/netip"
	"strings"
)

// The messages of macOS's routing socket and of its sysctl NET_RT_IFLIST2 (route(4), net/if.h, net/route.h, net/if_types.h): all in the
// machine's byte order, socket addresses padded to 4 octets. Only the parsing stands here, so that it is tested and fuzzed on every system.
const (
	rtmVersion  = 5
	rtmAdd      = 0x1
	rtmDelete   = 0x2
	rtmChange   = 0x3
	rtmMacAddr  = 0xc // RTM_NEWADDR
	rtmDelAddr  = 0xd
	rtmIfInfo   = 0xe
	rtmIfInfo2  = 0x12
	rtmFlags    = 8     // rt_msghdr.rtm_flags
	rtmNeighbor = 0x400 // RTF_LLINFO: an entry of ARP or ND
	rtmCloned   = 0x20000

	rtmAddrs = 4  // of all messages of interfaces: which socket addresses follow
	rtmIndex = 12 // and the interface

	ifMsg2Len    = 160 // struct if_msghdr2
	ifMsgFlags   = 8
	ifMsgDrops   = 24 // ifm_snd_drops
	ifData       = 32 // struct if_data64
	ifDataMTU    = ifData + 8
	ifDataCounts = ifData + 24 // ifi_ipackets, ierrors, opackets, oerrors, collisions, ibytes, obytes, imcasts, omcasts, iqdrops
	ifaMsgLen    = 20          // struct ifa_msghdr

	rtaxMask    = 2 // places in a list of socket addresses
	rtaxLink    = 4
	rtaxAddress = 5
	rtaxPlaces  = 8

	macLink = 18 // AF_LINK
	macInet = 2
	macIPv6 = 30

	mediaLen     = 44 // struct ifmediareq, packed to 4 octets
	mediaCurrent = 16
	mediaStatus  = 24
	mediaKinds   = 0xe0 // IFM_NMASK
	mediaWiFi    = 0x80 // IFM_IEEE80211
)

var errRouteMessage = errors.New("malformed message of the routing socket")

// routeMessages walks messages, each with its type. It ends at the first that does not fit, with an error; what has another version is left out.
func routeMessages(b []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for len(b) > 0 {
			if len(b) < 4 {
				yield(nil, errRouteMessage)
				return
			}
			n := int(binary.NativeEndian.Uint16(b))
			if n < 4 || n > len(b) {
				yield(nil, errRouteMessage)
				return
			}
			if b[2] == rtmVersion && !yield(b[:n:n], nil) {
				return
			}
			b = b[n:]
		}
	}
}

// changesRoutes tells whether one of the messages tells of a change that the interfaces must be looked at for: not what ARP, ND and the
// cache of routes do all the time. Messages that make no sense do.
func changesRoutes(b []byte) bool {
	for m, err := range routeMessages(b) {
		if err != nil {
			return true
		}
		switch m[3] {
		case rtmMacAddr, rtmDelAddr, rtmIfInfo, rtmIfInfo2:
			return true
		case rtmAdd, rtmDelete, rtmChange:
			if len(m) < rtmFlags+4 || binary.NativeEndian.Uint32(m[rtmFlags:])&(rtmNeighbor|rtmCloned) == 0 {
				return true
			}
		}
	}
	return false
}

// parseRIB reads a list of interfaces with their addresses and counters (NET_RT_IFLIST2).
func parseRIB(b []byte) (list []Interface, traffic map[int]Traffic, err error) {
	at := map[int]int{}
	traffic = map[int]Traffic{}
	for m, err := range routeMessages(b) {
		if err != nil {
			return nil, nil, err
		}
		switch m[3] {
		case rtmIfInfo2:
			if in, t, ok := parseMacInterface(m); ok {
				at[in.Index], traffic[in.Index] = len(list), t
				list = append(list, in)
			}
		case rtmMacAddr:
			index, p, ok := parseMacAddr(m)
			if i, known := at[index]; ok && known {
				list[i].Addrs = append(list[i].Addrs, p)
			}
		}
	}
	return list, traffic, nil
}

// parseMacInterface reads an RTM_IFINFO2 message.
func parseMacInterface(m []byte) (in Interface, t Traffic, ok bool) {
	if len(m) < ifMsg2Len {
		return in, t, false
	}
	in.Index = int(binary.NativeEndian.Uint16(m[rtmIndex:]))
	flags := binary.NativeEndian.Uint32(m[ifMsgFlags:])
	in.Up, in.Running = flags&flagUp != 0, flags&flagRunning != 0
	in.MTU = int(int32(binary.NativeEndian.Uint32(m[ifDataMTU:])))
	count := func(i int) uint64 { return binary.NativeEndian.Uint64(m[ifDataCounts+8*i:]) }
	t = Traffic{RxPackets: count(0), TxPackets: count(2), RxBytes: count(5), TxBytes: count(6), RxDropped: count(9),
		TxDropped: uint64(binary.NativeEndian.Uint32(m[ifMsgDrops:]))}
	link := sockaddrs(m, ifMsg2Len)[rtaxLink]
	const fixed = 8 // of struct sockaddr_dl, before name and address
	if len(link) < fixed || link[1] != macLink || fixed+int(link[5])+int(link[6]) > len(link) {
		return in, t, false
	}
	name, mac := link[fixed:][:link[5]], link[fixed+int(link[5]):][:link[6]]
	if in.Name = cString(name); len(mac) == 6 {
		in.MAC = net.HardwareAddr(bytes.Clone(mac))
	}
	in.Kind, in.Reason = macKind(m[ifData], in.Name)
	return in, t, in.Index > 0 && in.Name != ""
}

// sockaddrs cuts the socket addresses behind a message's header. What is not there or does not fit is nil.
func sockaddrs(m []byte, header int) (all [rtaxPlaces][]byte) {
	which, b := binary.NativeEndian.Uint32(m[rtmAddrs:]), m[header:]
	for i := range all {
		if which&(1<<i) == 0 {
			continue
		}
		if len(b) == 0 {
			break
		}
		n := int(b[0])
		if n > len(b) {
			break
		}
		if all[i] = b[:n]; n == 0 {
			n = 4 // an address of no length takes a place
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return all
}

// parseMacAddr reads an RTM_NEWADDR message.
func parseMacAddr(m []byte) (index int, p netip.Prefix, ok bool) {
	if len(m) < ifaMsgLen {
		return 0, p, false
	}
	all := sockaddrs(m, ifaMsgLen)
	index = int(binary.NativeEndian.Uint16(m[rtmIndex:]))
	addr, mask := all[rtaxAddress], all[rtaxMask]
	if len(addr) < 2 {
		return index, p, false
	}
	var at, size int
	switch addr[1] {
	case macInet:
		at, size = 4, 4
	case macIPv6:
		at, size = 8, 16
	}
	if size == 0 || len(addr) < at+size {
		return index, p, false
	}
	raw := bytes.Clone(addr[at : at+size])
	if size == 16 && raw[0] == 0xfe && raw[1]&0xc0 == 0x80 {
		raw[2], raw[3] = 0, 0 // where the kernel keeps the interface of a link-local address
	}
	a, _ := netip.AddrFromSlice(raw)
	length, ok := prefixLength(mask, at, size)
	p = netip.PrefixFrom(a, length)
	return index, p, ok && p.IsValid()
}

// prefixLength counts the ones of a mask, whose zeros at the end may be left out. No mask is one of ones.
func prefixLength(mask []byte, at, size int) (n int, ok bool) {
	if len(mask) == 0 {
		return 8 * size, true
	}
	mask = mask[min(at, len(mask)):min(at+size, len(mask))]
	for i, b := range mask {
		ones := bits.LeadingZeros8(^b)
		n += ones
		if ones < 8 {
			return n, b<<ones == 0 && len(bytes.Trim(mask[i+1:], "\x00")) == 0
		}
	}
	return n, true
}

// macKind names what an interface of this type (net/if_types.h) and name is, and why it is not metered, if so. Bridges and bonds are not: on
// macOS the ports see every frame, and a bridge that virtual machines share with the host does not see the host's.
func macKind(kind byte, name string) (_, reason string) {
	switch kind {
	case 0x06: // IFT_ETHER
		for _, word := range []string{"awdl", "llw"} { // between Apple's devices, beside the Wi-Fi
			if strings.HasPrefix(name, word) {
				return word, ""
			}
		}
		return "ethernet", ""
	case 0x18: // IFT_LOOP
		return "loopback", ""
	case 0x17: // IFT_PPP
		return "ppp", ""
	case 0x01: // IFT_OTHER: utun, ipsec
		return "tun", ""
	case 0x37, 0x39: // IFT_GIF, IFT_STF
		return "tunnel", ""
	case 0xff: // IFT_CELLULAR
		return "cellular", ""
	case 0xd1: // IFT_BRIDGE
		return "bridge", "a bridge: its ports are metered"
	case 0x88: // IFT_IEEE8023ADLAG
		return "bond", "a bond: its ports are metered"
	case 0x87: // IFT_L2VLAN
		return "vlan", "a VLAN: its parent shows the tag"
	case 0xfe, 0xf5, 0xf4: // IFT_PKTAP, IFT_PFLOG, IFT_ENC
		word := strings.TrimRight(name, "0123456789")
		return word, word + " carries no network traffic of its own"
	}
	return strings.TrimRight(name, "0123456789"), ""
}

// parseMedia reads the answer to SIOCGIFMEDIA (if_media(4)): whether the interface is a wireless one, and whether it has a carrier, if it knows.
func parseMedia(b []byte) (wifi, carrier, known bool) {
	if len(b) < mediaLen {
		return false, false, false
	}
	status := binary.NativeEndian.Uint32(b[mediaStatus:])
	return binary.NativeEndian.Uint32(b[mediaCurrent:])&mediaKinds == mediaWiFi, status&2 != 0, status&1 != 0
}
