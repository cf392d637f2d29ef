package argus

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// dsrOf returns the DSR of a type in a record, as hexadecimal digits.
func dsrOf(t *testing.T, b []byte, typ uint8) string {
	t.Helper()
	for d := b[4:]; len(d) >= 4; {
		n := int(d[3]) * 4
		if d[0] == dsrUserData {
			n = int(be.Uint16(d[2:])) * 4
		}
		if d[0] == typ {
			return hex.EncodeToString(d[:n])
		}
		d = d[n:]
	}
	return ""
}

// TestDSRs spells out the octets of what a meter fills, by the sections of the Argus record format.
func TestDSRs(t *testing.T) {
	udp := func(change func(*flow.Record)) *flow.Record {
		r := &flow.Record{Cause: flow.CauseStart, Key: key(flow.FamilyIPv4, 17, "10.0.0.1", 5555, "10.0.0.2", 9999, 0)}
		r.Side[0] = flow.Side{Packets: 2, Bytes: 120, First: base, Last: base + 1e6}
		change(r)
		return r
	}
	for name, c := range map[string]struct {
		typ    uint8
		record *flow.Record
		want   string
	}{
		"sizes of one side (2.5)": {0x12, udp(func(r *flow.Record) { r.Side[0].MinSize, r.Side[0].MaxSize = 62, 64 }), "12010602003e0040"},
		"sizes of both with distribution (2.5)": {0x12, udp(func(r *flow.Record) {
			r.Side[0].MinSize, r.Side[0].MaxSize, r.Side[0].Sizes = 60, 60, 0xf0000000
			r.Side[1].MinSize, r.Side[1].MaxSize, r.Side[1].Sizes = 60, 60, 0x0000000f
		}), "12070205" + "003c003c" + "003c003c" + "f0000000" + "0000000f"},
		"times between packets (2.10): n, least, mean, deviation, most; the distribution little-endian": {0x46, udp(func(r *flow.Record) {
			r.Side[0].Active = flow.Intervals{N: 5, Min: 5000, Mean: 33000, StdDev: 18867.962, Max: 60000, Bins: 0x12345678}
			r.Side[1].Idle = flow.Intervals{N: 1, Min: 1, Mean: 1, Max: 1, Bins: 0xf0000000}
		}), "4601090d" + "00000005" + "459c4000" + "4700e800" + "469367ed" + "476a6000" + "78563412" + "00000001" + "3f800000" + "3f800000" + "00000000" + "3f800000" + "000000f0"},
		"user data (2.11): limit and count": {0x50, udp(func(r *flow.Record) { r.Side[0].Data = []byte("raw") }), "5090000300030003" + "72617700"},
		"ICMP port unreachable (2.7)": {0x34, udp(func(r *flow.Record) {
			r.ICMP = flow.ICMPReport{Type: 3, Code: 3, Family: flow.FamilyIPv4, From: [16]byte{10, 0, 0, 2}, To: [16]byte{10, 0, 0, 1}}
		}), "34000108030300000a0000020a0000010a0000010a0000020000000000000000"},
		"GRE (2.14) with the outer flow": {0x41, udp(func(r *flow.Record) {
			r.Tunnel = flow.Tunnel{Encaps: flow.EncapsGRE, Proto: 0x0800, Key: key(flow.FamilyIPv4, 47, "10.0.0.1", 0, "10.0.0.2", 0, 0)}
		}), "4100000700000800" + "020101050a0000010a0000022f00000000000000"},
		"VXLAN (2.14) of the side that had packets": {0x43, udp(func(r *flow.Record) {
			r.Tunnel = flow.Tunnel{Encaps: flow.EncapsVXLAN, ID: 5001, Key: key(flow.FamilyIPv4, 17, "10.0.0.1", 5000, "10.0.0.2", 4789, 0)}
		}), "4300010800001389" + "00000000" + "020101050a0000010a00000211001388" + "12b50000"},
		"VXLAN of an answer alone (2.14)": {0x43, udp(func(r *flow.Record) {
			r.Side[0], r.Side[1] = r.Side[1], r.Side[0]
			r.Tunnel = flow.Tunnel{Encaps: flow.EncapsVXLAN, ID: 5001}
		}), "43000203" + "00000000" + "00001389"},
		"Geneve (2.14)": {0x45, udp(func(r *flow.Record) { r.Tunnel = flow.Tunnel{Encaps: flow.EncapsGeneve, ID: 99, Proto: 0x6558} }), "45000003" + "00006558" + "00000063"},
		"other link addresses later (2.8)": {0x42, udp(func(r *flow.Record) {
			r.HasMAC, r.MultiMAC, r.SrcMAC, r.DstMAC, r.EtherType = true, true, macA, macB, 0x0800
		}), "42000305" + "02000000000b" + "02000000000a" + "00080000"},
		"ARP with an answer (2.6)": {0x30, &flow.Record{Key: flow.Key{Family: flow.FamilyARP, Type: 1}, Responder: macB}, "3010000302000000000b0000"},
		"ESP (2.6)": {0x30, &flow.Record{Key: key(flow.FamilyIPv4, 50, "10.0.0.1", 0xdead, "10.0.0.2", 0xbeef, 0), ESP: flow.ESP{Last: 3, Lost: 1}},
			"3038000500000000deadbeef0000000300000001"},
		"keystrokes (2.14)": {0x54, &flow.Record{Key: key(flow.FamilyIPv4, 6, "10.0.0.1", 1, "10.0.0.2", 22, 0),
			TCP: flow.TCP{Side: [2]flow.TCPSide{{Keystrokes: 12}, {}}}}, "540100030000000c00000000"},
	} {
		if got := dsrOf(t, new(Encoder).AppendFlow(nil, c.record), c.typ); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// TestICMPv6: readers of the DSR see the kind of the message by its ICMPv4 number (RFC 7915 section 5.2).
func TestICMPv6(t *testing.T) {
	for typ, want := range map[uint8]byte{1: 'U', 2: 'U', 3: 'T', 4: 'I', 137: 'R', 200: 'I'} {
		r := flow.Record{Key: key(flow.FamilyIPv6, 17, "fd00::1", 1, "fd00::2", 2, 0)}
		r.ICMP = flow.ICMPReport{Type: typ, Code: 1, Family: flow.FamilyIPv6, From: [16]byte{0xfd, 9}, To: [16]byte{0xfd, 1}}
		if got := one(t, new(Encoder).AppendFlow(nil, &r)); got.ICMP != want || got.Flow.ICMP != r.ICMP {
			t.Errorf("type %d: %c, want %c; %+v", typ, got.ICMP, want, got.Flow.ICMP)
		}
	}
}

// TestLayout1: the records that were written before there were parts are read as they were meant.
func TestLayout1(t *testing.T) {
	b, err := os.ReadFile("testdata/layout1_v5.arg")
	if err != nil {
		t.Fatal(err)
	}
	want, n := sampleRecords(), 0
	for r, err := range Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != KindFlow {
			continue
		}
		w := want[n]
		w.History = flow.History{}
		for i := range w.Side {
			s := &w.Side[i]
			s.MinSize, s.MaxSize, s.Sizes, s.Active, s.Idle = 0, 0, 0, flow.Intervals{}, flow.Intervals{}
		}
		if !r.Extension() || r.Unknown != 0 || !reflect.DeepEqual(r.Flow, w) {
			t.Errorf("record %d:\n got %+v\nwant %+v", n, r.Flow, w)
		}
		n++
	}
	if n != 37 {
		t.Errorf("%d records instead of 37", n)
	}
}

// TestLayout2: what agents wrote before the times and counts of the extension were differences is read as it was meant, whole.
func TestLayout2(t *testing.T) {
	b, err := os.ReadFile("testdata/layout2_v5.arg")
	if err != nil {
		t.Fatal(err)
	}
	want, n := sampleRecords(), 0
	for r, err := range Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != KindFlow {
			continue
		}
		if !r.Extension() || r.Unknown != 0 || !reflect.DeepEqual(r.Flow, want[n]) {
			t.Errorf("record %d:\n got %+v\nwant %+v", n, r.Flow, want[n])
		}
		n++
	}
	if n != 53 {
		t.Errorf("%d records instead of 53", n)
	}
}

