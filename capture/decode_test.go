package capture

import (
	"fmt"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

const (
	hasEther = flow.HasMAC
	fragBits = flow.HasFragment | flow.HasLaterFragment
)

// summary is what the table tests look at: tuple, lengths and what was seen on the way.
func summary(p *flow.Packet) string {
	end := func(a [16]byte, port uint16) string {
		switch p.Family {
		case flow.FamilyNone:
			return "-"
		case flow.FamilyEthernet, flow.FamilyRARP:
			return fmt.Sprintf("%x:%d", a[:6], port)
		case flow.FamilyARP, flow.FamilyIPv4:
			return fmt.Sprintf("%d.%d.%d.%d:%d", a[0], a[1], a[2], a[3], port)
		}
		return fmt.Sprintf("%x:%d", a[:], port)
	}
	return fmt.Sprintf("%d %s %s type %#x ip %d payload %d encaps %#x has %#x",
		p.Proto, end(p.Src, p.SrcPort), end(p.Dst, p.DstPort), p.Type, p.IPLen, p.PayloadLen, p.Encaps, p.Has)
}

const (
	a4, b4 = "10.0.0.1", "10.0.0.2"
	a6, b6 = "20010db8000000000000000000000001", "20010db8000000000000000000000002"
	aM, bM = "02000000000a", "02000000000b"
)

var dgram = udp(5, 6, []byte("abc")) // 11 octets

// TestDecodeTransports has one packet of each kind of flow.
func TestDecodeTransports(t *testing.T) {
	ip4 := func(proto int, body ...[]byte) []byte { return ethernet(etherIPv4, ipv4(proto, body...)) }
	ip6 := func(next int, body ...[]byte) []byte { return ethernet(etherIPv6, ipv6(next, body...)) }
	ext := func(next int) []byte { return []byte{byte(next), 0, 1, 4, 0, 0, 0, 0} }
	frag6 := func(next, offset int) []byte { return join([]byte{byte(next), 0}, u16(offset), []byte{0, 0, 0, 77}) }
	echo := join([]byte{8, 0}, u16(0, 0x1111, 0x2222), []byte("data"))
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"TCP", "6 10.0.0.1:1 10.0.0.2:2 type 0x0 ip 43 payload 3", ip4(6, tcp(1, 2, flow.ACK, nil, []byte("abc")))},
		{"TCP with options", "6 10.0.0.1:1 10.0.0.2:2 type 0x0 ip 60 payload 0", ip4(6, tcp(1, 2, flow.SYN, synOptions, nil))},
		{"UDP-Lite", "136 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 31 payload 3", ip4(136, dgram)},
		{"DCCP", "33 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 32 payload 0", ip4(33, u16(5, 6, 0, 0, 0, 0))},
		{"SCTP", "132 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 36 payload 4", ip4(132, u16(5, 6, 0, 0, 0, 0, 0, 4))},
		{"ICMP echo", "1 10.0.0.1:4369 10.0.0.2:8738 type 0x800 ip 32 payload 12", ip4(1, echo)},
		{"ICMP unreachable", "1 10.0.0.1:0 10.0.0.2:0 type 0x303 ip 60 payload 40", ip4(1, []byte{3, 3, 0, 0, 1, 2, 3, 4}, ipv4(17, u16(1, 2, 8, 0)), make([]byte, 4))},
		{"ICMPv6 echo", "58 " + a6 + ":4369 " + b6 + ":8738 type 0x8000 ip 52 payload 12", ip6(58, []byte{128, 0}, echo[2:])},
		{"neighbour solicitation", "58 " + a6 + ":0 " + b6 + ":0 type 0x8700 ip 64 payload 24", ip6(58, []byte{135, 0, 0, 0, 0, 0, 0, 0}, ip6B)},
		{"IGMP", "2 10.0.0.1:0 10.0.0.2:0 type 0x1600 ip 28 payload 8", ip4(2, []byte{0x16, 0, 0, 0, 224, 0, 0, 9})},
		{"ESP", "50 10.0.0.1:57005 10.0.0.2:48879 type 0x0 ip 40 payload 20", ip4(50, []byte{0xde, 0xad, 0xbe, 0xef}, make([]byte, 16))},
		{"OSPF", "89 10.0.0.1:0 10.0.0.2:0 type 0x0 ip 44 payload 24", ip4(89, make([]byte, 24))},
		{"AH", "17 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 55 payload 3", ip4(51, []byte{17, 4}, make([]byte, 22), dgram)},
		{"no next header", "59 " + a6 + ":0 " + b6 + ":0 type 0x0 ip 40 payload 0", ip6(59)},
		{"extension headers", "17 " + a6 + ":5 " + b6 + ":6 type 0x0 ip 75 payload 3", ip6(0, ext(43), ext(60), ext(17), dgram)},
		{"AH in IPv6, then an extension header", "17 " + a6 + ":5 " + b6 + ":6 type 0x0 ip 83 payload 3", ip6(51, []byte{60, 4}, make([]byte, 22), ext(17), dgram)},
		{"TSO: total length 0", "6 10.0.0.1:1 10.0.0.2:2 type 0x0 ip 3040 payload 3000", func() []byte {
			b := ip4(6, tcp(1, 2, flow.ACK, nil, make([]byte, 3000)))
			b[16], b[17] = 0, 0
			return b
		}()},
		{"ARP", "0 10.0.0.1:0 10.0.0.2:0 type 0x1 ip 0 payload 28", ethernet(etherARP, arp(1), make([]byte, 18))},
		{"RARP", "0 " + aM + ":0 " + bM + ":0 type 0x3 ip 0 payload 28", ethernet(etherRARP, arp(3))},
		{"ARP for AppleTalk", "0 " + aM + ":0 " + bM + ":0 type 0x806 ip 0 payload 42", ethernet(etherARP, u16(1, 0x809b), arp(1)[4:])},
		{"LLDP", "0 " + aM + ":0 " + bM + ":0 type 0x88cc ip 0 payload 64", ethernet(0x88cc, make([]byte, 50))},
		{"PPPoE discovery", "0 " + aM + ":0 " + bM + ":0 type 0x8863 ip 0 payload 34", ethernet(0x8863, make([]byte, 20))},
		{"spanning tree", "0 " + aM + ":66 " + bM + ":66 type 0x0 ip 0 payload 52", ethernet(38, []byte{0x42, 0x42, 3}, make([]byte, 35))},
		{"CDP", "0 " + aM + ":170 " + bM + ":170 type 0x0 ip 0 payload 52", ethernet(38, []byte{0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0}, make([]byte, 30))},
		{"LCP in PPPoE", "0 " + aM + ":0 " + bM + ":0 type 0x8864 ip 0 payload 32", ethernet(etherPPPoE, []byte{0x11, 0, 0, 9, 0, 12, 0xc0, 0x21}, make([]byte, 10))},
		{"first fragment", "17 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 36 payload 1000", ethernet(etherIPv4, ipv4With(17, nil, 0x2000, u16(5, 6, 1008, 0), make([]byte, 8)))},
		{"later fragment", "17 10.0.0.1:0 10.0.0.2:0 type 0x0 ip 36 payload 0", ethernet(etherIPv4, ipv4With(17, nil, 0x0001, make([]byte, 16)))},
		{"later fragment of ICMP", "1 10.0.0.1:0 10.0.0.2:0 type 0x0 ip 36 payload 16", ethernet(etherIPv4, ipv4With(1, nil, 0x0001, make([]byte, 16)))},
		{"first fragment IPv6", "17 " + a6 + ":5 " + b6 + ":6 type 0x0 ip 64 payload 1000", ip6(44, frag6(17, 1), u16(5, 6, 1008, 0), make([]byte, 8))},
		{"later fragment IPv6", "17 " + a6 + ":0 " + b6 + ":0 type 0x0 ip 56 payload 0", ip6(44, frag6(17, 8), make([]byte, 8))},
		{"later fragment IPv6 of an extension header", "60 " + a6 + ":0 " + b6 + ":0 type 0x0 ip 56 payload 8", ip6(44, frag6(60, 8), make([]byte, 8))},
		{"atomic fragment", "6 " + a6 + ":1 " + b6 + ":2 type 0x0 ip 71 payload 3", ip6(44, frag6(6, 0), tcp(1, 2, flow.ACK, nil, []byte("abc")))},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, r := decode(LinkEthernet, c.data)
			got := summary(&p)
			if len(got) < len(c.want)+8 || got[:len(c.want)+8] != c.want+" encaps " || r != Decoded {
				t.Errorf("%s\n got %s\nwant %s", r, got, c.want)
			}
		})
	}
}

