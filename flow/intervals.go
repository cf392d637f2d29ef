package flow

import (
	"math"
	"math/bits"
)

// spread follows the times between the packets of one side, of the active or of the idle ones: 40 octets, made when there
// is a first one. The sums are kept, so that the mean is exact and no packet needs a division.
type spread struct {
	sum      uint64  // ns
	squares  float64 // ns^2
	n        uint32
	min, max float32 // us
	other    uint32  // number of the side's other spread, none without
	bins     bins
}

// spreadOf returns the spread of side s for active or for idle times, made when there is none. The first one that was made
// is s.spread, the second one its other.
func (t *Table) spreadOf(s *side, active bool) *spread {
	if s.spread == none {
		s.spread = t.spreads.alloc()
		if active {
			s.has |= sideActive
		}
		t.spreads.at(s.spread).other = none
	}
	first := t.spreads.at(s.spread)
	if active == (s.has&sideActive != 0) {
		return first
	}
	if first.other == none {
		first.other = t.spreads.alloc()
	}
	return t.spreads.at(first.other)
}

// endSpreads moves the times of side s to r, which is zero, and frees them.
func (t *Table) endSpreads(s *side, r *Side) {
	if s.spread == none {
		return
	}
	one, two := &r.Idle, &r.Active
	if s.has&sideActive != 0 {
		one, two = two, one
	}
	first := t.spreads.at(s.spread)
	first.record(one)
	if first.other != none {
		t.spreads.at(first.other).record(two)
		t.spreads.free(first.other)
	}
	t.spreads.free(s.spread)
}

// add notes a time of ns nanoseconds, not negative.
func (s *spread) add(ns int64) {
	x := float64(ns)
	us := float32(x * 1e-3)
	if us < s.min || s.n == 0 {
		s.min = us
	}
	if us > s.max {
		s.max = us
	}
	s.n++
	s.sum += uint64(ns)
	s.squares += x * x
	s.bins.add(timeBin(ns), 1, s.n)
}

// noise is what rounding leaves of the variance of equal times, relative to the square of their mean.
const noise = 1e-13

// record fills r, which is zero.
func (s *spread) record(r *Intervals) {
	n := float64(s.n)
	mean := float64(s.sum) / n
	r.N, r.Min, r.Mean, r.Max = s.n, s.min, float32(mean*1e-3), s.max
	if variance := s.squares/n - mean*mean; variance > noise*mean*mean {
		r.StdDev = float32(math.Sqrt(variance) * 1e-3)
	}
	r.Bins = s.bins.scaled()
}

// bins are eight counts of which only the proportions matter. Beyond 255 things all are halved whenever the number of
// things has doubled, and of those that follow as small a part is counted: early and late ones weigh the same.
type bins [8]uint8

// golden spreads the things that are counted evenly among all (Knuth, The Art of Computer Programming 3, section 6.4),
// so that no pattern of the traffic is in step with them.
const golden = 0x9e3779b9

// add counts k more things in bin i, with which there are n.
func (b *bins) add(i int, k, n uint32) {
	if n <= math.MaxUint8 {
		b[i&7] += uint8(k)
		return
	}
	halved := bits.Len32(n >> 8)
	for range halved - bits.Len32((n-k)>>8) {
		for j := range b {
			b[j] -= b[j] / 2 // what was seen stays seen
		}
	}
	k = (k + n*golden>>(32-halved)) >> halved
	if b[i] == 0 {
		k = max(k, 1)
	}
	b[i] = uint8(min(uint32(b[i])+k, math.MaxUint8))
}

// scaled returns the counts in proportion to the largest one, which becomes 15 if it is more than that; what was
// seen at all is at least 1.
func (b *bins) scaled() Histogram {
	most := uint32(15)
	for _, c := range b {
		most = max(most, uint32(c))
	}
	scaled := uint32(0)
	for _, c := range b {
		if c > 0 && most > 15 {
			c = uint8((uint32(c)*15 + most - 1) / most)
		}
		scaled = scaled<<4 | uint32(c)
	}
	return Histogram(scaled)
}

// sizeBin returns the bin of a frame of that many octets (Argus record format, section 2.5).
func sizeBin(octets uint32) int {
	if octets < 40+32 {
		return 0
	}
	return min(bits.Len32(octets-40)-5, 7)
}

// timeBins tells for every highest bit of a time the bin of what is below the power of ten that lies there, or next.
var timeBins = func() (t [64]struct{ edge, bin int64 }) {
	edge, bin := int64(10_000), int64(0)
	for i := range t {
		for bin < 7 && edge < 1<<i {
			edge, bin = edge*10, bin+1
		}
		t[i].edge, t[i].bin = edge, bin
	}
	return t
}()

// timeBin returns the bin of a time of ns nanoseconds: below 10 us, 100 us, ... 10 s, and longer.
func timeBin(ns int64) int {
	b := &timeBins[bits.Len64(uint64(ns)|1)-1]
	if ns >= b.edge {
		return int(min(b.bin+1, 7))
	}
	return int(b.bin)
}