// TestParts: a kind of part that comes later is passed over, as is a number; what is too short for its numbers is no extension.
func TestParts(t *testing.T) {
	r := sampleRecords()[0]
	whole := new(Encoder).AppendFlow(nil, &r)
	at := bytes.Index(whole, []byte{dsrExtension, extLayout, extOwner})
	grown := func(where int, octets ...byte) []byte {
		b := append(append(bytes.Clone(whole[:where]), octets...), whole[where:]...)
		b[at+1], b[at+3] = extLayout+1, byte((len(b)-at)/4)
		be.PutUint16(b[2:], uint16(len(b)/4))
		return b
	}
	parts := at + 4*extWords
	later := grown(parts, 0xee, 2, 1, 2, 3, 4, 5, 6)
	number := grown(len(whole), 1, 2, 3, 4, 5, 6, 7, 8)
	number[at+10] |= 0x80
	for name, b := range map[string][]byte{"a part of a later layout": later, "a number of a later layout": number} {
		if got := one(t, b); got.Unknown != 0 || !reflect.DeepEqual(got.Flow, r) {
			t.Errorf("%s: %d unknown, %+v", name, got.Unknown, got.Flow)
		}
	}
	for name, octets := range map[string]byte{"no length": 0, "beyond the end": 99} {
		b := bytes.Clone(later)
		b[parts+1] = octets
		want := r
		want.History = flow.History{} // it stands after the damaged part
		if got := one(t, b); got.Unknown != 1 || !reflect.DeepEqual(got.Flow, want) {
			t.Errorf("%s: %d unknown, %+v", name, got.Unknown, got.Flow)
		}
	}
	short := bytes.Clone(whole)
	short[at+10], short[at+11] = 0xff, 0xff
	if got := one(t, short); got.Unknown != 1 || got.Extension() || got.Flow.Side[0].Packets != r.Side[0].Packets {
		t.Errorf("an extension too short for its numbers: %d unknown, %+v", got.Unknown, got.Flow)
	}
}

