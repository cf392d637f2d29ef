package argus

import (
	"bytes"
	"flag"
	"maps"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

var update = flag.Bool("update", false, "write testdata/sample_v*.arg again")

var sampleHost = uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef"))

const base = int64(1700000000) * 1e9

func key(family flow.Family, proto uint8, src string, sport uint16, dst string, dport uint16, typ uint16) flow.Key {
	k := flow.Key{Family: family, Proto: proto, SrcPort: sport, DstPort: dport, Type: typ}
	put := func(to *[16]byte, s string) {
		if mac, ok := map[string][6]byte{"A": macA, "B": macB, "LLDP": {1, 0x80, 0xc2, 0, 0, 0x0e}}[s]; ok {
			copy(to[:], mac[:])
			return
		}
		copy(to[:], netip.MustParseAddr(s).AsSlice())
	}
	put(&k.Src, src)
	put(&k.Dst, dst)
	return k
}

var (
	macA = [6]byte{2, 0, 0, 0, 0, 10}
	macB = [6]byte{2, 0, 0, 0, 0, 11}
)

// side returns one direction: packets over some microseconds from an offset, ns odd so that rests show.
func side(packets, bytes, payload uint64, from, span int64) flow.Side {
	s := flow.Side{Packets: packets, Bytes: bytes, IPBytes: bytes - 14*packets, Payload: payload,
		First: base + from*1000 + 123, Last: base + (from+span)*1000 + 456, TTL: 64, IPID: 0x1234}
	if packets == 1 {
		s.Last = s.First
	}
	return s
}

// sampleRecords returns one flow record of every kind that a sensor of ours writes.
func sampleRecords() []flow.Record {
	const v4, v6, eth = flow.FamilyIPv4, flow.FamilyIPv6, flow.FamilyEthernet
	var all []flow.Record
	add := func(k flow.Key, cause flow.Cause, src, dst flow.Side, more ...func(*flow.Record)) {
		r := flow.Record{Key: k, ID: uint64(len(all)) + 1<<40, Cause: cause, Initiator: flow.InitiatorSeen,
			HasMAC: true, SrcMAC: macA, DstMAC: macB, EtherType: 0x0800, Side: [2]flow.Side{src, dst}}
		r.Side[0].Encaps = flow.EncapsEthernet
		if dst.Packets > 0 {
			r.Side[1].Encaps = flow.EncapsEthernet
		}
		if k.Family != v4 && k.Family != v6 {
			for i := range r.Side {
				r.Side[i].TTL, r.Side[i].IPID, r.Side[i].IPBytes = 0, 0, 0
			}
		}
		for i := range r.Side {
			fillMetrics(&r.Side[i], k.IsTCP())
		}
		if k.HasPorts() && (k.Proto == 6 || k.Proto == 17) {
			copy(r.History[:], "ShADadFf")
		}
		r.Start, _ = r.Span()
		for _, f := range more {
			f(&r)
		}
		all = append(all, r)
	}
	tcp := func(status uint32, a, b flow.TCPSide) func(*flow.Record) {
		return func(r *flow.Record) {
			r.TCP = flow.TCP{Status: status, Options: flow.TCPMSS | flow.TCPWindowScale | flow.TCPSACKOK | flow.TCPTimestamp,
				SynAck: 30000789, AckDat: 10000001, Side: [2]flow.TCPSide{a, b}}
		}
	}
	none := flow.Side{}
	open := tcp(0x7, flow.TCPSide{Base: 1000, Next: 1029, Ack: 5520, Payload: 28, Window: 502, MSS: 1460, Shift: 7, Flags: 0x1a, Interval: 0x1a},
		flow.TCPSide{Base: 5000, Next: 5520, Ack: 1029, Payload: 519, Window: 501, MSS: 1400, Shift: 8, Flags: 0x1a, Interval: 0x18})
	closed := tcp(0x13f, flow.TCPSide{Base: 1000, Next: 1030, Ack: 5521, Payload: 56, Retrans: 1, Window: 502, MSS: 1460, Shift: 7, Flags: 0x1b, Interval: 0x1b},
		flow.TCPSide{Base: 5000, Next: 5521, Ack: 1030, Payload: 519, Window: 501, MSS: 1460, Shift: 7, Flags: 0x1b, Interval: 0x1b})
	syn := tcp(0x101, flow.TCPSide{Base: 7, Next: 8, Retrans: 2, Window: 64240, MSS: 1460, Shift: 7, Flags: 2, Interval: 2}, flow.TCPSide{})
	ended := func(e flow.End) func(*flow.Record) { return func(r *flow.Record) { r.End = e } }
	add(key(v4, 6, "10.1.0.1", 40001, "10.1.0.2", 443, 0), flow.CauseStart, side(7, 478, 56, 0, 185000), side(4, 767, 519, 30000, 115000), closed, ended(flow.EndDetected))
	add(key(v6, 6, "2001:db8::1", 40002, "2001:db8::2", 22, 0), flow.CauseStatus, side(4, 500, 28, 0, 5000), side(3, 70000, 519, 30, 4000), open)
	add(key(v4, 6, "10.1.0.1", 40003, "10.1.0.3", 8080, 0), flow.CauseStart, side(3, 222, 0, 2, 3060000), none, syn)
	add(key(v4, 6, "10.1.0.1", 40004, "10.1.0.2", 81, 0), flow.CauseStart, side(1, 74, 0, 0, 0), side(1, 60, 0, 30000, 0),
		tcp(0x2001, flow.TCPSide{Base: 9, Next: 10, Window: 64240, MSS: 1460, Flags: 2, Interval: 2}, flow.TCPSide{Ack: 10, Flags: 0x14, Interval: 0x14}), ended(flow.EndDetected))
	add(key(v4, 6, "10.1.0.2", 80, "10.1.0.1", 40008, 0), flow.CauseStart, side(1, 94, 40, 0, 0), side(1, 60, 0, 100, 0),
		tcp(0x4, flow.TCPSide{Base: 8999, Next: 9040, Ack: 101, Payload: 40, Window: 65535, Flags: 0x18, Interval: 0x18}, flow.TCPSide{Base: 100, Next: 101, Ack: 9040, Window: 65535, Flags: 0x10, Interval: 0x10}),
		func(r *flow.Record) { r.Initiator = flow.InitiatorGuessed })
	add(key(v4, 6, "10.1.0.2", 80, "10.1.0.1", 40010, 0), flow.CauseStatus, none, side(2, 120, 0, 100, 500), tcp(0xe804, flow.TCPSide{}, flow.TCPSide{Base: 1, Next: 2, Window: 0, Flags: 0x10, Interval: 0x10}))
	add(key(v4, 17, "10.1.0.1", 5555, "10.1.0.53", 53, 0), flow.CauseStart, side(1, 70, 28, 0, 0), side(1, 130, 88, 20000, 0), func(r *flow.Record) {
		r.Side[0].HasVLAN, r.Side[0].VLAN = true, 3<<13|100
		r.Side[1].HasVLAN, r.Side[1].VLAN = true, 101
		r.Side[0].Encaps |= flow.EncapsVLAN
	})
	add(key(v6, 17, "fd00::1", 6000, "fd00::2", 6001, 0), flow.CauseTimeout, side(3, 300, 150, 1, 8), none, ended(flow.EndIdle), func(r *flow.Record) { r.HasMAC, r.SrcMAC, r.DstMAC = false, [6]byte{}, [6]byte{} })
	add(key(v4, 17, "10.1.0.1", 2, "10.1.0.2", 3, 0), flow.CauseStatus, none, side(2, 144, 30, 0, 10))
	add(key(v4, 1, "10.1.0.1", 0x1234, "10.1.0.9", 1, 0x0800), flow.CauseStart, side(1, 98, 64, 0, 0), side(1, 98, 64, 10, 0))
	add(key(v4, 1, "10.1.0.2", 0, "10.1.0.1", 0, 0x0301), flow.CauseStart, side(1, 70, 36, 0, 0), none)
	add(key(v6, 58, "fd00::1", 0x77, "fd00::2", 0x1, 0x8000), flow.CauseStart, side(2, 188, 80, 0, 10000), side(2, 188, 80, 10, 10000))
	add(key(v6, 58, "fd00::1", 0, "ff02::1:ff00:2", 0, 0x8700), flow.CauseStart, side(1, 86, 32, 0, 0), none)
	add(key(v4, 2, "10.1.0.1", 0, "224.0.0.251", 0, 0x1600), flow.CauseStart, side(1, 60, 8, 0, 0), none, func(r *flow.Record) { r.Side[0].IPOptions = flow.IPOptRouterAlert })
	add(key(v4, 50, "10.1.0.1", 0xdead, "10.1.0.2", 0xbeef, 0), flow.CauseStart, side(1, 100, 50, 0, 0), none)
	add(key(flow.FamilyARP, 0, "10.1.0.1", 0, "10.1.0.2", 0, 1), flow.CauseStart, side(1, 60, 28, 0, 0), side(1, 60, 28, 1000, 0))
	add(key(flow.FamilyARP, 0, "10.1.0.1", 0, "10.1.0.99", 0, 1), flow.CauseStart, side(1, 60, 28, 0, 0), none)
	add(key(flow.FamilyRARP, 0, "B", 0, "A", 0, 3), flow.CauseStart, side(1, 60, 28, 0, 0), none)
	add(key(eth, 0, "A", 0, "LLDP", 0, 0x88cc), flow.CauseStart, side(1, 60, 60, 0, 0), none, func(r *flow.Record) { r.EtherType = 0x88cc })
	add(key(eth, 0, "A", 0x42, "B", 0x42, 0), flow.CauseStatus, side(1, 60, 60, 0, 0), none, func(r *flow.Record) { r.EtherType = 0; r.Side[0].Encaps |= flow.EncapsLLC })
	add(key(eth, 0, "A", 0, "B", 0, 0x888e), flow.CauseStart, side(2, 120, 120, 0, 10), none, func(r *flow.Record) { r.EtherType = 0x888e })
	for _, proto := range []uint8{132, 136, 33} {
		add(key(v4, proto, "10.1.0.1", 7, "10.1.0.2", 9, 0), flow.CauseStart, side(1, 62, 28, 0, 0), none)
	}
	for _, proto := range []uint8{47, 51, 89, 103, 112, 4, 41, 88, 250} {
		add(key(v4, proto, "10.1.0.1", 0, "224.0.0.5", 0, 0), flow.CauseStatus, side(2, 156, 88, 0, 1000), none)
	}
	add(key(v4, 17, "10.1.0.1", 0, "10.1.0.2", 0, 0), flow.CauseStart, side(2, 2000, 1900, 0, 10), none, func(r *flow.Record) { r.Side[0].Fragments = true })
	add(key(v4, 17, "10.1.0.1", 7000, "10.1.0.2", 7001, 0), flow.CauseStart, side(2, 2076, 1472, 0, 10), none, func(r *flow.Record) { r.Side[0].Fragments, r.EstimatedSegments = true, true })
	add(key(v4, 6, "10.1.0.1", 40011, "10.1.0.2", 80, 0), flow.CauseStart, side(1, 84, 30, 10000, 0), side(1, 74, 0, 0, 0), // the SYN was missed
		tcp(0x6, flow.TCPSide{Base: 100, Next: 131, Ack: 9001, Payload: 30, Window: 502, Flags: 0x18, Interval: 0x18}, flow.TCPSide{Base: 9000, Next: 9001, Ack: 101, Window: 65160, Flags: 0x12, Interval: 0x12}),
		func(r *flow.Record) { r.Initiator = flow.InitiatorAnswer })
	add(key(v4, 17, "10.1.0.1", 1000, "10.1.0.2", 2000, 0), flow.CauseStatus, side(5e9, 7e12, 6e12, 0, 4e6), side(3, 180, 50, 1, 5), func(r *flow.Record) {
		r.Side[0].HasMPLS, r.Side[0].MPLS, r.Side[0].TOS = true, 1000<<12|1<<8|64, 0xb8
		r.Side[0].Encaps |= flow.EncapsMPLS | flow.EncapsGRE
	})
	tunnel := func(t flow.Tunnel) func(*flow.Record) {
		return func(r *flow.Record) { r.Tunnel = t; r.Side[0].Encaps |= t.Encaps }
	}
	outer4, outer6 := key(v4, 47, "192.0.2.1", 0, "192.0.2.2", 0, 0), key(v6, 17, "2001:db8::9", 5000, "2001:db8::a", 4789, 0)
	for _, t := range []flow.Tunnel{
		{Key: outer4, Encaps: flow.EncapsGRE, Proto: 0x0800}, {Key: outer4, Encaps: flow.EncapsGRE, ID: 77, Flags: 0x2000, Proto: 0x88be},
		{Key: outer6, Encaps: flow.EncapsVXLAN, ID: 123456}, {Key: outer6, Encaps: flow.EncapsGeneve, ID: 99, Proto: 0x6558},
		{Key: key(v4, 4, "192.0.2.1", 0, "192.0.2.2", 0, 0), Encaps: flow.EncapsIPIP}, {Key: key(v4, 17, "192.0.2.1", 2152, "192.0.2.2", 2152, 0), Encaps: flow.EncapsGTP, ID: 0xdeadbeef},
		{Key: key(v4, 17, "192.0.2.1", 3544, "192.0.2.2", 5, 0), Encaps: flow.EncapsTeredo},
	} {
		add(key(v4, 17, "10.1.0.1", 1001, "10.1.0.2", 2001, 0), flow.CauseStart, side(1, 170, 28, 0, 0), side(1, 230, 88, 20000, 0), tunnel(t))
	}
	report := func(m flow.ICMPReport, from, to string) func(*flow.Record) {
		copy(m.From[:], netip.MustParseAddr(from).AsSlice())
		copy(m.To[:], netip.MustParseAddr(to).AsSlice())
		return func(r *flow.Record) { r.ICMP = m }
	}
	for _, m := range []flow.ICMPReport{{Type: 3, Code: 3}, {Type: 5, Code: 1, Gateway: [4]byte{10, 1, 0, 254}}, {Type: 11}, {Type: 12}} {
		m.Family = v4
		add(key(v4, 17, "10.1.0.1", 1002, "10.1.0.2", 33434, 0), flow.CauseStart, side(1, 70, 28, 0, 0), none, report(m, "10.9.9.9", "10.1.0.1"))
	}
	add(key(v6, 17, "fd00::1", 1003, "fd00::2", 33434, 0), flow.CauseStart, side(1, 90, 28, 0, 0), none, report(flow.ICMPReport{Type: 1, Code: 4, Family: v6}, "fd00::9", "fd00::1"))
	add(key(flow.FamilyARP, 0, "10.1.0.1", 0, "10.1.0.2", 0, 1), flow.CauseStart, side(1, 60, 28, 0, 0), side(1, 60, 28, 1000, 0),
		func(r *flow.Record) { r.Responder, r.MultiMAC = macB, true })
	add(key(v4, 50, "10.1.0.1", 0xdead, "10.1.0.2", 0xbeef, 0), flow.CauseStatus, side(30, 3000, 1500, 0, 1e6), none, func(r *flow.Record) { r.ESP = flow.ESP{Last: 132, Lost: 3} })
	add(key(v4, 17, "10.1.0.1", 5556, "10.1.0.53", 53, 0x4711), flow.CauseStart, side(1, 70, 28, 0, 0), side(1, 130, 88, 20000, 0), func(r *flow.Record) {
		r.Side[0].Data, r.Side[1].Data = []byte("\x47\x11\x01\x00 a question"), []byte("\x47\x11, an answer\xff\xfe")
	})
	add(key(v4, 6, "10.1.0.1", 40022, "10.1.0.2", 22, 0), flow.CauseStatus, side(40, 4000, 1000, 0, 4e6), side(40, 5000, 2000, 30, 4e6), open, func(r *flow.Record) {
		s, d := &r.TCP.Side[0], &r.TCP.Side[1]
		s.Keystrokes, d.Keystrokes, s.Turns, d.Turns, s.InFlight, d.InFlight = 31, 2, 12, 13, 500, 600
		s.OutOfOrder, d.OutOfOrder, s.Duplicates, d.Gap = 1, 2, 3, 1448
	})
	return all
}

// fillMetrics gives a side the sizes of its packets and, of several, the times between them.
func fillMetrics(s *flow.Side, tcp bool) {
	if s.Packets == 0 {
		return
	}
	s.MinSize, s.MaxSize, s.Sizes = 60, uint16(min(s.Bytes/s.Packets+40, 1514)), 0xf1000000
	if s.Packets == 1 {
		s.MinSize, s.MaxSize, s.Sizes = uint16(s.Bytes), uint16(s.Bytes), 0xf0000000
		return
	}
	s.Active = flow.Intervals{N: uint32(min(s.Packets-1, 1e6)), Min: 10, Mean: 33.333332, StdDev: 5.5, Max: 1e6, Bins: 0x0f200001}
	if tcp && s.Packets > 3 {
		s.Active.N -= 2
		s.Idle = flow.Intervals{N: 2, Min: 1500, Mean: 2000, StdDev: 500, Max: 2500, Bins: 0x000f0000}
	}
}

// sampleStream returns the sample records as a stream with its management records and one event.
func sampleStream(v Version) []byte {
	e := Encoder{Version: v, Monitor: sampleHost, Interface: "eth0"}
	m := Management{Cause: flow.CauseStart, Sequence: 1, Start: base, Now: base, LinkType: 1, FlowInterval: 5, Interval: 60}
	b := e.AppendManagement(nil, &m)
	body := len(b)
	for i, r := range sampleRecords() {
		e.Label = nil
		if i%4 == 0 {
			e.Label = []byte(`{"proc":"curl","pid":4711}`)
		}
		b = e.AppendFlow(b, &r)
	}
	m = Management{Cause: flow.CauseStatus, Start: base, Now: base + 60e9, LinkType: 1, FlowInterval: 5, Interval: 60,
		Packets: 100, Bytes: 20000, Interfaces: 2, Records: 23, Flows: 22, Dropped: 3, Open: 4, Queue: 5, Clients: 6, Buffers: 7, Memory: 8}
	b = e.AppendManagement(b, &m)
	b = e.AppendEvent(b, &Event{Cause: flow.CauseStatus, Start: base, End: base + 5000, Data: []byte("prog=/usr/bin/x\nhello=1\n")})
	if _, err := Number(b[body:], 1); err != nil {
		panic(err)
	}
	return b
}

// addedStream returns records of other sensors with all that clients add.
func addedStream(v Version) []byte {
	e := Encoder{Version: v, Monitor: sampleHost}
	b := e.AppendManagement(nil, &Management{Cause: flow.CauseStart, Start: base, Now: base, Interval: 60})
	for _, name := range slices.Sorted(maps.Keys(additions)) {
		r := addedRecord()
		additions[name](r)
		b = e.AppendRecord(b, r)
	}
	return b
}

// TestSample keeps the wire format as it is: the files are also what the packages above read in their tests.
func TestSample(t *testing.T) {
	for name, got := range map[string][]byte{"testdata/sample_v3.arg": sampleStream(V3), "testdata/sample_v5.arg": sampleStream(V5),
		"testdata/added_v3.arg": addedStream(V3), "testdata/added_v5.arg": addedStream(V5)} {
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the stream written now differs from the one kept; run with -update if that is meant", name)
		}
	}
}
