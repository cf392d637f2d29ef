package capture

import (
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestDecodeMalformed has a frame for each reason. Where a layer was sound, the frame is metered there.
func TestDecodeMalformed(t *testing.T) {
	edit := func(b []byte, at int, v ...byte) []byte { copy(b[at:], v); return b }
	eth4 := func(proto int, body ...[]byte) []byte { return ethernet(etherIPv4, ipv4(proto, body...)) }
	ext := func(next, n int) (b []byte) {
		for range n - 1 {
			b = append(b, 60, 0, 0, 0, 0, 0, 0, 0)
		}
		return append(b, byte(next), 0, 0, 0, 0, 0, 0, 0)
	}
	tags := func(n int) (b []byte) {
		for range n {
			b = append(b, 0, 1, 0x81, 0)
		}
		return b
	}
	nested := innerIPv4()
	for range 9 {
		nested = ipv4(protoIPv4, nested)
	}
	reached := map[Reason]bool{Decoded: true, SnapLength: true} // cut frames are in TestDecodeLinks
	const none, ether, four, six = flow.FamilyNone, flow.FamilyEthernet, flow.FamilyIPv4, flow.FamilyIPv6
	for _, c := range []struct {
		name   string
		link   LinkType
		data   []byte
		reason Reason
		family flow.Family
		proto  uint8
		port   uint16
	}{
		{"empty", LinkEthernet, nil, LinkShort, none, 0, 0},
		{"runt", LinkEthernet, macA, LinkShort, none, 0, 0},
		{"unknown link", 9999, eth4(17, dgram), LinkUnknown, none, 0, 0},
		{"loopback family", LinkNull, make([]byte, 30), LinkFormat, none, 0, 0},
		{"cut SLL", LinkSLL, make([]byte, 15), LinkShort, none, 0, 0},
		{"40 tags", LinkEthernet, ethernet(etherVLAN, tags(40)), VLANDepth, ether, 0, 0},
		{"cut tag", LinkEthernet, ethernet(etherVLAN, []byte{1}), LinkShort, ether, 0, 0},
		{"17 labels", LinkEthernet, ethernet(etherMPLS, make([]byte, 80)), MPLSDepth, ether, 0, 0},
		{"labels without end", LinkEthernet, ethernet(etherMPLS, make([]byte, 10)), LinkShort, ether, 0, 0},
		{"PPPoE version", LinkEthernet, ethernet(etherPPPoE, make([]byte, 10)), LinkFormat, ether, 0, 0},
		{"ARP lengths", LinkEthernet, edit(ethernet(etherARP, arp(1)), 18, 200), ARPFormat, ether, 0, 0},
		{"cut ARP", LinkEthernet, ethernet(etherARP, arp(1)[:20]), ARPFormat, ether, 0, 0},
		{"cut RARP", LinkEthernet, ethernet(etherRARP, []byte{1}), ARPFormat, ether, 0, 0},
		{"IPv6 announced as IPv4", LinkEthernet, ethernet(etherIPv4, ipv6(17, dgram)), IPVersion, ether, 0, 0},
		{"version 0", LinkRaw, make([]byte, 40), IPVersion, none, 0, 0},
		{"cut IPv4", LinkEthernet, ethernet(etherIPv4, ipv4(17)[:19]), IPShort, ether, 0, 0},
		{"cut IPv6", LinkEthernet, ethernet(etherIPv6, ipv6(17)[:39]), IPShort, ether, 0, 0},
		{"wrong checksum", LinkEthernet, edit(eth4(17, dgram), 24, 1, 1), IPChecksum, four, 17, 5},
		{"no room for GRE", LinkEthernet, eth4(47, []byte{0}), TunnelFormat, four, 47, 0},
		{"9 tunnels", LinkEthernet, ethernet(etherIPv4, nested), TunnelDepth, four, 4, 0},
		{"header length 16", LinkEthernet, edit(eth4(17, dgram), 14, 0x44), IPHeaderLength, ether, 0, 0},
		{"total length below header", LinkEthernet, edit(eth4(17, dgram), 16, 0, 19), IPLength, four, 17, 0},
		{"total length beyond frame", LinkEthernet, edit(eth4(17, dgram), 16, 9, 9), IPLength, four, 17, 5},
		{"payload length beyond frame", LinkEthernet, edit(ethernet(etherIPv6, ipv6(17, dgram)), 18, 9, 9), IPLength, six, 17, 5},
		{"options beyond packet", LinkEthernet, edit(eth4(17, u16(1)), 14, 0x4f), IPLength, four, 17, 0},
		{"option length 0", LinkEthernet, ethernet(etherIPv4, ipv4With(17, []byte{7, 0, 1, 1}, 0, dgram)), IPOptions, four, 17, 5},
		{"option beyond header", LinkEthernet, ethernet(etherIPv4, ipv4With(17, []byte{7, 9, 1, 1}, 0, dgram)), IPOptions, four, 17, 5},
		{"ping of death", LinkEthernet, ethernet(etherIPv4, ipv4With(1, nil, 0x1fff, make([]byte, 64))), IPFragment, four, 1, 0},
		{"100 extension headers", LinkEthernet, ethernet(etherIPv6, ipv6(60, ext(17, 100), dgram)), IPExtensions, six, 60, 0},
		{"extension beyond packet", LinkEthernet, ethernet(etherIPv6, ipv6(43, []byte{17, 200, 0, 0, 0, 0, 0, 0}, dgram)), IPExtension, six, 43, 0},
		{"cut fragment header", LinkEthernet, ethernet(etherIPv6, ipv6(44, []byte{17, 0, 0, 0})), IPExtension, six, 44, 0},
		{"cut TCP", LinkEthernet, eth4(6, tcp(5, 6, 0, nil, nil)[:19]), TransportShort, four, 6, 5},
		{"TCP without ports", LinkEthernet, eth4(6, []byte{1, 2, 3}), TransportShort, four, 6, 0},
		{"TCP data offset 16", LinkEthernet, edit(eth4(6, tcp(5, 6, 0, nil, nil)), 46, 0x40), TransportLength, four, 6, 5},
		{"TCP data offset beyond packet", LinkEthernet, edit(eth4(6, tcp(5, 6, 0, nil, nil)), 46, 0xf0), TransportLength, four, 6, 5},
		{"TCP option length 0", LinkEthernet, eth4(6, tcp(5, 6, 0, []byte{2, 0, 0, 0}, nil)), TCPOptions, four, 6, 5},
		{"TCP option beyond header", LinkEthernet, eth4(6, tcp(5, 6, 0, []byte{1, 1, 1, 2}, nil)), TCPOptions, four, 6, 5},
		{"cut UDP", LinkEthernet, eth4(17, dgram[:7]), TransportShort, four, 17, 5},
		{"UDP length 7", LinkEthernet, edit(eth4(17, dgram), 38, 0, 7), TransportLength, four, 17, 5},
		{"UDP length beyond packet", LinkEthernet, edit(eth4(17, dgram), 38, 1, 0), TransportLength, four, 17, 5},
		{"cut SCTP", LinkEthernet, eth4(132, u16(5, 6)), TransportShort, four, 132, 5},
		{"cut ICMP", LinkEthernet, eth4(1, []byte{8, 0}), TransportShort, four, 1, 0},
		{"cut ICMP echo", LinkEthernet, eth4(1, []byte{8, 0, 0, 0, 1}), TransportShort, four, 1, 0},
		{"cut IGMP", LinkEthernet, eth4(2, []byte{8, 0}), TransportShort, four, 2, 0},
		{"cut ESP", LinkEthernet, eth4(50, []byte{8, 0}), TransportShort, four, 50, 0},
		{"AH beyond packet", LinkEthernet, eth4(51, []byte{17, 99}, dgram), TransportShort, four, 51, 0},
		{"NSH length", LinkEthernet, ethernet(etherNSH, make([]byte, 20)), LinkFormat, ether, 0, 0},
		{"radiotap length", LinkRadiotap, make([]byte, 20), LinkFormat, none, 0, 0},
		{"NFLOG attribute length", LinkNFLOG, make([]byte, 20), LinkFormat, none, 0, 0},
		{"Frame Relay address", LinkFrameRelay, make([]byte, 20), LinkFormat, none, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			reached[c.reason] = true
			var d Decoder
			var p flow.Packet
			r := d.Decode(c.data, frameOf(c.link, c.data), &p)
			if r != c.reason || p.Family != c.family || p.Proto != c.proto || p.SrcPort != c.port {
				t.Errorf("%q: %s", r, summary(&p))
			}
			var want Counts
			want[c.reason] = 1
			if d.Counts() != want {
				t.Errorf("counted %v", d.Counts())
			}
			if int(p.FrameLen) != len(c.data) {
				t.Errorf("%d octets of %d", p.FrameLen, len(c.data))
			}
		})
	}
	for r := range reasons {
		if r.String() == "" || !reached[r] {
			t.Errorf("reason %d, %q: no name or no test", r, r)
		}
	}
	if Reason(200).String() == "" {
		t.Error("a reason without a name")
	}
}