// TestDecodeJumbo: what is longer than 16 bits can tell counts as long as it is, and a tunnel in it is opened.
func TestDecodeJumbo(t *testing.T) {
	const size = 80000
	segment := tcp(1, 2, flow.ACK, nil, make([]byte, size))
	datagram := join(u16(5, portGeneve, 0, 0, 0, etherIPv6, 0, 0x900), ipv6(flow.ProtoTCP, segment)) // UDP length 0
	jumbo := func(next int, body []byte) []byte {
		b := ipv6(extHopByHop, []byte{byte(next), 0, 0xc2, 4, 0, byte((len(body) + 8) >> 16), byte((len(body) + 8) >> 8), byte(len(body) + 8)}, body)
		b[4], b[5] = 0, 0
		return b
	}
	big4, big6 := ipv4(flow.ProtoTCP, segment), ipv6(flow.ProtoUDP, datagram) // as Linux has them (BIG TCP): without the option
	copy(big4[2:], []byte{0, 0})
	copy(big6[4:], []byte{0, 0})
	copy(big6[40+16+4:], []byte{0, 0}) // and the packet in it
	big4[10], big4[11] = 0, 0
	for _, c := range []struct {
		name, want string
		data       []byte
		segments   uint32
	}{
		{"TCP", "6 " + a6 + ":1 " + b6 + ":2 type 0x0 ip 80068 payload 80000", ethernet(etherIPv6, jumbo(6, segment)), 56},
		{"UDP", "17 " + a6 + ":5 " + b6 + ":9 type 0x0 ip 80056 payload 80000", ethernet(etherIPv6, jumbo(17, join(u16(5, 9, 0, 0), make([]byte, size)))), 56},
		{"IPv4", "6 10.0.0.1:1 10.0.0.2:2 type 0x0 ip 80040 payload 80000", ethernet(etherIPv4, big4), 56},
		{"in Geneve", "6 " + a6 + ":1 " + b6 + ":2 type 0x0 ip 80060 payload 80000", ethernet(etherIPv6, big6), 56},
		{"nothing but padding", "59 " + a6 + ":0 " + b6 + ":0 type 0x0 ip 40 payload 0", ethernet(etherIPv6, ipv6(59), make([]byte, 6)), 1},
	} {
		f := frameOf(LinkEthernet, c.data)
		f.GSOSize = 1440
		var d Decoder
		var p flow.Packet
		r := d.Decode(c.data[:min(len(c.data), 256)], f, &p)
		if got := summary(&p); r != Decoded || got[:len(c.want)] != c.want || p.Segments != c.segments {
			t.Errorf("%s: %s\n got %s, %d segments\nwant %s, %d", c.name, r, got, p.Segments, c.want, c.segments)
		}
	}
}

