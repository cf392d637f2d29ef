package store

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// through returns what a store gives back of r.
func through(r *argus.Record) (back argus.Record) {
	id, _ := r.Monitor.UUID()
	row := Row{Monitor: id.String(), Sequence: int64(r.Sequence)}
	row.fill(r, newNames())
	row.record(&back, 0)
	return back
}

// TestEveryFieldIsKept sets each field of a flow record to a value of its own.
func TestEveryFieldIsKept(t *testing.T) {
	f := newHost(t, 1).flow()
	n := uint64(3)
	fillAll(reflect.ValueOf(f).Elem(), &n)
	f.Family, f.Proto, f.Tunnel.Key.Family, f.ICMP.Family = flow.FamilyIPv6, flow.ProtoTCP, flow.FamilyIPv6, flow.FamilyIPv6
	f.History = flow.History([]byte("^SsHhAaDdFfRrTtGgWwIiQqSs"))
	f.Side[0].Data, f.Side[1].Data = []byte("GET /\x00\xff"), []byte("\x80")
	var base int64 = 1.7e18
	f.Start = base
	f.Side[0].First, f.Side[0].Last = base+2000, base+9000
	f.Side[1].First, f.Side[1].Last = base+3000, base+8000
	r := argus.Record{Kind: argus.KindFlow, Version: argus.V5, Cause: f.Cause, Interface: [4]byte{'e', 't', 'h'}, Has: 0x1ff,
		ICMP: 2, Gap: [2]int32{-5, 6}, Flow: *f, Label: []byte("{}"), Sequence: 9, Hash: 0xdeadbeef, HashIndex: 7}
	r.Monitor = argus.HostID(monitor)
	if back := through(&r); !reflect.DeepEqual(back, r) {
		t.Errorf("\n got %+v\nwant %+v", back, r)
	}
}

func fillAll(v reflect.Value, n *uint64) {
	*n += 7
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fillAll(field, n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fillAll(v.Index(i), n)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float32:
		v.SetFloat(float64(*n))
	case reflect.Int64:
		v.SetInt(int64(*n) * 1000)
	case reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		v.SetUint(3 + *n%248)
	}
}

func TestEveryFamilysAddressesAreKept(t *testing.T) {
	for family := flow.FamilyIPv4; family <= flow.FamilyRARP; family++ {
		n := map[flow.Family]int{flow.FamilyIPv4: 4, flow.FamilyARP: 4, flow.FamilyIPv6: 16}[family]
		if n == 0 {
			n = 6
		}
		for _, first := range []byte{0, 0xfe} { // 0: an IPv6 address that looks like IPv4 inside
			r := argus.Record{}
			r.Flow.Family = family
			for i := range n {
				r.Flow.Src[i], r.Flow.Dst[i] = first, byte(i)
			}
			if family == flow.FamilyIPv6 && first == 0 {
				r.Flow.Src[10], r.Flow.Src[11] = 0xff, 0xff
			}
			var row Row
			row.fill(&r, newNames())
			var back argus.Record
			row.record(&back, 0)
			if back.Flow.Key != r.Flow.Key {
				t.Errorf("family %d: %q %q gave back %v", family, row.SAddr, row.DAddr, back.Flow.Key)
			}
		}
	}
}

// TestWhatFollowsIsKept: numbers that are stored as differences, or not at all, come back whether they follow from the rest or not.
func TestWhatFollowsIsKept(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		r := anyRecord(rnd)
		back := through(r)
		for i := range r.Flow.Side {
			s, b := &r.Flow.Side[i], &back.Flow.Side[i]
			for j, v := range [2][2]*flow.Intervals{{&s.Active, &b.Active}, {&s.Idle, &b.Idle}} {
				wantIntervals(t, i, j, v[1], v[0])
				*v[1] = *v[0]
			}
		}
		if !reflect.DeepEqual(back.Flow, r.Flow) {
			t.Fatalf("\n got %+v\nwant %+v", back.Flow, r.Flow)
		}
	}
}

// wantIntervals allows half a microsecond, and one where there are two intervals: mean and deviation are both rounded.
func wantIntervals(t *testing.T, side, kind int, got, want *flow.Intervals) {
	t.Helper()
	if got.N != want.N || got.Bins != want.Bins {
		t.Fatalf("side %d, kind %d: got %+v, want %+v", side, kind, *got, *want)
	}
	for _, v := range [][2]float32{{got.Mean, want.Mean}, {got.StdDev, want.StdDev}, {got.Min, want.Min}, {got.Max, want.Max}} {
		if math.Abs(float64(v[0]-v[1])) > 1.01+float64(want.Max)/(1<<22) { // and what a float of 32 bits leaves out
			t.Fatalf("side %d, kind %d: got %+v, want %+v", side, kind, *got, *want)
		}
	}
}

