package flow

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Mean, deviation and extremes are those of the textbook, however many and however uneven the times are.
func TestIntervalsAreTheTextbooks(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		next func(r *rand.Rand, i int) int64
	}{
		{"even", 1000, func(*rand.Rand, int) int64 { return 20_000_000 }},
		{"a voice call", 250, func(r *rand.Rand, _ int) int64 { return 20_000_000 + r.Int64N(400_000) }},
		{"bursts and rests", 5000, func(r *rand.Rand, i int) int64 { return []int64{1200, 3_000_000_000}[i%100/99] + r.Int64N(100) }},
		{"a million", 1_000_000, func(r *rand.Rand, _ int) int64 { return 1000 + r.Int64N(8000) }},
		{"a rest, then evenly", 1000, func(r *rand.Rand, i int) int64 { return []int64{5e9, 1e6}[min(i, 1)] + r.Int64N(1000) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			var s spread
			var times []float64
			sum := 0.0
			for i := range c.n {
				ns := c.next(r, i)
				s.add(ns)
				times = append(times, float64(ns)/1000)
				sum += float64(ns) / 1000
			}
			mean, squares := sum/float64(c.n), 0.0
			for _, x := range times {
				squares += (x - mean) * (x - mean)
			}
			dev := math.Sqrt(squares / float64(c.n))
			var got Intervals
			s.record(&got)
			near := func(what string, got float32, want float64) {
				if math.Abs(float64(got)-want) > 1e-3*want+1e-3 {
					t.Errorf("%s %g us, want %g", what, got, want)
				}
			}
			if got.N != uint32(c.n) {
				t.Errorf("%d times, want %d", got.N, c.n)
			}
			near("mean", got.Mean, mean)
			near("deviation", got.StdDev, dev)
			near("least", got.Min, slices.Min(times))
			near("greatest", got.Max, slices.Max(times))
		})
	}
}

// What rounding leaves of equal times is no deviation.
func TestEqualTimesDoNotDeviate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		var s spread
		ns := r.Int64N(10_000_000_000)
		for range 1000 {
			s.add(ns)
		}
		var got Intervals
		if s.record(&got); got.StdDev != 0 {
			t.Errorf("%d ns, a thousand times, deviate by %g us", ns, got.StdDev)
		}
	}
}

func TestTimeBins(t *testing.T) {
	edge := int64(10_000)
	for bin := range 7 {
		if lo, hi := timeBin(edge-1), timeBin(edge); lo != bin || hi != bin+1 {
			t.Errorf("%d ns less one is in bin %d, with it in bin %d; want %d and %d", edge, lo, hi, bin, bin+1)
		}
		edge *= 10
	}
	if timeBin(0) != 0 || timeBin(math.MaxInt64) != 7 {
		t.Errorf("nothing is in bin %d, for ever in bin %d", timeBin(0), timeBin(math.MaxInt64))
	}
}

// The bins of frame sizes are those of the Argus record format, section 2.5: int(log2(octets-40))-4, within 0 and 7.
func TestSizeBins(t *testing.T) {
	for octets := range uint32(70_000) {
		want := 0
		if octets > 40 {
			want = min(max(int(math.Log2(float64(octets-40)))-4, 0), 7)
		}
		if got := sizeBin(octets); got != want {
			t.Fatalf("%d octets are in bin %d, want %d", octets, got, want)
		}
	}
}