func TestDecodeFields(t *testing.T) {
	var d Decoder
	var p flow.Packet
	router := []byte{148, 4, 0, 0, 7, 4, 0, 0, 1, 1, 1, 0}
	data := ethernet(etherVLAN, vlan(0x6005, etherIPv4), ipv4With(6, router, 0x4000, tcp(1, 2, flow.SYN|flow.ECE, synOptions, nil)))
	f := frameOf(LinkEthernet, data)
	f.Length = 99
	f.HasVLAN, f.VLANTCI = true, 9 // the outer tag, which the kernel took out
	if r := d.Decode(data, f, &p); r != Decoded {
		t.Fatal(r)
	}
	if p.FrameLen != 103 || p.VLAN != 0x6005 || p.EtherType != etherIPv4 || p.Time != f.Timestamp.UnixNano() || p.Segments != 1 {
		t.Errorf("frame: %+v", p)
	}
	if p.TTL != 64 || p.TOS != 0x10 || p.IPID != 0x1234 || p.IPOptions != flow.IPOptRouterAlert|flow.IPOptRecordRoute || p.Has&fragBits != 0 {
		t.Errorf("IP: %+v", p)
	}
	want := flow.TCPHeader{Seq: 0x01020304, Ack: 0x05060708, Window: 8192, Flags: flow.SYN | flow.ECE, WindowShift: 7, MSS: 1460,
		Options: flow.TCPMSS | flow.TCPSACKOK | flow.TCPTimestamp | flow.TCPWindowScale}
	if p.TCP != want {
		t.Errorf("TCP: %+v, want %+v", p.TCP, want)
	}
	data = ethernet(etherIPv6, ipv6(44, []byte{17, 0, 0, 8, 0xa, 0xb, 0xc, 0xd}, make([]byte, 9)))
	d.Decode(data, frameOf(LinkEthernet, data), &p)
	if p.TTL != 63 || p.TOS != 0x23 || p.FragID != 0x0a0b0c0d || p.Has&fragBits != fragBits || p.TCP != (flow.TCPHeader{}) || p.VLAN != 0 {
		t.Errorf("IPv6, after another packet: %+v", p)
	}
	data = ethernet(etherIPv4, ipv4(6, tcp(1, 2, flow.ACK, nil, make([]byte, 4000))))
	f = frameOf(LinkEthernet, data)
	f.GSOSize = 1448
	if d.Decode(data, f, &p); p.Segments != 3 || p.Has&flow.HasSegments == 0 {
		t.Errorf("%d segments", p.Segments)
	}
}

func TestDecodeAllocates(t *testing.T) {
	frames := [][]byte{
		ethernet(etherIPv4, ipv4(6, tcp(1, 2, flow.SYN, synOptions, nil))),
		ethernet(etherVLAN, vlan(1, etherIPv6), ipv6(60, []byte{17, 0, 0, 0, 0, 0, 0, 0}, dgram)),
		ethernet(etherARP, arp(1)), ethernet(etherMPLS, make([]byte, 80)), macA,
	}
	for _, c := range tunnels() {
		frames = append(frames, c.data)
	}
	frames = append(frames, ethernet(etherIPv4, ipv4(1, []byte{3, 3, 0, 0, 0, 0, 0, 0}, ipv4(17, dgram))))
	var d Decoder
	var p flow.Packet
	var f Frame
	f.Link = LinkEthernet
	if n := testing.AllocsPerRun(100, func() {
		for _, data := range frames {
			d.Decode(data, &f, &p)
		}
	}); n != 0 { // 0, 2025-11
		t.Errorf("%v allocations", n)
	}
}
