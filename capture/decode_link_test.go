package capture

import (
	"fmt"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestDecodeLinks takes one UDP datagram through every link type.
func TestDecodeLinks(t *testing.T) {
	v4, v6 := ipv4(17, dgram), ipv6(17, dgram)
	w4 := func(encaps flow.Encaps, has flow.Has) string {
		return fmt.Sprintf("17 %s:5 %s:6 type 0x0 ip 31 payload 3 encaps %#x has %#x", a4, b4, encaps, has)
	}
	w6 := func(encaps flow.Encaps, has flow.Has) string {
		return fmt.Sprintf("17 %s:5 %s:6 type 0x0 ip 51 payload 3 encaps %#x has %#x", a6, b6, encaps, has)
	}
	const e = flow.EncapsEthernet
	snap := []byte{0xaa, 0xaa, 3, 0, 0, 0}
	pppoe := func(ppp ...byte) []byte { return join([]byte{0x11, 0}, u16(9, len(ppp)), ppp) }
	wlanHeader := func(flags byte) []byte { return join([]byte{0x08, flags, 0, 0}, macB, macA, macA, []byte{0, 0}) }
	for _, c := range []struct {
		name string
		link LinkType
		data []byte
		want string
	}{
		{"ethernet", LinkEthernet, ethernet(etherIPv4, v4), w4(e, hasEther)},
		{"ethernet padded", LinkEthernet, ethernet(etherIPv4, v4, make([]byte, 15)), w4(e, hasEther)},
		{"ethernet IPv6", LinkEthernet, ethernet(etherIPv6, v6), w6(e, hasEther)},
		{"VLAN", LinkEthernet, ethernet(etherVLAN, vlan(7, etherIPv4), v4), w4(e|flow.EncapsVLAN, hasEther|flow.HasVLAN)},
		{"QinQ", LinkEthernet, ethernet(etherQinQ, vlan(7, etherVLAN), vlan(8, etherIPv6), v6), w6(e|flow.EncapsVLAN, hasEther|flow.HasVLAN)},
		{"QinQ 9100", LinkEthernet, ethernet(etherVLAN9100, vlan(7, etherVLAN), vlan(8, etherIPv4), v4), w4(e|flow.EncapsVLAN, hasEther|flow.HasVLAN)},
		{"SNAP", LinkEthernet, ethernet(8+len(v4), snap, u16(etherIPv4), v4), w4(e|flow.EncapsLLC, hasEther)},
		{"MPLS", LinkEthernet, ethernet(etherMPLS, []byte{0, 1, 0x00, 64, 0, 2, 0x01, 64}, v4), w4(e|flow.EncapsMPLS, hasEther|flow.HasMPLS)},
		{"MPLS IPv6", LinkEthernet, ethernet(etherMPLSMulti, []byte{0, 1, 0x01, 64}, v6), w6(e|flow.EncapsMPLS, hasEther|flow.HasMPLS)},
		{"MPLS pseudo-wire", LinkEthernet, ethernet(etherMPLS, []byte{0, 1, 0x01, 64, 0, 0, 0, 0}, ethernet(etherIPv4, v4)), w4(e|flow.EncapsMPLS, hasEther|flow.HasMPLS)},
		{"PPPoE", LinkEthernet, ethernet(etherPPPoE, pppoe(0, 0x21), v4), w4(e|flow.EncapsPPP, hasEther)},
		{"PPPoE IPv6, compressed", LinkEthernet, ethernet(etherPPPoE, pppoe(0x57), v6), w6(e|flow.EncapsPPP, hasEther)},
		{"802.1BR", LinkEthernet, ethernet(etherETag, make([]byte, 6), u16(etherIPv4), v4), w4(e, hasEther)},
		{"Cisco MetaData", LinkEthernet, ethernet(etherMetaData, []byte{1, 1, 0, 1, 0, 9}, u16(etherIPv4), v4), w4(e, hasEther)},
		{"NSH", LinkEthernet, ethernet(etherNSH, []byte{0, 2, 1, 1, 0, 0, 0, 0}, v4), w4(e, hasEther)},
		{"PPPoE without Ethernet", LinkPPPEther, join(pppoe(0, 0x21), v4), w4(flow.EncapsPPP, 0)},
		{"PPP", LinkPPP, join([]byte{0, 0x21}, v4), w4(flow.EncapsPPP, 0)},
		{"PPP with address", LinkPPP, join([]byte{0xff, 3, 0, 0x57}, v6), w6(flow.EncapsPPP, 0)},
		{"PPP in HDLC", LinkPPPSerial, join([]byte{0xff, 3, 0, 0x21}, v4), w4(flow.EncapsPPP, 0)},
		{"Cisco HDLC", LinkCiscoHDLC, join([]byte{0x0f, 0, 8, 0}, v4), w4(0, 0)},
		{"SLL", LinkSLL, join(u16(0, 1, 6), macA, []byte{0, 0}, u16(etherIPv4), v4), w4(flow.EncapsSLL, hasEther)},
		{"SLL with VLAN", LinkSLL, join(u16(0, 1, 6), macA, []byte{0, 0}, u16(etherVLAN), vlan(7, etherIPv4), v4), w4(flow.EncapsSLL|flow.EncapsVLAN, hasEther|flow.HasVLAN)},
		{"SLL of a tunnel", LinkSLL, join(u16(4, 65534, 0), make([]byte, 8), u16(etherIPv6), v6), w6(flow.EncapsSLL, 0)},
		{"SLL2", LinkSLL2, join(u16(etherIPv4, 0, 0, 3, 1), []byte{0, 6}, macA, []byte{0, 0}, v4), w4(flow.EncapsSLL, hasEther)},
		{"NULL little-endian", LinkNull, join([]byte{2, 0, 0, 0}, v4), w4(0, 0)},
		{"NULL big-endian", LinkNull, join([]byte{0, 0, 0, 2}, v4), w4(0, 0)},
		{"NULL of macOS", LinkNull, join([]byte{30, 0, 0, 0}, v6), w6(0, 0)},
		{"NULL of FreeBSD", LinkNull, join([]byte{0, 0, 0, 28}, v6), w6(0, 0)},
		{"LOOP", LinkLoop, join([]byte{0, 0, 0, 24}, v6), w6(0, 0)},
		{"RAW IPv4", LinkRaw, v4, w4(0, 0)},
		{"RAW IPv6", LinkRaw, v6, w6(0, 0)},
		{"RAW 12", LinkRawBSD, v4, w4(0, 0)},
		{"IPV4", LinkIPv4, v4, w4(0, 0)},
		{"IPV6", LinkIPv6, v6, w6(0, 0)},
		{"Frame Relay NLPID", LinkFrameRelay, join([]byte{0x18, 0x41, 3, 0xcc}, v4), w4(0, 0)},
		{"Frame Relay SNAP", LinkFrameRelay, join([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0}, v4), w4(0, 0)},
		{"Frame Relay of Cisco", LinkFrameRelay, join([]byte{0x18, 0x41, 8, 0}, v4), w4(0, 0)},
		{"FDDI", LinkFDDI, join([]byte{0x50}, macB, macA, snap, u16(etherIPv4), v4), w4(flow.EncapsLLC, hasEther)},
		{"ARCNET RFC 1051", LinkARCNETLinux, join([]byte{1, 2, 0, 0, 0xf0}, v4), w4(0, 0)},
		{"ARCNET RFC 1201", LinkARCNET, join([]byte{1, 2, 0xd4, 0, 0, 9}, v4), w4(0, 0)},
		{"NFLOG", LinkNFLOG, join([]byte{2, 0, 0, 1, 5, 0, 10, 0, 'x', 0, 0, 0, 35, 0, 9, 0}, v4), w4(0, 0)},
		{"NFLOG big-endian", LinkNFLOG, join([]byte{10, 0, 0, 1, 0, 5, 0, 10, 'x', 0, 0, 0, 0, 55, 0, 9}, v6), w6(0, 0)},
		{"802.11", LinkWLAN, join(wlanHeader(2), snap, u16(etherIPv4), v4), w4(flow.EncapsWLAN|flow.EncapsLLC, hasEther)},
		{"radiotap", LinkRadiotap, join([]byte{0, 0, 9, 0, 0, 0, 0, 0, 0}, wlanHeader(1), snap, u16(etherIPv6), v6), w6(flow.EncapsWLAN|flow.EncapsLLC, hasEther)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, r := decode(c.link, c.data)
			if got := summary(&p); got != c.want || r != Decoded {
				t.Errorf("%s\n got %s\nwant %s", r, got, c.want)
			}
			if string(p.Payload) != "abc" {
				t.Errorf("payload %q", p.Payload)
			}
			if int(p.FrameLen) != len(c.data) {
				t.Errorf("%d octets, want %d", p.FrameLen, len(c.data))
			}
			// The same frame with every possible snap length: lengths come from the headers or not at all.
			var d Decoder
			for n := range c.data {
				f := frameOf(c.link, c.data)
				f.CaptureLength = n
				d.Decode(c.data[:n:n], f, &p)
				if int(p.FrameLen) != len(c.data) || p.IPLen != 0 && p.IPLen != 31 && p.IPLen != 51 {
					t.Fatalf("cut at %d: %s", n, summary(&p))
				}
			}
			if cut := d.Counts()[SnapLength]; cut == 0 {
				t.Error("no cut frame was called one")
			}
		})
	}
}
