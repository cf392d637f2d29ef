package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// record returns a record as it comes off the wire: of flow id, from second from to second to.
func record(t *testing.T, id uint64, port uint16, from, to int64, cause flow.Cause, status uint32) *argus.Record {
	t.Helper()
	r := flow.Record{ID: id, Start: 1e18 + from*1e9, Cause: cause}
	r.Family, r.Proto, r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoTCP, port, 443
	r.Side[0] = flow.Side{Packets: 3, Bytes: 300, IPBytes: 258, Payload: 100, First: 1e18 + from*1e9, Last: 1e18 + to*1e9, TTL: uint8(64 - from)}
	r.TCP.Status = status
	r.TCP.Side[0] = flow.TCPSide{Base: 1, Payload: 100, Flags: uint8(status), Interval: uint8(status)}
	e := argus.Encoder{Monitor: uuid.UUID{1}, Interface: "eth0"}
	for got, err := range argus.Records(e.AppendFlow(nil, &r)) {
		if err != nil {
			t.Fatal(err)
		}
		one := *got
		return &one
	}
	return nil
}

func TestMerge(t *testing.T) {
	for name, order := range map[string][]int{"in order": {0, 1, 2}, "out of order": {2, 0, 1}} {
		records := []*argus.Record{
			record(t, 7, 1000, 0, 4, flow.CauseStart, 0x7), record(t, 7, 1000, 5, 9, flow.CauseStatus, 0x4), record(t, 7, 1000, 10, 12, flow.CauseTimeout, 0x18)}
		c := New(10, Key{})
		c.Add(record(t, 8, 1000, 3, 3, flow.CauseStart, 1)) // the same tuple, another flow
		for _, i := range order {
			if c.Add(records[i]) != nil {
				t.Errorf("%s: a flow was given out", name)
			}
		}
		var got []*argus.Record
		for r := range c.All() {
			got = append(got, r)
		}
		if len(got) != 2 || got[0].Flow.ID != 7 || got[1].Flow.ID != 8 {
			t.Fatalf("%s: flows %v", name, got)
		}
		f := &got[0].Flow
		first, last := f.Span()
		if s := f.Side[0]; s.Packets != 9 || s.Bytes != 900 || s.IPBytes != 774 || s.Payload != 300 || s.TTL != 54 || last-first != 12e9 {
			t.Errorf("%s: %+v", name, s)
		}
		if f.TCP.Status != 0x1f || f.TCP.Side[0].Flags != 0x1f || f.TCP.Side[0].Payload != 300 || got[0].Cause != flow.CauseTimeout {
			t.Errorf("%s: cause %#x, %+v", name, got[0].Cause, f.TCP)
		}
	}
}

func TestFull(t *testing.T) {
	c := New(2, Key{})
	for i := range uint64(1000) {
		oldest := c.Add(record(t, i, 1, int64(i), int64(i), flow.CauseStart, 1))
		if i < 2 && oldest != nil || i >= 2 && (len(oldest) != 1 || oldest[0].Flow.ID != i-2) {
			t.Fatalf("flow %d pushed out %v", i, oldest)
		}
	}
	if len(c.held) != 2 || len(c.queue) != 2 {
		t.Errorf("%d flows held, 2 allowed", len(c.held))
	}
}

// TestFullBothWays: with rmon a record may push out two, and none is lost.
func TestFullBothWays(t *testing.T) {
	k, err := ParseKey("rmon saddr")
	if err != nil {
		t.Fatal(err)
	}
	c, packets := New(3, k), uint64(0)
	for i := range byte(100) {
		r := plain(17, "10.0.0.1", "10.0.1.1", 1, 2, int64(i))
		r.Flow.Src[3], r.Flow.Dst[3] = i, i
		for _, early := range c.Add(r) {
			packets += early.Flow.Side[0].Packets
		}
		if c.Len() > 3 {
			t.Fatalf("%d are held", c.Len())
		}
	}
	for r := range c.All() {
		packets += r.Flow.Side[0].Packets
	}
	if packets != 300 {
		t.Errorf("%d packets of 300 came out", packets)
	}
}