// TestFirstRecord: the first record of a flow, of a source of microseconds, whose octets, payload and acknowledgements are as the rest of
// it says, has no number but its identity; each that is otherwise costs eight octets.
func TestFirstRecord(t *testing.T) {
	r := flow.Record{Cause: flow.CauseStart, Key: key(flow.FamilyIPv4, 6, "10.0.0.1", 1, "10.0.0.2", 2, 0), HasMAC: true, ID: 1 << 60, Start: base}
	r.Side[0] = flow.Side{Packets: 2, Bytes: 228, IPBytes: 200, Payload: 100, First: base, Last: base + 1e6}
	r.TCP.Side[0] = flow.TCPSide{Base: 7, Next: 108, Payload: 100, InFlight: 50, Flags: flow.SYN | flow.ACK}
	r.TCP.Side[1] = flow.TCPSide{Ack: 58, Flags: flow.ACK}
	size := func() int { return len(dsrOf(t, new(Encoder).AppendFlow(nil, &r), dsrExtension)) / 2 }
	if n := size(); n != 4*extWords+8 {
		t.Errorf("an extension of %d octets", n)
	}
	for name, change := range map[string]func(){
		"a later record": func() { r.Start-- }, "nanoseconds": func() { r.Side[0].Last++ }, "padding": func() { r.Side[0].IPBytes -= 6 },
		"payload sent again": func() { r.TCP.Side[0].Payload -= 10 }, "a wild acknowledgement": func() { r.TCP.Side[1].Ack++ },
	} {
		before := size()
		change()
		if n := size(); n != before+8 {
			t.Errorf("%s: %d octets more", name, n-before)
		}
	}
	if got := one(t, new(Encoder).AppendFlow(nil, &r)); !reflect.DeepEqual(got.Flow, r) {
		t.Errorf("\n got %+v\nwant %+v", got.Flow, r)
	}
}

// TestGap: the octets that nobody saw, in a record with and without the number that a SYN takes.
func TestGap(t *testing.T) {
	for name, c := range map[string]struct {
		cause                     flow.Cause
		interval                  uint8
		base, next, payload, lost uint32
	}{
		"with its SYN":                {flow.CauseStart, flow.SYN | flow.ACK, 1000, 1201, 100, 100},
		"whole, with its SYN":         {flow.CauseStart, flow.SYN | flow.ACK, 1000, 1201, 200, 0},
		"seen mid-stream":             {flow.CauseStart, flow.ACK, 1000, 1201, 100, 100},
		"SYN/ACK in a later record":   {flow.CauseStatus, flow.SYN | flow.ACK, 1000, 1201, 100, 100},
		"a later record":              {flow.CauseStatus, flow.ACK, 1000, 1200, 100, 100},
		"a later record, whole":       {flow.CauseStatus, flow.ACK, 1000, 1200, 200, 0},
		"with its FIN":                {flow.CauseStatus, flow.ACK | flow.FIN, 1000, 1201, 100, 100},
		"earlier holes filled":        {flow.CauseStatus, flow.ACK, 1000, 1200, 300, ^uint32(99)},
		"over the end of the numbers": {flow.CauseStatus, flow.ACK, ^uint32(99), 100, 100, 100},
	} {
		r := flow.Record{Cause: c.cause, Key: key(flow.FamilyIPv4, 6, "10.0.0.1", 1, "10.0.0.2", 2, 0)}
		r.TCP.Side[0] = flow.TCPSide{Base: c.base, Next: c.next, Payload: c.payload, Flags: c.interval, Interval: c.interval}
		if got := one(t, new(Encoder).AppendFlow(nil, &r)); got.Gap[0] != int32(c.lost) || got.Gap[1] != 0 {
			t.Errorf("%s: gaps %d, want %d", name, got.Gap, int32(c.lost))
		}
	}
}

