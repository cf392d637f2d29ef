package fields

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// of returns what a side has of something, or both together.
func of(r *argus.Record, side int, get func(s *flow.Side) uint64) uint64 {
	if side == sum {
		return get(&r.Flow.Side[src]) + get(&r.Flow.Side[dst])
	}
	return get(&r.Flow.Side[side])
}

func octetsOf(s *flow.Side) uint64   { return s.Bytes }
func payloadOf(s *flow.Side) uint64  { return s.Payload }
func ipOctetsOf(s *flow.Side) uint64 { return s.IPBytes }

func packets(r *argus.Record, side int) (uint64, bool) { return r.Packets(side), true }
func octets(r *argus.Record, side int) (uint64, bool)  { return of(r, side, octetsOf), true }
func payload(r *argus.Record, side int) (uint64, bool) { return of(r, side, payloadOf), true }

func ipOctets(r *argus.Record, side int) (uint64, bool) {
	return of(r, side, ipOctetsOf), r.Extension()
}

func zero(*argus.Record, int) (uint64, bool) { return 0, true }

// nothing is the value of fields that no record fills.
func nothing(b []byte, _ *argus.Record, _ int) []byte { return b }

// recordTime returns when the record begins (src) and when it ends (dst).
func recordTime(r *argus.Record, end int) (uint64, bool) {
	first, last := r.Flow.Span()
	if end == dst {
		first = last
	}
	return uint64(first), true
}

func firstTime(r *argus.Record, side int) (uint64, bool) {
	s := &r.Flow.Side[side]
	return uint64(s.First), s.Packets > 0
}

func lastTime(r *argus.Record, side int) (uint64, bool) {
	s := &r.Flow.Side[side]
	return uint64(s.Last), s.Packets > 0
}

func duration(r *argus.Record, side int) (uint64, bool) { return uint64(r.Duration(side)), true }

func rate(r *argus.Record, side int) (uint64, bool) { return math.Float64bits(r.Rate(side)), true }

func load(r *argus.Record, side int) (uint64, bool) { return math.Float64bits(r.Load(side)), true }

func quotient(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func meanSize(r *argus.Record, side int) (uint64, bool) {
	s := &r.Flow.Side[side]
	return math.Float64bits(quotient(s.Bytes, s.Packets)), true
}

func payloadRatio(r *argus.Record, _ int) (uint64, bool) {
	return math.Float64bits(r.PayloadRatio()), true
}

// payloadShare returns how much of the octets is payload.
func payloadShare(r *argus.Record, side int) (uint64, bool) {
	return math.Float64bits(quotient(of(r, side, payloadOf), of(r, side, octetsOf))), true
}

func lost(r *argus.Record, side int) (uint64, bool) { return r.Lost(side), true }

func percentLost(r *argus.Record, side int) (uint64, bool) {
	return math.Float64bits(r.PercentLost(side)), true
}

func sequence(r *argus.Record, _ int) (uint64, bool) {
	return uint64(r.Sequence), r.Has&argus.HasSequence != 0
}