// TestOtherSensors merges what real sensors wrote: the records of one connection must add up to its packets.
func TestOtherSensors(t *testing.T) {
	for version, flows := range map[string]int{"v5-argus5": 1, "v3-argus3": 1} {
		b, err := os.ReadFile(filepath.Join("../../../shared/formats/argus-vectors", version, "tcp4_long.arg"))
		if err != nil {
			t.Skip("skipped: ../shared/formats/argus-vectors is not there")
		}
		c := New(10, Key{})
		for r, err := range argus.Records(b) {
			if err != nil {
				t.Fatal(err)
			}
			c.Add(r)
		}
		n := 0
		for r := range c.All() {
			n++
			s, d := &r.Flow.Side[0], &r.Flow.Side[1]
			if s.Packets != 30 || d.Packets != 2 || s.Bytes != 1918 || s.Payload != 260 || r.Flow.TCP.Side[0].Payload != 260 || r.Flow.TCP.Side[0].Base != 1 {
				t.Errorf("%s: %+v %+v", version, s, r.Flow.TCP.Side[0])
			}
		}
		if n != flows {
			t.Errorf("%s: %d flows, want %d", version, n, flows)
		}
	}
}

// TestMergeMetrics: what two records say of their own times becomes what one record of both would have said.
func TestMergeMetrics(t *testing.T) {
	wire := func(n uint32, mean, least, most float32, history string, from int64, more func(*flow.Record)) *argus.Record {
		r := flow.Record{ID: 1, Start: 1e18, Cause: flow.CauseStatus}
		r.Family, r.Proto, r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoTCP, 1, 443
		r.Side[0] = flow.Side{Packets: uint64(n) + 1, Bytes: 300, First: 1e18 + from*1e9, Last: 1e18 + (from+1)*1e9,
			MinSize: uint16(least), MaxSize: uint16(most), Sizes: 0x20000000,
			Active: flow.Intervals{N: n, Min: least, Mean: mean, StdDev: 0, Max: most, Bins: 0x10000000}}
		copy(r.History[:], history)
		r.TCP.Side[0] = flow.TCPSide{Base: uint32(100 * (from + 1)), Next: 5, Payload: 10, Retrans: 1, OutOfOrder: 2, Duplicates: 3, Gap: 4, Turns: 5, InFlight: uint32(from), Keystrokes: 6, Window: uint16(from)}
		if more != nil {
			more(&r)
		}
		var e argus.Encoder
		for got, err := range argus.Records(e.AppendFlow(nil, &r)) {
			if err != nil {
				t.Fatal(err)
			}
			one := *got
			return &one
		}
		return nil
	}
	lent := wire(1, 200, 60, 200, "ShA", 0, func(r *flow.Record) { r.Side[0].Data = []byte("first") })
	later := wire(3, 400, 70, 1500, "ShAF", 10, func(r *flow.Record) {
		r.Side[0].Data = []byte("then")
		r.ICMP = flow.ICMPReport{Type: 3, Code: 1, Family: flow.FamilyIPv4, From: [16]byte{10, 9, 9, 9}}
		r.Tunnel = flow.Tunnel{Encaps: flow.EncapsIPIP, Key: flow.Key{Family: flow.FamilyIPv4, Proto: 4}}
		r.MultiMAC, r.HasMAC = true, true
	})
	for name, order := range map[string][]*argus.Record{"in order": {lent, later}, "out of order": {later, lent}} {
		c := New(10, Key{})
		for _, r := range order {
			c.Add(r)
		}
		for r := range c.All() {
			f, s, tcp := &r.Flow, &r.Flow.Side[0], &r.Flow.TCP.Side[0]
			if v := s.Active; v.N != 4 || v.Mean != 350 || v.Min != 60 || v.Max != 1500 || v.StdDev < 86.6 || v.StdDev > 86.7 || v.Bins != 0x40000000 {
				t.Errorf("%s: intervals %+v", name, v)
			}
			if s.MinSize != 60 || s.MaxSize != 1500 || s.Sizes != 0x60000000 || string(s.Data) != "first" {
				t.Errorf("%s: sizes %d to %d, %08x; data %q", name, s.MinSize, s.MaxSize, s.Sizes, s.Data)
			}
			if want := (flow.TCPSide{Base: 100, Next: 5, Payload: 20, Retrans: 2, OutOfOrder: 4, Duplicates: 6, Gap: 8, Turns: 10, InFlight: 10, Keystrokes: 12, Window: 10}); *tcp != want {
				t.Errorf("%s:\n got %+v\nwant %+v", name, *tcp, want)
			}
			if f.History.String() != "ShAF" || r.ICMP != 'U' || f.ICMP.Code != 1 || f.Tunnel.Encaps != flow.EncapsIPIP || !f.MultiMAC {
				t.Errorf("%s: history %s, ICMP %c %+v, tunnel %+v", name, f.History.String(), r.ICMP, f.ICMP, f.Tunnel)
			}
		}
	}
}

