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
		{"UDP-Lite", "136 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 31 payload 0", ip4(136, dgram)},
		{"DCCP", "33 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 32 payload 0", ip4(33, u16(5, 6, 0, 0, 0, 0))},
		{"SCTP", "132 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 36 payload 0", ip4(132, u16(5, 6, 0, 0, 0, 0, 0, 4))},
		{"ICMP echo", "1 10.0.0.1:4369 10.0.0.2:8738 type 0x800 ip 32 payload 12", ip4(1, echo)},
		{"ICMP unreachable", "1 10.0.0.1:0 10.0.0.2:0 type 0x303 ip 60 payload 40", ip4(1, []byte{3, 3, 0, 0, 1, 2, 3, 4}, ipv4(17, u16(1, 2, 8, 0)), make([]byte, 4))},
		{"ICMPv6 echo", "58 " + a6 + ":4369 " + b6 + ":8738 type 0x8000 ip 52 payload 12", ip6(58, []byte{128, 0}, echo[2:])},
		{"neighbour solicitation", "58 " + a6 + ":0 " + b6 + ":0 type 0x8700 ip 64 payload 24", ip6(58, []byte{135, 0, 0, 0, 0, 0, 0, 0}, ip6B)},
		{"IGMP", "2 10.0.0.1:0 10.0.0.2:0 type 0x1600 ip 28 payload 0", ip4(2, []byte{0x16, 0, 0, 0, 224, 0, 0, 9})},
		{"ESP", "50 10.0.0.1:57005 10.0.0.2:48879 type 0x0 ip 40 payload 0", ip4(50, []byte{0xde, 0xad, 0xbe, 0xef}, make([]byte, 16))},
		{"OSPF", "89 10.0.0.1:0 10.0.0.2:0 type 0x0 ip 44 payload 0", ip4(89, make([]byte, 24))},
		{"GRE is not decapsulated", "47 10.0.0.1:0 10.0.0.2:0 type 0x0 ip 55 payload 0", ip4(47, u16(0, etherIPv4), ipv4(17, dgram))},
		{"AH", "17 10.0.0.1:5 10.0.0.2:6 type 0x0 ip 55 payload 3", ip4(51, []byte{17, 4}, make([]byte, 22), dgram)},
		{"no next header", "59 " + a6 + ":0 " + b6 + ":0 type 0x0 ip 40 payload 0", ip6(59)},
		{"extension headers", "17 " + a6 + ":5 " + b6 + ":6 type 0x0 ip 75 payload 3", ip6(0, ext(43), ext(60), ext(17), dgram)},
		{"AH in IPv6, then an extension header", "17 " + a6 + ":5 " + b6 + ":6 type 0x0 ip 83 payload 3", ip6(51, []byte{60, 4}, make([]byte, 22), ext(17), dgram)},
		{"TSO: total length 0", "6 10.0.0.1:1 10.0.0.2:2 type 0x0 ip 0 payload 3000", func() []byte {
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
		if r.String() == "" {
			t.Errorf("reason %d has no name", r)
		}
	}
	if Reason(200).String() == "" {
		t.Error("a reason without a name")
	}
}

func TestDecodeAllocates(t *testing.T) {
	frames := [][]byte{
		ethernet(etherIPv4, ipv4(6, tcp(1, 2, flow.SYN, synOptions, nil))),
		ethernet(etherVLAN, vlan(1, etherIPv6), ipv6(60, []byte{17, 0, 0, 0, 0, 0, 0, 0}, dgram)),
		ethernet(etherARP, arp(1)), ethernet(etherMPLS, make([]byte, 80)), macA,
	}
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