// TestFlowHash: the same for both directions, another one for another tuple, and never changing.
func TestFlowHash(t *testing.T) {
	k := key(flow.FamilyIPv4, 6, "10.0.0.1", 40000, "10.0.0.2", 443, 0)
	back := key(flow.FamilyIPv4, 6, "10.0.0.2", 443, "10.0.0.1", 40000, 0)
	other := key(flow.FamilyIPv4, 6, "10.0.0.2", 443, "10.0.0.1", 40001, 0)
	of := func(k flow.Key) (uint32, uint32) {
		e := Encoder{FlowHash: true}
		got := one(t, e.AppendFlow(nil, &flow.Record{Key: k}))
		if got.Has&HasHash == 0 || got.Unknown+got.Skipped != 0 {
			t.Errorf("%+v", got)
		}
		return got.Hash, got.HashIndex
	}
	h, index := of(k)
	hBack, _ := of(back)
	hOther, _ := of(other)
	if h != hBack || h == hOther || index != h&0xffff || h != 0x4168ec27 {
		t.Errorf("hashes %#x, back %#x, other %#x, index %#x", h, hBack, hOther, index)
	}
	if got := one(t, new(Encoder).AppendFlow(nil, &flow.Record{Key: k})); got.Has&HasHash != 0 {
		t.Error("a hash that nobody asked for")
	}
}

// TestOnlySYN: what nobody answered, half of what a scan leaves behind, is told in a fifth of the room, and loses nothing.
func TestOnlySYN(t *testing.T) {
	syn := flow.Record{Key: flow.Key{Family: flow.FamilyIPv4, Proto: flow.ProtoTCP, Src: [16]byte{10}, Dst: [16]byte{11}, SrcPort: 40000, DstPort: 22},
		ID: 7, Start: 1.7e18, Cause: flow.CauseStart, Initiator: flow.InitiatorSeen}
	syn.Side[0] = flow.Side{Packets: 1, Bytes: 74, IPBytes: 60, First: 1.7e18, Last: 1.7e18, TTL: 64, MinSize: 74, MaxSize: 74}
	syn.TCP = flow.TCP{Status: flow.TCPSawSYN, Options: flow.TCPMSS | flow.TCPWindowScale}
	syn.TCP.Side[0] = flow.TCPSide{Base: 0xffffffff, Next: 0, Window: 64240, MSS: 1460, Shift: 7, Flags: flow.SYN, Interval: flow.SYN}
	copy(syn.History[:], "S")
	again := syn
	again.TCP.Side[0].Retrans, again.Side[0].Packets, again.TCP.Status = 1, 2, flow.TCPSawSYN|flow.TCPSrcRetransmit
	for _, v := range []Version{V3, V5} {
		e := Encoder{Version: v}
		short, long := e.AppendFlow(nil, &syn), e.AppendFlow(nil, &again)
		if saved := len(long) - len(short); saved < 100 {
			t.Errorf("v%d: one SYN takes %d octets, a repeated one %d", v, len(short), len(long))
		}
		for _, c := range []struct {
			b    []byte
			want flow.Record
		}{{short, syn}, {long, again}} {
			if v == V3 { // no place for the MSS
				c.want.TCP.Side[0].MSS = 0
			}
			if got := one(t, c.b); !reflect.DeepEqual(got.Flow, c.want) || got.Unknown != 0 {
				t.Errorf("v%d:\n got %+v\nwant %+v", v, got.Flow, c.want)
			}
		}
	}
}