// TestMergeOnce: what only one of two records says stands in both orders, and what both count is added.
func TestMergeOnce(t *testing.T) {
	early := argus.Record{Kind: argus.KindFlow, Has: argus.HasExtension | argus.HasHash, Hash: 7, HashIndex: 8}
	early.Flow = flow.Record{ID: 1, EstimatedSegments: true, Responder: [6]byte{1}, ESP: flow.ESP{Last: 5, Lost: 2}}
	early.Flow.Side[0] = flow.Side{Packets: 2, First: 1, Last: 2, TTL: 64, IPOptions: flow.IPOptTimestamp}
	early.Flow.Side[1] = flow.Side{Packets: 1, First: 3, Last: 3, TTL: 60, HasVLAN: true, VLAN: 9, HasMPLS: true, MPLS: 16, Fragments: true,
		Idle: flow.Intervals{N: 1, Min: 4, Mean: 4, Max: 4}}
	late := argus.Record{Kind: argus.KindFlow, Has: argus.HasExtension}
	late.Flow = flow.Record{ID: 1, ESP: flow.ESP{Last: 9, Lost: 3}}
	late.Flow.Side[0] = flow.Side{Packets: 1, First: 10, Last: 10, TTL: 63, IPOptions: flow.IPOptRecordRoute}
	for name, order := range map[string][]argus.Record{"in order": {early, late}, "out of order": {late, early}} {
		c := New(1, Key{})
		for i := range order {
			c.Add(&order[i])
		}
		for r := range c.All() {
			f, s, d := &r.Flow, &r.Flow.Side[0], &r.Flow.Side[1]
			if !f.EstimatedSegments || f.Responder != [6]byte{1} || f.ESP != (flow.ESP{Last: 9, Lost: 5}) || r.Hash != 7 || r.HashIndex != 8 || r.Has&argus.HasHash == 0 {
				t.Errorf("%s: %+v", name, r)
			}
			if s.TTL != 63 || s.IPOptions != flow.IPOptTimestamp|flow.IPOptRecordRoute || s.Packets != 3 || s.First != 1 || s.Last != 10 {
				t.Errorf("%s: source %+v", name, s)
			}
			if d.TTL != 60 || d.VLAN != 9 || !d.HasVLAN || d.MPLS != 16 || !d.HasMPLS || !d.Fragments || d.Idle.N != 1 || d.Packets != 1 || d.First != 3 {
				t.Errorf("%s: destination %+v", name, d)
			}
		}
	}
}

// TestMergeAdded: what other sensors count above UDP adds up, and the handshake told is that of the latest connection.
func TestMergeAdded(t *testing.T) {
	early, late := plain(17, "10.0.0.1", "10.0.0.2", 1, 2, 0), plain(17, "10.0.0.1", "10.0.0.2", 1, 2, 9)
	early.Added = argus.Added{Guess: argus.GuessRTP, Lost: [2]uint32{1, 2}, UDT: argus.UDT{Window: 5, Solo: 1, First: 2, Retrans: 3, Nacks: 4}, Fragment: 'V'}
	late.Added = argus.Added{Lost: [2]uint32{10, 20}, UDT: argus.UDT{Window: 7, Solo: 10, First: 20, Retrans: 30, Nacks: 40}}
	early.Flow.TCP.SynAck, late.Flow.TCP.SynAck, late.Flow.TCP.AckDat = 9, 3, 4
	for name, order := range map[string][2]*argus.Record{"in order": {early, late}, "out of order": {late, early}} {
		c := New(1, Key{})
		c.Add(order[0])
		c.Add(order[1])
		for r := range c.All() {
			a := r.Added
			a.Aggregate = argus.Aggregate{}
			if a != (argus.Added{Guess: argus.GuessRTP, Lost: [2]uint32{11, 22}, UDT: argus.UDT{Window: 7, Solo: 11, First: 22, Retrans: 33, Nacks: 44}, Fragment: 'V'}) ||
				r.Flow.TCP.SynAck != 3 || r.Flow.TCP.AckDat != 4 {
				t.Errorf("%s: %+v, %+v", name, a, r.Flow.TCP)
			}
		}
	}
}

