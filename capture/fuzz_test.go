package capture

import (
	"bytes"
	"errors"
	"testing"
	"unsafe"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// within tells whether part is a piece of whole.
func within(part, whole []byte) bool {
	if len(part) == 0 {
		return true
	}
	a, b := uintptr(unsafe.Pointer(&part[0])), uintptr(unsafe.Pointer(&whole[0]))
	return a >= b && a+uintptr(len(part)) <= b+uintptr(len(whole))
}

// tunnelKinds are the encapsulations that hide a flow in another.
const tunnelKinds = flow.EncapsGRE | flow.EncapsIPIP | flow.EncapsIPv6 | flow.EncapsTeredo | flow.EncapsVXLAN | flow.EncapsL2TP |
	flow.EncapsGeneve | flow.EncapsGTP

// outcome is all that a decoder says of a frame.
type outcome struct {
	reason  Reason
	key     flow.Key
	tcp     flow.TCPHeader
	numbers [14]uint32
	tunnel  flow.Tunnel
	quote   flow.Quote
	payload string
}

func outcomeOf(p *flow.Packet, r Reason) outcome {
	o := outcome{reason: r, key: p.Key, tcp: p.TCP, payload: string(p.Payload), numbers: [...]uint32{
		p.FrameLen, p.IPLen, p.PayloadLen, p.Segments, uint32(p.EtherType), uint32(p.VLAN), p.MPLS, uint32(p.Encaps), uint32(p.Has),
		uint32(p.TTL)<<8 | uint32(p.TOS), uint32(p.IPID), p.IPOptions, p.FragID, p.ESPSeq}}
	if p.Tunnel != nil {
		o.tunnel = *p.Tunnel
	}
	if p.Quote != nil {
		o.quote = *p.Quote
	}
	return o
}

func FuzzDecode(f *testing.F) {
	v4, v6 := ipv4(17, dgram), ipv6(0, []byte{6, 0, 0, 0, 0, 0, 0, 0}, tcp(1, 2, 2, synOptions, nil))
	for link, data := range map[LinkType][]byte{
		LinkEthernet:    ethernet(etherVLAN, vlan(7, etherIPv6), v6),
		LinkNull:        join([]byte{2, 0, 0, 0}, v4),
		LinkLoop:        join([]byte{0, 0, 0, 24}, v6),
		LinkPPP:         join([]byte{0xff, 3, 0, 0x57}, v6),
		LinkPPPSerial:   join([]byte{0x0f, 0, 8, 0}, v4),
		LinkPPPEther:    join([]byte{0x11, 0, 0, 1, 0, 60, 0, 0x21}, v4),
		LinkCiscoHDLC:   join([]byte{0x0f, 0, 0x80, 0x35}, v4),
		LinkFDDI:        join([]byte{0x50}, macB, macA, []byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, v4),
		LinkARCNET:      join([]byte{1, 2, 0xd4, 0, 0, 9}, v4),
		LinkARCNETLinux: join([]byte{1, 2, 0, 0, 0xf0}, v4),
		LinkRaw:         ipv4With(6, []byte{7, 4, 0, 0}, 0x2000, tcp(1, 2, 2, synOptions, nil)),
		LinkRawBSD:      ipv6(44, []byte{51, 0, 0, 1, 0, 0, 0, 1}, []byte{17, 4}, make([]byte, 22), dgram),
		LinkIPv4:        ipv4(1, []byte{8, 0, 0, 0, 1, 2, 3, 4}),
		LinkIPv6:        v6,
		LinkWLAN:        join([]byte{0x88, 3, 0, 0}, macA, macB, macA, []byte{0, 0}, macB, []byte{0, 0, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, v4),
		LinkRadiotap:    join([]byte{0, 0, 8, 0, 0, 0, 0, 0, 8, 2, 0, 0}, macA, macB, macA, []byte{0, 0, 0x42, 0x42, 3}),
		LinkFrameRelay:  join([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0}, v4),
		LinkSLL:         join(u16(0, 1, 6), macA, []byte{0, 0}, u16(etherARP), arp(1)),
		LinkSLL2:        join(u16(etherMPLS, 0, 0, 3, 1), []byte{0, 6}, macA, []byte{0, 0, 0, 1, 1, 64}, v4),
		LinkNFLOG:       join([]byte{2, 0, 0, 1, 35, 0, 9, 0}, v4),
	} {
		f.Add(uint16(link), data, uint16(0))
		f.Add(uint16(LinkEthernet), ethernet(etherIPv4, data), uint16(1000))
	}
	for _, c := range tunnels() {
		f.Add(uint16(LinkEthernet), c.data, uint16(0))
		f.Add(uint16(LinkRaw), c.data[14:], uint16(1))
	}
	f.Add(uint16(LinkIPv4), ipv4(1, []byte{5, 0, 0, 0, 1, 2, 3, 4}, ipv4With(6, []byte{7, 4, 0, 0}, 0, tcp(1, 2, 2, nil, nil))), uint16(0))
	f.Add(uint16(LinkIPv6), ipv6(58, make([]byte, 8), ipv6(44, []byte{17, 0, 0, 1, 0, 0, 0, 1}, udp(53, 9, make([]byte, 12)))), uint16(0))
	f.Fuzz(func(t *testing.T, link uint16, data []byte, cut uint16) {
		data = data[:len(data):len(data)]
		fr := frameOf(LinkType(link), data)
		fr.Length += int(cut)
		d := Decoder{DNSTransactions: true}
		var p flow.Packet
		r := d.Decode(data, fr, &p)
		if d.Counts()[r] != 1 {
			t.Errorf("reason %v is not counted", r)
		}
		if int(p.FrameLen) != fr.Length || !within(p.Payload, data) || int(p.IPLen) > max(40+0xffff, fr.Length) {
			t.Errorf("%s, %d octets of payload in %d", summary(&p), len(p.Payload), len(data))
		}
		// No length of the transport header is believed that exceeds what one packet can have or the frame has.
		if int(p.PayloadLen) > max(0xffff, fr.Length) {
			t.Errorf("payload of %d in a frame of %d", p.PayloadLen, fr.Length)
		}
		if r == Decoded && p.Family == flow.FamilyNone {
			t.Error("decoded without a flow")
		}
		if r == SnapLength && cut == 0 {
			t.Error("a whole frame is called cut")
		}
		if (p.Tunnel != nil) != (p.Encaps&tunnelKinds != 0) || p.Tunnel != nil && (p.IPLen == 0 && p.Family == flow.FamilyIPv6 || p.Tunnel.Key.Family == flow.FamilyNone) {
			t.Errorf("%s in %s", summary(&p), tunnelSummary(&p))
		}
		// What stands behind the captured octets has no say, nor what a frame before has left.
		first := outcomeOf(&p, r)
		for _, poison := range []byte{0, 0x45, 0xff} {
			whole := append(append(make([]byte, 0, len(data)+100), data...), bytes.Repeat([]byte{poison}, 100)...)
			r := d.Decode(whole[:len(data)], fr, &p)
			if again := outcomeOf(&p, r); again != first {
				t.Errorf("with %#x behind it %+v, want %+v", poison, again, first)
			}
		}
	})
}

// fuzzFile reads a file to its end: every frame comes from it, once, and the end is an error that stays.
func fuzzFile(t *testing.T, file []byte) {
	s, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return
	}
	var f Frame
	lent := 0
	for {
		data, err := s.Next(&f, 0)
		if errors.Is(err, ErrTimeout) {
			t.Fatal("a file does not time out")
		}
		if err != nil {
			break
		}
		if lent += len(data); lent > len(file) || len(data) != f.CaptureLength || len(data) > maxRecord || f.Length < 0 {
			t.Fatalf("%d octets lent of %d, frame %+v", lent, len(file), f)
		}
	}
	if _, err := s.Next(&f, 0); err == nil {
		t.Error("a frame after the end")
	}
}

func FuzzPcap(f *testing.F) {
	f.Add(benchFile(2))
	for _, w := range fileOrders {
		f.Add(w.header(0xa1b2cd34, 2, 3, 1).u32(1, 2, 3, 3, 4, 5).text("abc").b)
	}
	f.Fuzz(fuzzFile)
}

func FuzzPcapng(f *testing.F) {
	for _, w := range fileOrders {
		w.section().iface(LinkRaw, 3, []byte{9, 9}, []byte{14, 0, 0, 0, 0, 0, 0, 0, 9})
		w.enhanced(0, 7_000_000_042, 3, []byte("nan"), []byte{2, 0, 0, 0, 2})
		w.block(pcapngObsolete, func(w *fileWriter) { w.u16(0, 5).u32(0, 8_000_000, 3, 99).text("old") })
		w.block(pcapngSimple, func(w *fileWriter) { w.u32(6).text("sim") })
		w.block(99, func(w *fileWriter) { w.u32(6) })
		f.Add(w.b)
		f.Add(w.section().b)
	}
	f.Fuzz(fuzzFile)
}

func FuzzBlock(f *testing.F) {
	f.Add(newBlock(400, ringFrame{data: []byte("abc"), wire: 60}, ringFrame{data: []byte("de"), wire: 2, status: statusVLAN}), false)
	f.Add(newBlock(200, ringFrame{data: []byte("abc"), step: 1 << 31}), true)
	f.Fuzz(func(t *testing.T, mem []byte, vnet bool) {
		mem = mem[:len(mem):len(mem)]
		var fr Frame
		b := openBlock(mem, vnet)
		for n := b.left; ; n-- {
			data, ok := b.next(&fr)
			if !ok {
				break
			}
			if n == 0 || !within(data, mem) || fr.Length < 0 {
				t.Fatalf("frame %+v, %d octets", fr, len(data))
			}
		}
		if _, ok := b.next(&fr); ok {
			t.Error("a frame after the end")
		}
	})
}