// anyRecord returns the record of a TCP connection in which about everything may be, or not be, as it should.
func anyRecord(rnd *rand.Rand) *argus.Record {
	few := func() uint64 { return []uint64{0, 0, 1, 1, 2, 3, 5, 1000, 1 << 33}[rnd.IntN(9)] }
	r := &argus.Record{Kind: argus.KindFlow, Version: argus.V5}
	f := &r.Flow
	f.Family, f.Proto = flow.FamilyIPv4, flow.ProtoTCP
	at := func() int64 { return 1.76e18 + rnd.Int64N(4)*rnd.Int64N(1e7)*1000 }
	f.TCP.SynAck = rnd.Int64N(2) * rnd.Int64N(1e5) * 1000
	for i := range f.Side {
		s, c := &f.Side[i], &f.TCP.Side[i]
		*c = flow.TCPSide{Base: rnd.Uint32(), Next: rnd.Uint32(), Ack: rnd.Uint32() * rnd.Uint32N(2), Payload: rnd.Uint32(), Flags: uint8(rnd.Uint32()), InFlight: uint32(few())}
		if i == 1 && rnd.IntN(2) == 0 {
			c.Ack = f.TCP.Side[0].Next
		}
		if s.Packets = few(); s.Packets == 0 {
			continue
		}
		s.First, s.Last = at(), at()
		if s.Last < s.First || s.Packets == 1 && rnd.IntN(8) > 0 {
			s.Last = s.First
		}
		s.Bytes = s.Packets * (60 + rnd.Uint64N(60))
		s.IPBytes, s.Payload = s.Bytes-14*s.Packets+few(), few()
		s.MinSize, s.MaxSize = uint16(s.Bytes/s.Packets), uint16(s.Bytes/s.Packets)
		if s.Sizes = 1 << 28; rnd.IntN(4) == 0 {
			s.MinSize, s.MaxSize, s.Sizes = uint16(few()), uint16(few()), flow.Histogram(rnd.Uint32()*rnd.Uint32N(2))
		}
		s.Active, s.Idle = anyIntervals(rnd), anyIntervals(rnd)
	}
	if f.Start, _ = f.Span(); rnd.IntN(3) == 0 && f.Start > 0 {
		f.Start -= 5e9
	}
	return r
}

func anyIntervals(rnd *rand.Rand) (v flow.Intervals) {
	times := make([]float64, rnd.IntN(6))
	for i := range times {
		times[i] = float64(rnd.Uint64N(1<<rnd.IntN(33))) / 16 // microseconds and parts of them
		v.Mean += float32(times[i] / float64(len(times)))
	}
	if v.N = uint32(len(times)); v.N == 0 {
		return v
	}
	sum := 0.0
	for _, x := range times {
		sum += (x - float64(v.Mean)) * (x - float64(v.Mean))
	}
	v.Min, v.Max, v.StdDev = float32(slices.Min(times)), float32(slices.Max(times)), float32(math.Sqrt(sum/float64(v.N)))
	v.Bins = flow.Histogram(rnd.Uint32())
	return v
}

// FuzzExtra reads any text as the column extra: what is understood is kept from then on.
func FuzzExtra(f *testing.F) {
	f.Add(`{"tunnel":{"enc":64,"proto":47,"saddr":"192.0.2.1","sport":1,"daddr":"2001:db8::1","dport":2,"type":3,"id":7,"flags":8192,"etype":2048}}`)
	f.Add(`{"icmp":{"type":5,"code":1,"from":"192.0.2.9","to":"::ffff:192.0.2.1","gateway":"192.0.2.7"},"resp":"02:00:00:00:00:01","esp":4711,"ind":0}`)
	f.Add(`{"tunnel":{"saddr":"fe80::1%eth0"},"icmp":{"from":"nobody","gateway":"::1"},"resp":"02-00"}`)
	f.Fuzz(func(t *testing.T, text string) {
		row := Row{Extra: text}
		var r argus.Record
		row.extra(&r)
		var again argus.Record
		fresh := Row{}
		fresh.fillExtra(&r, newNames())
		fresh.extra(&again)
		if !reflect.DeepEqual(again, r) {
			t.Errorf("%q is kept as %q", text, fresh.Extra)
		}
	})
}