// TestMergeSilent: what only the earlier record tells stays told, whichever comes first.
func TestMergeSilent(t *testing.T) {
	for _, swap := range []bool{false, true} {
		early, late := plain(0, "10.0.0.1", "10.0.0.2", 0, 0, 0), plain(0, "10.0.0.1", "10.0.0.2", 0, 0, 9)
		early.Flow.Family, late.Flow.Family = flow.FamilyARP, flow.FamilyARP
		early.Flow.Type, late.Flow.Type = 1, 2 // the operation is not part of the identity
		early.Flow.TCP.SynAck, early.ICMP, early.Flow.ICMP.Code = 5, 'U', 3
		early.Added.Fragment, late.Added.Fragment = 'V', 'f'
		if swap {
			early.Added.Fragment, late.Added.Fragment = 'f', 'V'
		}
		for name, order := range map[string][2]*argus.Record{"in order": {early, late}, "out of order": {late, early}} {
			c := New(2, Key{})
			c.Add(order[0])
			c.Add(order[1])
			if c.Len() != 1 {
				t.Fatalf("%s: %d flows", name, c.Len())
			}
			for r := range c.All() {
				if r.Flow.TCP.SynAck != 5 || r.ICMP != 'U' || r.Flow.ICMP.Code != 3 || r.Added.Fragment != 'V' {
					t.Errorf("%s: %+v %c %c", name, r.Flow.TCP, r.ICMP, r.Added.Fragment)
				}
			}
		}
	}
	udt := plain(17, "10.0.0.1", "10.0.0.2", 1, 2, 0)
	udt.Added.UDT.Solo = 1
	if turned := turn(udt); turned.Added.UDT != (argus.UDT{}) {
		t.Errorf("of the destination it says %+v", turned.Added.UDT)
	}
}

// TestMergeGap: what was missing in one record and came in the next is missing no more.
func TestMergeGap(t *testing.T) {
	var e argus.Encoder
	var stream []byte
	for i, side := range []flow.TCPSide{
		{Base: 1000, Next: 1301, Payload: 100, Flags: flow.SYN, Interval: flow.SYN}, // 200 octets are missing
		{Base: 1301, Next: 1401, Payload: 250, Flags: flow.SYN | flow.ACK, Interval: flow.ACK},
	} {
		r := flow.Record{ID: 1, Cause: flow.CauseStart + flow.Cause(i)<<4}
		r.Family, r.Proto = flow.FamilyIPv4, flow.ProtoTCP
		r.Side[0] = flow.Side{Packets: 2, First: int64(i), Last: int64(i)}
		r.TCP.Side[0] = side
		stream = e.AppendFlow(stream, &r)
	}
	c := New(1, Key{})
	for got := range argus.Records(stream) {
		c.Add(got)
	}
	for got := range c.All() {
		if got.Gap != [2]int32{50, 0} {
			t.Errorf("gaps %d, want 50", got.Gap)
		}
	}
}

// TestLent: a cluster keeps nothing of the octets that its reader lends.
func TestLent(t *testing.T) {
	r := flow.Record{ID: 1}
	r.Family, r.Proto = flow.FamilyIPv4, flow.ProtoUDP
	r.Side[0] = flow.Side{Packets: 1, Bytes: 60, Data: []byte("payload")}
	e := argus.Encoder{Label: []byte("label")}
	stream := e.AppendFlow(nil, &r)
	c := New(1, Key{})
	for got := range argus.Records(stream) {
		c.Add(got)
	}
	clear(stream)
	for got := range c.All() {
		if string(got.Flow.Side[0].Data) != "payload" || string(got.Label) != "label" || got.Raw != nil {
			t.Errorf("data %q, label %q", got.Flow.Side[0].Data, got.Label)
		}
	}
}

// TestUserDataBound: what a flow costs does not grow with what a foreign sensor captured.
func TestUserDataBound(t *testing.T) {
	c := New(1, Key{})
	for i := range 3 {
		r := argus.Record{Kind: argus.KindFlow, Has: argus.HasExtension}
		r.Flow.Side[i&1] = flow.Side{Packets: 1, First: int64(9 - i), Last: int64(9 - i), Data: make([]byte, 60_000)}
		c.Add(&r)
	}
	for r := range c.All() {
		for i := range r.Flow.Side {
			if n := len(r.Flow.Side[i].Data); n != maxData || cap(r.Flow.Side[i].Data) > 2*maxData {
				t.Errorf("%d octets of user data are held of side %d", n, i)
			}
		}
	}
}