// Few things are counted; of many the proportions are kept, whenever they came, and nothing that was seen disappears.
func TestHistogramKeepsProportions(t *testing.T) {
	type batch struct {
		bin, times int
		each       uint32
	}
	for _, c := range []struct {
		name  string
		order []batch // one after another, round and round
		turns int
		want  Histogram
	}{
		{"few", []batch{{0, 9, 1}, {7, 1, 3}}, 1, 0x90000003},
		{"two of three, mixed", []batch{{2, 2, 1}, {5, 1, 1}}, 10_000, 0x00f00800},
		{"every other one", []batch{{1, 1, 1}, {6, 1, 1}}, 50_000, 0x0f0000f0},
		{"early and late", []batch{{2, 20_000, 1}, {5, 20_000, 1}}, 1, 0x00f00f00},
		{"a few early, many late", []batch{{1, 30, 1}, {2, 3_000, 1}, {5, 1_500, 1}}, 1, 0x01f00800},
		{"one late", []batch{{1, 1_000_000, 1}, {4, 1, 1}}, 1, 0x0f001000},
		{"super-frames", []batch{{7, 100, 44}, {0, 2_200, 1}}, 10, 0x8000000f},
		{"a million at once", []batch{{3, 1, 1_000_000}}, 1, 0x000f0000},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bins
			n := uint32(0)
			for range c.turns {
				for _, x := range c.order {
					for range x.times {
						n += x.each
						b.add(x.bin, x.each, n)
					}
				}
			}
			got := b.scaled()
			for shift := range 8 {
				g, w := int(got>>(4*shift)&15), int(c.want>>(4*shift)&15)
				if g-w > 1 || w-g > 1 || (g == 0) != (w == 0) {
					t.Fatalf("%08x, want %08x give or take one", got, c.want)
				}
			}
		})
	}
}

// What is active and what is idle, and which times count, as Debian's argus 3.0.8 has it for the same packets
// (its sample tcp4_long: twenty-six segments of an upload that nobody acknowledges, in three records).
func TestActiveAndIdle(t *testing.T) {
	const ms = 1_000_000
	var c conversation
	c.handshake(1, 9)
	for i := range uint32(26) {
		c.at = int64(30+500*i) * ms
		c.segment(0, PSH|ACK, 2+10*i, 10, 10)
	}
	c.at = 13030 * ms
	c.segment(0, FIN|ACK, 262, 10, 0)
	c.segment(1, FIN|ACK, 10, 263, 0)
	c.segment(0, ACK, 263, 11, 0)
	records := c.records()
	if len(records) != 3 {
		t.Fatalf("%d records, want 3", len(records))
	}
	for i, want := range []struct {
		active             uint32
		idle               uint32
		idleMean, idleDev  float32
		activeMin, idleMax float32
	}{{9, 2, 15, 5, 500, 20}, {9, 1, 500, 0, 500, 500}, {5, 3, 340, 226.274172, 500, 500}} {
		s := records[i].Side[0]
		if s.Active.N != want.active || s.Active.Mean != 500e3 || s.Active.Min != want.activeMin*1e3 || s.Active.StdDev != 0 {
			t.Errorf("record %d: active %+v", i, s.Active)
		}
		if s.Idle.N != want.idle || s.Idle.Mean != want.idleMean*1e3 || math.Abs(float64(s.Idle.StdDev-want.idleDev*1e3)) > 1 ||
			s.Idle.Max != want.idleMax*1e3 {
			t.Errorf("record %d: idle %+v", i, s.Idle)
		}
	}
}

// The time before a record's first packet counts unless it is two status intervals or more, or the first of all.
func TestIntervalBeforeTheRecord(t *testing.T) {
	for _, c := range []struct {
		rest int64
		n    uint32
	}{{6 * second, 1}, {10*second - 1, 1}, {10 * second, 0}} {
		m := newMeter()
		m.add(udp(t0, true, 1), udp(t0+c.rest, true, 1))
		records := m.end()
		if len(records) != 2 || records[0].Side[0].Active.N != 0 || records[1].Side[0].Active.N != c.n {
			t.Errorf("after %d ns: %+v", c.rest, records)
		}
	}
}

// Captures merged from two interfaces run backwards a little: no interval is negative.
func TestIntervalsOfDisorder(t *testing.T) {
	m := newMeter()
	m.add(udp(t0+1000, true, 1), udp(t0, true, 1), udp(t0+2000, true, 1))
	s := m.end()[0].Side[0]
	if s.First != t0 || s.Last != t0+2000 || s.Active.N != 2 || s.Active.Min != 0 || s.Active.Max != 1 {
		t.Errorf("%+v", s)
	}
}
