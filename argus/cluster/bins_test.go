package cluster

import (
	"slices"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

const second = int64(time.Second)

// lasting returns a record of packets that a source sent evenly from one moment to another.
func lasting(packets uint64, from, to int64) *argus.Record {
	r := plain(17, "10.0.0.1", "10.0.0.2", 1000, 53, 0)
	r.Flow.Side[0] = flow.Side{Packets: packets, Bytes: packets*64 + 6, First: from, Last: to}
	r.Flow.Side[1] = flow.Side{}
	return r
}

func newBins(t *testing.T, width string, hard bool, max int) *Bins {
	t.Helper()
	w, err := ParseWidth(width)
	if err != nil {
		t.Fatal(err)
	}
	return NewBins(w, hard, max, Key{})
}

func TestSplit(t *testing.T) {
	type piece struct {
		packets, bytes uint64
		first, last    int64
	}
	for name, test := range map[string]struct {
		record *argus.Record
		want   []piece
	}{
		"inside":               {lasting(3, 1*second, 9*second), []piece{{3, 198, 1 * second, 9 * second}}},
		"its end is the bin's": {lasting(3, 1*second, 10*second), []piece{{3, 198, 1 * second, 10 * second}}},
		"two packets":          {lasting(2, 5*second, 35*second), []piece{{1, 67, 5 * second, 5 * second}, {1, 67, 35 * second, 35 * second}}},
		"even":                 {lasting(5, 0, 40*second), []piece{{2, 130, 0, 10 * second}, {1, 65, 20 * second, 20 * second}, {1, 65, 30 * second, 30 * second}, {1, 66, 40 * second, 40 * second}}},
		"many":                 {lasting(301, 5*second, 35*second), []piece{{51, 3265, 5 * second, 10 * second}, {100, 6402, 10 * second, 20 * second}, {100, 6402, 20 * second, 30 * second}, {50, 3201, 30 * second, 35 * second}}},
		"none at all":          {lasting(0, 5*second, 35*second), []piece{{0, 6, 5 * second, 35 * second}}},
	} {
		b := newBins(t, "10s", false, 100)
		b.Add(test.record)
		var got []piece
		for r := range b.All() {
			s := r.Flow.Side[0]
			got = append(got, piece{s.Packets, s.Bytes, s.First, s.Last})
			if a := r.Added.Aggregate; len(test.want) > 1 && (a.Count != 1 || a.Active.Mean != test.record.Durations().Mean) {
				t.Errorf("%s: %+v does not tell how long the whole record was", name, a)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, test.want)
		}
	}
}

// TestSplitCounters: every counter goes with the packets, also that of holes that were filled, and of a side that had none.
func TestSplitCounters(t *testing.T) {
	r := plain(6, "10.0.0.1", "10.0.0.2", 1000, 80, 0)
	r.Gap = [2]int32{-7, 9}
	r.Flow.ESP.Lost, r.Added.Lost, r.Added.UDT = 11, [2]uint32{12, 13}, argus.UDT{Solo: 14, First: 15, Retrans: 16, Nacks: 17}
	for i := range r.Flow.Side {
		s := &r.Flow.Side[i]
		s.Packets, s.Bytes, s.Payload, s.IPBytes = 7, 777, 333, 555
		s.First, s.Last = int64(i)*15*second, 29*second-int64(i)*11*second // the destination's are in the second bin only
		s.Active, s.Idle = flow.Intervals{N: 5, Mean: 1}, flow.Intervals{N: 2, Mean: 3}
		r.Flow.TCP.Side[i] = flow.TCPSide{Base: 5, Payload: 333, Retrans: 3, OutOfOrder: 4, Duplicates: 5, Gap: 6, Turns: 7, Keystrokes: 8}
	}
	b := newBins(t, "10s", true, 100)
	b.Add(r)
	var sum argus.Record
	n := 0
	for p := range b.All() {
		n++
		sum.Flow.ESP.Lost += p.Flow.ESP.Lost
		mergeAdded(&sum.Added, &argus.Added{UDT: p.Added.UDT}, true)
		for i := range p.Flow.Side {
			s, to := &p.Flow.Side[i], &sum.Flow.Side[i]
			c, tcp := &p.Flow.TCP.Side[i], &sum.Flow.TCP.Side[i]
			to.Packets, to.Bytes, to.Payload, to.IPBytes = to.Packets+s.Packets, to.Bytes+s.Bytes, to.Payload+s.Payload, to.IPBytes+s.IPBytes
			to.Active.N, to.Idle.N = to.Active.N+s.Active.N, to.Idle.N+s.Idle.N
			*tcp = flow.TCPSide{Base: c.Base, Payload: tcp.Payload + c.Payload, Retrans: tcp.Retrans + c.Retrans, OutOfOrder: tcp.OutOfOrder + c.OutOfOrder,
				Duplicates: tcp.Duplicates + c.Duplicates, Gap: tcp.Gap + c.Gap, Turns: tcp.Turns + c.Turns, Keystrokes: tcp.Keystrokes + c.Keystrokes}
			sum.Gap[i] += p.Gap[i]
			sum.Added.Lost[i] += p.Added.Lost[i]
			if s.Packets == 0 && (s.TTL != 0 || s.First != 0 || s.Last != 0) {
				t.Errorf("a side without packets says %+v", s)
			}
		}
	}
	for i := range sum.Flow.Side {
		s := sum.Flow.Side[i]
		if s.Packets != 7 || s.Bytes != 777 || s.Payload != 333 || s.IPBytes != 555 || s.Active.N != 5 || s.Idle.N != 2 || sum.Flow.TCP.Side[i] != r.Flow.TCP.Side[i] {
			t.Errorf("side %d: %+v %+v", i, s, sum.Flow.TCP.Side[i])
		}
	}
	if sum.Flow.ESP.Lost != 11 || sum.Added.Lost != r.Added.Lost || sum.Added.UDT != r.Added.UDT {
		t.Errorf("ESP %+v, added %+v", sum.Flow.ESP, sum.Added)
	}
	if n != 3 || sum.Gap != r.Gap {
		t.Errorf("%d pieces, gaps %d", n, sum.Gap)
	}
}

// TestBinsAgain: what comes out of bins goes whole into the same bins.
func TestBinsAgain(t *testing.T) {
	for _, hard := range []bool{false, true} {
		b, again := newBins(t, "10s", hard, 100), newBins(t, "10s", hard, 100)
		for i := range uint64(7) {
			b.Add(lasting(i*i+1, int64(i)*second*3, int64(i*i+i)*second*3))
		}
		var want, got []flow.Side
		for r := range b.All() {
			want = append(want, r.Flow.Side[0])
			if hard && (r.Flow.Side[0].First%(10*second) != 0 || r.Flow.Side[0].Last-r.Flow.Side[0].First != 10*second) {
				t.Errorf("hard: %+v", r.Flow.Side[0])
			}
			again.Add(r)
		}
		for r := range again.All() {
			got = append(got, r.Flow.Side[0])
		}
		if len(want) < 5 || !slices.EqualFunc(got, want, func(a, b flow.Side) bool { return a.Packets == b.Packets && a.First == b.First && a.Last == b.Last }) {
			t.Errorf("hard %v:\n got %+v\nwant %+v", hard, got, want)
		}
	}
}

func TestWidths(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("skipped: no time zones here")
	}
	local := time.Local
	time.Local = berlin
	defer func() { time.Local = local }()
	for width, want := range map[string][2]string{
		"90s":  {"2026-03-29T12:33:00+02:00", "2026-03-29T12:34:30+02:00"},
		"1h":   {"2026-03-29T12:00:00+02:00", "2026-03-29T13:00:00+02:00"},
		"0.5h": {"2026-03-29T12:30:00+02:00", "2026-03-29T13:00:00+02:00"},
		"1d":   {"2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"}, // of 23 hours
		"24h":  {"2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		"1w":   {"2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		"1M":   {"2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"},
		"3M":   {"2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"},
		"1y":   {"2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"},
	} {
		w, err := ParseWidth(width)
		if err != nil {
			t.Errorf("%s: %v", width, err)
			continue
		}
		start, end := w.bin(time.Date(2026, 3, 29, 12, 34, 0, 0, berlin).UnixNano())
		got := [2]string{time.Unix(0, start).Format(time.RFC3339), time.Unix(0, end).Format(time.RFC3339)}
		if got != want {
			t.Errorf("%s: %v, want %v", width, got, want)
		}
	}
	for _, bad := range []string{"", "s", "5", "5x", "0s", "-1s", "NaNs", "Infs", "1e300d", "101y", "1.5M", "1e-9s", "5 s"} {
		if w, err := ParseWidth(bad); err == nil {
			t.Errorf("%q became %+v", bad, w)
		}
	}
}

// TestUntil: of a stream the bins come out when they are over, each once.
func TestUntil(t *testing.T) {
	b := newBins(t, "10s", false, 100)
	b.Add(lasting(5, 12*second, 34*second))
	b.Add(lasting(1, 3*second, 3*second))
	if got := b.Until(9 * second); len(got) != 0 {
		t.Errorf("%d records before the first bin is over", len(got))
	}
	got := b.Until(20 * second)
	if len(got) != 2 || got[0].Flow.Side[0].First != 3*second || got[1].Flow.Side[0].First != 12*second {
		t.Errorf("until 20: %v", got)
	}
	b.Add(lasting(1, 15*second, 15*second)) // late: its bin is told again
	if got := b.Until(20 * second); len(got) != 1 || got[0].Flow.Side[0].Packets != 1 {
		t.Errorf("late: %v", got)
	}
	b.Add(lasting(1, 16*second, 16*second)) // and again, after the bin that had the last record was given out
	if got := b.Until(20 * second); len(got) != 1 || got[0].Flow.Side[0].Packets != 1 {
		t.Errorf("late once more: %v", got)
	}
	left := uint64(0)
	for r := range b.All() {
		left += r.Flow.Side[0].Packets
	}
	for range b.All() {
		t.Error("a bin came twice")
	}
	if left != 3 {
		t.Errorf("%d packets are left", left)
	}
}

// TestBinsBound: no more is held than may be, whatever comes, and nothing is lost.
func TestBinsBound(t *testing.T) {
	b := newBins(t, "1s", false, 10)
	in, out := uint64(0), uint64(0)
	for i := range int64(100) {
		r := lasting(50, (i*37%100)*second, (i*37%100+30)*second)
		r.Flow.SrcPort = uint16(i)
		in += r.Flow.Side[0].Packets
		for _, early := range b.Add(r) {
			out += early.Flow.Side[0].Packets
		}
		n := 0
		for _, one := range b.bins {
			n += one.Len()
		}
		if n > 10 || n != b.held {
			t.Fatalf("%d records are held, counted are %d", n, b.held)
		}
	}
	for r := range b.All() {
		out += r.Flow.Side[0].Packets
	}
	if in != out {
		t.Errorf("%d packets went in, %d came out", in, out)
	}
}

// TestSortedBins: an order is one of each bin, not of all.
func TestSortedBins(t *testing.T) {
	b := newBins(t, "10s", false, 100)
	order, err := ParseOrder("-sport", compareBytes)
	if err != nil {
		t.Fatal(err)
	}
	b.Sort(order)
	for i, port := range []uint16{5, 9, 7, 1, 8} {
		r := lasting(1, int64(i)*4*second, int64(i)*4*second)
		r.Flow.SrcPort = port
		b.Add(r)
	}
	var got []uint16
	for _, r := range b.Until(10 * second) {
		got = append(got, r.Flow.SrcPort)
	}
	for r := range b.All() {
		got = append(got, r.Flow.SrcPort)
	}
	if !slices.Equal(got, []uint16{9, 7, 5, 8, 1}) {
		t.Errorf("%d", got)
	}
}

// TestUntilThenFull: bins that came out leave room, and what comes then is bounded again.
func TestUntilThenFull(t *testing.T) {
	b := newBins(t, "1s", false, 3)
	out := uint64(0)
	count := func(records []*argus.Record) {
		for _, r := range records {
			out += r.Flow.Side[0].Packets
		}
	}
	for i := range int64(50) {
		count(b.Add(lasting(1, i*second, i*second)))
		if i%5 == 4 {
			count(b.Until((i + 2) * second))
		}
		count(b.Add(lasting(3, (i+1)*second, (i+3)*second)))
		if b.held > 3 {
			t.Fatalf("%d records are held", b.held)
		}
	}
	count(slices.Collect(b.All()))
	if out != 200 {
		t.Errorf("%d of 200 packets came out", out)
	}
}

// TestManyBins: however many bins there are, a late one finds its place at once.
func TestManyBins(t *testing.T) {
	b := newBins(t, "1s", false, 1<<20)
	early := 0
	add := func(at int64) { early += len(b.Add(lasting(1, at*second, at*second))) }
	const late = 1000
	for i := range int64(maxBins - late) {
		add(1<<20 + i)
	}
	for i := range int64(late + 100) {
		add(1<<20 - 1 - i)
	}
	if len(b.bins) != maxBins || early != 100 {
		t.Errorf("%d bins are held, %d records came early", len(b.bins), early)
	}
}

// TestHostileSpan: a record that claims to last for a century costs no more than so many bins.
func TestHostileSpan(t *testing.T) {
	b := newBins(t, "1s", false, 1<<20)
	b.Add(lasting(1<<63, 0, 4_000_000_000*second))
	n, packets := 0, uint64(0)
	for r := range b.All() {
		n++
		packets += r.Flow.Side[0].Packets
	}
	if n != maxPieces || packets != 1<<63 {
		t.Errorf("%d pieces of %d packets", n, packets)
	}
}
