package capture

import (
	"fmt"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// tunnelSummary is what is known of the outermost tunnel.
func tunnelSummary(p *flow.Packet) string {
	if p.Tunnel == nil {
		return "no tunnel"
	}
	t := *p.Tunnel
	outer := flow.Packet{Key: t.Key}
	s := summary(&outer)
	return fmt.Sprintf("%#x id %#x flags %#x proto %#x in %s", uint32(t.Encaps), t.ID, t.Flags, t.Proto, s[:len(s)-len(" type 0x0 ip 0 payload 0 encaps 0x0 has 0x0")])
}

// udpIn is an Ethernet frame with a UDP datagram from port 40000 to port, the tunnel's.
func udpIn(port int, parts ...[]byte) []byte {
	return ethernet(etherIPv4, ipv4(flow.ProtoUDP, udp(40000, port, join(parts...))))
}

// greIn is an Ethernet frame with a GRE packet.
func greIn(flags, proto int, parts ...[]byte) []byte {
	return ethernet(etherIPv4, ipv4(protoGRE, u16(flags, proto), join(parts...)))
}

// innerIPv4 and the others go from 192.0.2.1 port 5 to 192.0.2.2 port 6 with "abc".
func innerIPv4() []byte {
	b := ipv4(flow.ProtoUDP, dgram)
	copy(b[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2}) // the sum of the addresses has changed
	b[10], b[11] = 0, 0
	return b
}

func innerIPv6() []byte {
	b := ipv6(flow.ProtoUDP, dgram)
	copy(b[8:], []byte{0x20, 1, 0, 0, 65, 54}) // Teredo's
	return b
}

func innerFrame(etherType int, body []byte) []byte {
	b := ethernet(etherType, body)
	copy(b, []byte{9, 9, 9, 9, 9, 9, 8, 8, 8, 8, 8, 8})
	return b
}

// tunnels has one packet of each kind of tunnel, and what is known of the tunnel. The packet inside is innerIPv4 or innerIPv6.
func tunnels() []struct {
	name string
	six  bool
	data []byte
	want string
} {
	v4, v6 := innerIPv4(), innerIPv6()
	frame, frame6 := innerFrame(etherIPv4, v4), innerFrame(etherIPv6, v6)
	key := []byte{0, 0, 0xab, 0xcd}
	const in4 = "10.0.0.1:0 10.0.0.2:0"
	udpIn4 := func(port int) string { return fmt.Sprintf(" in 17 10.0.0.1:40000 10.0.0.2:%d", port) }
	gre := func(flags, proto int) string {
		return fmt.Sprintf("0x40 id 0x0 flags %#x proto %#x in 47 %s", flags, proto, in4)
	}
	ip := func(proto int, parts ...[]byte) []byte { return ethernet(etherIPv4, ipv4(proto, parts...)) }
	erspan2 := []byte{0x10, 7, 0x08, 0x2a, 0, 0, 0, 1}
	erspan3 := []byte{0x20, 7, 0x08, 0x2a, 0, 0, 0, 1, 0, 0, 0, 0}
	ppp := []byte{0xff, 3, 0, 0x21}
	ext := []byte{1, 0, 0, 0x85, 2, 0, 0, 0, 0, 0, 0, 0} // two extension headers of GTP-U: 1 and 2 words
	auth := join([]byte{0, 1, 4, 4}, make([]byte, 17))
	origin := make([]byte, 8)
	return []struct {
		name string
		six  bool
		data []byte
		want string
	}{
		{"GRE", false, greIn(0, etherIPv4, v4), gre(0, etherIPv4)},
		{"GRE IPv6", true, greIn(0, etherIPv6, v6), gre(0, etherIPv6)},
		{"GRE checksum", false, greIn(0x8000, etherIPv4, key, v4), gre(0x8000, etherIPv4)},
		{"GRE key", false, greIn(0x2000, etherIPv4, key, v4), "0x40 id 0xabcd flags 0x2000 proto 0x800 in 47 " + in4},
		{"GRE checksum, key and sequence", false, greIn(0xb000, etherIPv4, make([]byte, 4), key, make([]byte, 4), v4), "0x40 id 0xabcd flags 0xb000 proto 0x800 in 47 " + in4},
		{"GRE Ethernet", false, greIn(0, etherBridged, frame), gre(0, etherBridged)},
		{"GRE MPLS", false, greIn(0, etherMPLS, []byte{0, 1, 1, 64}, v4), gre(0, etherMPLS)},
		{"PPTP", false, greIn(0x3001, etherPPP, []byte{0, 9, 0, 7}, make([]byte, 4), []byte{0x21}, v4), "0x40 id 0x7 flags 0x3001 proto 0x880b in 47 " + in4},
		{"PPTP with acknowledgement", true, greIn(0x3081, etherPPP, []byte{0, 9, 0, 7}, make([]byte, 8), []byte{0xff, 3, 0, 0x57}, v6), "0x40 id 0x7 flags 0x3081 proto 0x880b in 47 " + in4},
		{"ERSPAN I", false, greIn(0, etherERSPAN, frame), gre(0, etherERSPAN)},
		{"ERSPAN II", false, greIn(0x1000, etherERSPAN, make([]byte, 4), erspan2, frame), "0x40 id 0x2a flags 0x1000 proto 0x88be in 47 " + in4},
		{"ERSPAN III", true, greIn(0x1000, etherERSPANIII, make([]byte, 4), erspan3, frame6), "0x40 id 0x2a flags 0x1000 proto 0x22eb in 47 " + in4},
		{"ERSPAN III with subheader", false, greIn(0x1000, etherERSPANIII, make([]byte, 4), erspan3[:11], []byte{1}, make([]byte, 8), frame), "0x40 id 0x2a flags 0x1000 proto 0x22eb in 47 " + in4},
		{"ERSPAN III of IP", false, greIn(0x1000, etherERSPANIII, make([]byte, 4), erspan3[:10], []byte{8, 0}, v4), "0x40 id 0x2a flags 0x1000 proto 0x22eb in 47 " + in4},
		{"IP in IP", false, ip(protoIPv4, v4), "0x100 id 0x0 flags 0x0 proto 0x0 in 4 " + in4},
		{"6in4", true, ip(protoIPv6, v6), "0x200 id 0x0 flags 0x0 proto 0x0 in 41 " + in4},
		{"AH in tunnel mode", false, ip(protoAH, []byte{4, 4}, make([]byte, 22), v4), "0x100 id 0x0 flags 0x0 proto 0x0 in 4 " + in4},
		{"VXLAN", false, udpIn(4789, []byte{8, 0, 0, 0, 0x12, 0x34, 0x56, 0}, frame), "0x4000000 id 0x123456 flags 0x0 proto 0x0" + udpIn4(4789)},
		{"VXLAN of old", true, udpIn(8472, []byte{8, 0, 0, 0, 0, 0, 1, 0}, frame6), "0x4000000 id 0x1 flags 0x0 proto 0x0" + udpIn4(8472)},
		{"VXLAN with policy", false, udpIn(4789, []byte{0x88, 0, 0, 9, 0, 0, 1, 0}, frame), "0x4000000 id 0x1 flags 0x0 proto 0x0" + udpIn4(4789)},
		{"VXLAN-GPE", false, udpIn(4790, []byte{12, 0, 0, 1, 0, 0, 1, 0}, v4), "0x4000000 id 0x1 flags 0x0 proto 0x0" + udpIn4(4790)},
		{"VXLAN-GPE IPv6", true, udpIn(4790, []byte{12, 0, 0, 2, 0, 0, 1, 0}, v6), "0x4000000 id 0x1 flags 0x0 proto 0x0" + udpIn4(4790)},
		{"VXLAN-GPE Ethernet", false, udpIn(4790, []byte{8, 0, 0, 0, 0, 0, 1, 0}, frame), "0x4000000 id 0x1 flags 0x0 proto 0x0" + udpIn4(4790)},
		{"VXLAN-GPE NSH", false, udpIn(4790, []byte{12, 0, 0, 4, 0, 0, 1, 0}, []byte{0, 2, 2, 3, 0, 0, 0, 0}, frame), "0x4000000 id 0x1 flags 0x0 proto 0x0" + udpIn4(4790)},
		{"Geneve", false, udpIn(6081, []byte{0, 0, 0x65, 0x58, 0, 0, 1, 0}, frame), "0x10000000 id 0x1 flags 0x0 proto 0x6558" + udpIn4(6081)},
		{"Geneve with options", true, udpIn(6081, []byte{3, 0x40, 0x86, 0xdd, 0, 0, 1, 0, 0, 0, 0, 1, 9, 9, 9, 9, 0, 0, 0, 0}, v6), "0x10000000 id 0x1 flags 0x0 proto 0x86dd" + udpIn4(6081)},
		{"GTP-U", false, udpIn(2152, []byte{0x30, 0xff, 0, 31, 0, 0, 0, 5}, v4), "0x20000000 id 0x5 flags 0x0 proto 0x0" + udpIn4(2152)},
		{"GTP-U with sequence", true, udpIn(2152, []byte{0x32, 0xff, 0, 55, 0, 0, 0, 5, 0, 1, 0, 0}, v6), "0x20000000 id 0x5 flags 0x0 proto 0x0" + udpIn4(2152)},
		{"GTP-U with extension headers", false, udpIn(2152, []byte{0x34, 0xff, 0, 47, 0, 0, 0, 5, 0, 0, 0, 0x85}, ext, v4), "0x20000000 id 0x5 flags 0x0 proto 0x0" + udpIn4(2152)},
		{"Teredo", true, udpIn(3544, v6), "0x400000 id 0x0 flags 0x0 proto 0x0" + udpIn4(3544)},
		{"Teredo with indications", true, udpIn(3544, auth, origin, v6), "0x400000 id 0x0 flags 0x0 proto 0x0" + udpIn4(3544)},
		{"L2TP", false, udpIn(1701, u16(2, 7, 9), ppp, v4), "0x8000000 id 0x70009 flags 0x0 proto 0x0" + udpIn4(1701)},
		{"L2TP with all fields", false, udpIn(1701, u16(0x4a02, 54, 7, 9, 0, 0, 5), []byte("pad00"), ppp, v4), "0x8000000 id 0x70009 flags 0x0 proto 0x0" + udpIn4(1701)},
		{"L2TPv3 over UDP", false, udpIn(1701, u16(3, 0, 0, 77), frame), "0x8000000 id 0x4d flags 0x0 proto 0x0" + udpIn4(1701)},
		{"L2TPv3 over IP", true, ip(protoL2TP, u16(0, 77), frame6), "0x8000000 id 0x4d flags 0x0 proto 0x0 in 115 " + in4},
		{"L2TPv3 with cookie and sublayer", false, ip(protoL2TP, u16(0, 77), make([]byte, 12), frame), "0x8000000 id 0x4d flags 0x0 proto 0x0 in 115 " + in4},
		{"L2TPv3 PPP", false, ip(protoL2TP, u16(0, 77), []byte("cook"), ppp, v4), "0x8000000 id 0x4d flags 0x0 proto 0x0 in 115 " + in4},
	}
}

// TestDecodeTunnels takes the same datagram out of every kind of tunnel, and leaves it in there.
func TestDecodeTunnels(t *testing.T) {
	for _, c := range tunnels() {
		t.Run(c.name, func(t *testing.T) {
			p, r := decode(LinkEthernet, c.data)
			want := "17 192.0.2.1:5 192.0.2.2:6 type 0x0 ip 31 payload 3"
			if c.six {
				want = "17 200100004136000000000000000000" + "01:5 " + b6 + ":6 type 0x0 ip 51 payload 3"
			}
			if got := summary(&p); got[:min(len(want), len(got))] != want || r != Decoded {
				t.Errorf("%s\n got %s\nwant %s", r, got, want)
			}
			if got := tunnelSummary(&p); got != c.want {
				t.Errorf("tunnel\n got %s\nwant %s", got, c.want)
			}
			if p.Encaps&p.Tunnel.Encaps == 0 || p.Encaps&flow.EncapsEthernet == 0 {
				t.Errorf("encapsulations %#x", p.Encaps)
			}
			if string(p.Payload) != "abc" || int(p.FrameLen) != len(c.data) || [6]byte(macA) != p.SrcMAC || [6]byte(macB) != p.DstMAC {
				t.Errorf("payload %q, %d octets of %d, from %x to %x", p.Payload, p.FrameLen, len(c.data), p.SrcMAC, p.DstMAC)
			}
			if ttl := map[bool]uint8{false: 64, true: 63}[c.six]; p.TTL != ttl || c.six && p.IPID != 0 {
				t.Errorf("TTL %d, id %d of the packet around it", p.TTL, p.IPID)
			}
			outer := p.Tunnel.Key
			d := Decoder{KeepOuter: true}
			super := frameOf(LinkEthernet, c.data)
			super.GSOSize = 2
			if d.Decode(c.data, super, &p); p.Segments != 2 || p.Has&flow.HasSegments == 0 {
				t.Errorf("kept closed, %d packets of 2 octets with 3 octets of payload", p.Segments)
			}
			if r := d.Decode(c.data, frameOf(LinkEthernet, c.data), &p); r != Decoded || p.Tunnel != nil || p.Key != outer || int(p.IPLen) != len(c.data)-14 {
				t.Errorf("kept closed: %s, %s, %s", r, summary(&p), tunnelSummary(&p))
			}
			var open Decoder
			if open.Decode(c.data, frameOf(LinkEthernet, c.data), &p); open.around.Payload != nil || d.aside.Payload != nil {
				t.Error("the decoder keeps what it was lent")
			}
			// Cut anywhere, the packet belongs to the flow inside or to the tunnel's.
			for n := 14 + 20 + 8; n < len(c.data); n++ {
				f := frameOf(LinkEthernet, c.data)
				var d Decoder
				d.Decode(c.data[:n:n], f, &p)
				if inside := p.Tunnel != nil && p.Tunnel.Key == outer && p.IPLen < uint32(len(c.data)-14); !inside && (p.Tunnel != nil || p.Key != outer && p.Proto != protoAH) {
					t.Fatalf("cut at %d: %s in %s", n, summary(&p), tunnelSummary(&p))
				}
			}
		})
	}
}

// TestDecodeTunnelsNested goes through tunnels in tunnels: the record has the outermost and all kinds, up to eight.
func TestDecodeTunnelsNested(t *testing.T) {
	nest := func(n int, b []byte) []byte {
		for range n {
			b = ipv4(protoGRE, u16(0, etherIPv4), b)
		}
		return ethernet(etherIPv4, b)
	}
	p, r := decode(LinkEthernet, nest(maxTunnels, innerIPv4()))
	if r != Decoded || p.SrcPort != 5 || p.Tunnel.Encaps != flow.EncapsGRE {
		t.Errorf("eight tunnels: %s, %s", r, summary(&p))
	}
	for _, n := range []int{maxTunnels + 1, 40} {
		if p, r = decode(LinkEthernet, nest(n, innerIPv4())); r != TunnelDepth || p.Proto != protoGRE || p.IPLen != uint32(31+24*(n-maxTunnels)) || p.Tunnel == nil {
			t.Errorf("%d tunnels: %s, %s", n, r, summary(&p))
		}
	}
	vxlan := join([]byte{8, 0, 0, 0, 0, 0, 1, 0}, innerFrame(etherVLAN, join(vlan(9, etherIPv4), ipv4(protoIPv6, innerIPv6()))))
	p, r = decode(LinkEthernet, ethernet(etherVLAN, vlan(7, etherIPv4), ipv4(flow.ProtoUDP, udp(1, 4789, vxlan))))
	want := flow.EncapsEthernet | flow.EncapsVLAN | flow.EncapsVXLAN | flow.EncapsIPv6
	if r != Decoded || p.Family != flow.FamilyIPv6 || p.Encaps != want || p.Tunnel.Encaps != flow.EncapsVXLAN || p.VLAN != 9 {
		t.Errorf("%s: %s, VLAN %d, %s", r, summary(&p), p.VLAN, tunnelSummary(&p))
	}
}

// TestDecodeTunnelsBounds: what is inside ends where the UDP header says, although the frame goes on.
func TestDecodeTunnelsBounds(t *testing.T) {
	b := udpIn(portVXLAN, []byte{8, 0, 0, 0, 0, 0, 1, 0}, innerFrame(etherIPv4, innerIPv4()))
	b[14+20+5] -= 3
	if p, r := decode(LinkEthernet, b); r != IPLength || p.SrcPort != 5 || len(p.Payload) != 0 {
		t.Errorf("%s: %s, payload %q", r, summary(&p), p.Payload)
	}
}

// TestDecodeTunnelsFragments: the first fragment of a tunnel's packet has the inner headers, the others belong to the tunnel.
func TestDecodeTunnelsFragments(t *testing.T) {
	inner := ipv4(flow.ProtoTCP, tcp(5, 6, flow.ACK, nil, make([]byte, 1000)))
	whole := join(u16(0, etherIPv4), inner)
	first := ethernet(etherIPv4, ipv4With(protoGRE, nil, 0x2000, whole[:96]))
	p, r := decode(LinkEthernet, first)
	if r != Decoded || !p.IsTCP() || p.IPLen != 1040 || p.PayloadLen != 96-4-40 || p.Has&fragBits != 0 {
		t.Errorf("first: %s %s", r, summary(&p))
	}
	deeper := join(u16(0, etherIPv4), ipv4(protoIPv4, inner))
	p, r = decode(LinkEthernet, ethernet(etherIPv4, ipv4With(protoGRE, nil, 0x2000, deeper[:96])))
	if r != Decoded || !p.IsTCP() || p.IPLen != 1040 {
		t.Errorf("first, two tunnels deep: %s %s", r, summary(&p))
	}
	p, r = decode(LinkEthernet, ethernet(etherIPv4, ipv4With(protoGRE, nil, 96/8, whole[96:])))
	if r != Decoded || p.Proto != protoGRE || p.Tunnel != nil || p.Has&fragBits != fragBits {
		t.Errorf("later: %s %s", r, summary(&p))
	}
	big := udp(5, 6, make([]byte, 1000))
	v4, v6 := ipv4(flow.ProtoUDP, big), ipv6(flow.ProtoUDP, big)
	copy(v6[8:], []byte{0x20, 1, 0, 0}) // Teredo's
	for port, head := range map[int][]byte{portGTPU: join([]byte{0x30, 0xff}, u16(len(v4), 0, 5), v4), portTeredo: v6,
		portL2TP: join(u16(0x4002, 10+len(v4), 7, 9), []byte{0, 0x21}, v4)} { // tunnels that tell a length
		p, r = decode(LinkEthernet, ethernet(etherIPv4, ipv4With(flow.ProtoUDP, nil, 0x2000, udp(1, port, head)[:96])))
		if r != Decoded || p.Tunnel == nil || p.SrcPort != 5 || p.PayloadLen != 1000 {
			t.Errorf("first, of port %d: %s %s", port, r, summary(&p))
		}
	}
	p, r = decode(LinkEthernet, ethernet(etherIPv4, ipv4(protoIPv4, ipv4With(flow.ProtoUDP, nil, 3, make([]byte, 16)))))
	if r != Decoded || p.Proto != flow.ProtoUDP || p.Has&fragBits != fragBits || p.Tunnel == nil || p.IPLen != 36 {
		t.Errorf("a fragment in a tunnel: %s %s", r, summary(&p))
	}
	p, r = decode(LinkEthernet, ethernet(etherIPv4, ipv4With(flow.ProtoUDP, nil, 0x2000, udp(1, 2152, make([]byte, 1400))[:48])))
	if r != Decoded || p.DstPort != 2152 || p.Has&fragBits != flow.HasFragment {
		t.Errorf("a first fragment without a tunnel: %s %s", r, summary(&p))
	}
}
