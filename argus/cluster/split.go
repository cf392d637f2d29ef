package cluster

import (
	"math"
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// maxPieces bounds the work that one record makes: what lies behind so many bins stays with the last one.
const maxPieces = 1 << 16

// share is what is known of one side's packets: the first and the last one's times, and that the others come at even steps
// between them. A packet at the very end of a bin belongs to it, the first one excepted: records end where their bin ends.
type share struct {
	first, last int64
	n           uint64 // packets; 1 for a side without any, that what it counts nevertheless is kept
	gone        uint64 // packets in the bins before
}

func shareOf(s *flow.Side, start int64) share {
	if s.Packets == 0 {
		return share{start, start, 1, 0}
	}
	return share{s.First, max(s.First, s.Last), s.Packets, 0}
}

// until returns how many packets come before a bin ends.
func (s *share) until(end int64) uint64 {
	switch {
	case s.last <= end && (s.first < end || s.gone > 0):
		return s.n
	case s.first >= end:
		return 0
	}
	high, low := bits.Mul64(uint64(end-s.first), s.n-1)
	steps, _ := bits.Div64(high, low, uint64(s.last-s.first))
	return steps + 1
}

// next returns the time by which the bin of the next packet is told.
func (s *share) next() int64 {
	switch s.gone {
	case 0:
		return s.first
	case s.n:
		return math.MaxInt64
	}
	return s.at(s.gone) - 1
}

// at returns the time of packet k, 1 or more of n.
func (s *share) at(k uint64) int64 {
	high, low := bits.Mul64(uint64(s.last-s.first), k)
	q, rest := bits.Div64(high, low, s.n-1)
	if rest > 0 {
		q++
	}
	return s.first + int64(q)
}

// of returns the part of a counter that belongs to the packets from gone on to upto.
func (s *share) of(counter, upto uint64) uint64 {
	if s.gone == 0 && upto == s.n {
		return counter
	}
	part := func(k uint64) uint64 {
		high, low := bits.Mul64(counter, k)
		q, _ := bits.Div64(high, low, s.n) // high is below n, because k is not above it
		return q
	}
	if upto == s.n {
		return counter - part(s.gone)
	}
	return part(upto) - part(s.gone)
}

// splitter cuts records into pieces: one for each bin in which a record had packets. The counters of the pieces add up to
// those of the record; what is no counter stands in all of them.
type splitter struct {
	width        Width
	whole, piece argus.Record
}

// split calls put with r, or with each piece of it. r is not changed and the pieces are borrowed.
func (p *splitter) split(r *argus.Record, put func(start, end int64, r *argus.Record)) {
	first, last := r.Flow.Span()
	start, end := p.width.bin(first)
	if last <= end {
		put(start, end, r)
		return
	}
	whole, piece := &p.whole, &p.piece
	*whole = *r
	if whole.Added.Aggregate.Count == 0 { // how long it lasted is told by each piece
		whole.Added.Aggregate = argus.Aggregate{Count: 1, Active: r.Durations()}
	}
	sides := [2]share{shareOf(&r.Flow.Side[0], first), shareOf(&r.Flow.Side[1], first)}
	for n := 1; ; n++ {
		*piece = *whole
		left := false
		for i := range sides {
			upto := sides[i].until(end)
			if n == maxPieces {
				upto = sides[i].n
			}
			cut(piece, i, &sides[i], start, end, upto)
			sides[i].gone = max(upto, sides[i].gone)
			left = left || sides[i].gone < sides[i].n
		}
		put(start, end, piece)
		if !left {
			return
		}
		start, end = p.width.bin(min(sides[0].next(), sides[1].next()))
	}
}

// cut leaves of one side what belongs to the packets up to upto.
func cut(r *argus.Record, side int, of *share, start, end int64, upto uint64) {
	s, t := &r.Flow.Side[side], &r.Flow.TCP.Side[side]
	packets := s.Packets
	for _, counter := range [...]*uint64{&s.Packets, &s.Bytes, &s.IPBytes, &s.Payload} {
		*counter = of.of(*counter, upto)
	}
	for _, counter := range [...]*uint32{&t.Payload, &t.Retrans, &t.OutOfOrder, &t.Duplicates, &t.Gap, &t.Turns, &t.Keystrokes, &s.Active.N, &s.Idle.N, &r.Added.Lost[side]} {
		*counter = uint32(of.of(uint64(*counter), upto))
	}
	if side == 0 {
		u := &r.Added.UDT
		for _, counter := range [...]*uint32{&r.Flow.ESP.Lost, &u.Solo, &u.First, &u.Retrans, &u.Nacks} {
			*counter = uint32(of.of(uint64(*counter), upto))
		}
	}
	if gap := int64(r.Gap[side]); gap < 0 {
		r.Gap[side] = -int32(of.of(uint64(-gap), upto))
	} else {
		r.Gap[side] = int32(of.of(uint64(gap), upto))
	}
	for _, v := range [...]*flow.Intervals{&s.Active, &s.Idle} {
		if v.N == 0 {
			*v = flow.Intervals{}
		}
	}
	if packets == 0 {
		return
	}
	if s.Packets == 0 {
		*s = flow.Side{}
		return
	}
	s.First, s.Last = times(of, start, end, upto)
}

// times returns when the packets up to upto came, as far as it is known: a side that goes on spans its bin.
func times(of *share, start, end int64, upto uint64) (first, last int64) {
	switch {
	case of.gone == 0:
		first = of.first
	case upto-of.gone == 1:
		first = of.at(of.gone)
	default:
		first = max(start, of.first)
	}
	switch {
	case upto == of.n:
		last = of.last
	case upto-of.gone == 1:
		last = first
	default:
		last = end
	}
	if upto-of.gone == 1 && upto == of.n {
		first = last
	}
	return first, last
}
