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

func packetsOf(s *flow.Side) uint64  { return s.Packets }
func octetsOf(s *flow.Side) uint64   { return s.Bytes }
func payloadOf(s *flow.Side) uint64  { return s.Payload }
func ipOctetsOf(s *flow.Side) uint64 { return s.IPBytes }

func packets(r *argus.Record, side int) (uint64, bool) { return of(r, side, packetsOf), true }
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

// length returns how long the record lasted, or a side of it, in whole microseconds, as its times are printed; in ns.
func length(r *argus.Record, side int) int64 {
	first, last := r.Flow.Span()
	if side != sum {
		first, last = r.Flow.Side[side].First, r.Flow.Side[side].Last
	}
	return max(last/1000-first/1000, 0) * 1000
}

func duration(r *argus.Record, side int) (uint64, bool) { return uint64(length(r, side)), true }

// perSecond returns a number in a record's or a side's time; ra counts the intervals between packets, so the callers leave one
// packet out.
func perSecond(n float64, ns int64) (uint64, bool) {
	if ns == 0 {
		return 0, true
	}
	return math.Float64bits(n * 1e9 / float64(ns)), true
}

func rate(r *argus.Record, side int) (uint64, bool) {
	n := of(r, side, packetsOf)
	return perSecond(float64(max(n, 1)-1), length(r, side))
}

// load returns bits a second, of all octets but those of one mean packet a side.
func load(r *argus.Record, side int) (uint64, bool) {
	n := of(r, side, func(s *flow.Side) uint64 {
		if s.Packets == 0 {
			return 0
		}
		return s.Bytes - s.Bytes/s.Packets
	})
	return perSecond(8*float64(n), length(r, side))
}

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

// payloadRatio tells a producer (1) from a consumer (-1).
func payloadRatio(r *argus.Record, _ int) (uint64, bool) {
	s, d := float64(r.Flow.Side[src].Payload), float64(r.Flow.Side[dst].Payload)
	if s+d == 0 {
		return 0, true
	}
	return math.Float64bits((s - d) / (s + d)), true
}

// payloadShare returns how much of the octets is payload.
func payloadShare(r *argus.Record, side int) (uint64, bool) {
	return math.Float64bits(quotient(of(r, side, payloadOf), of(r, side, octetsOf))), true
}

// lost returns the packets that were lost: retransmitted ones of TCP, missing sequence numbers of ESP, RTP and UDT.
func lost(r *argus.Record, side int) uint64 {
	t, l := &r.Flow.TCP, &r.Added.Lost
	n := uint64(0)
	if side != dst {
		n = uint64(t.Side[src].Retrans) + uint64(r.Flow.ESP.Lost) + uint64(l[src])
	}
	if side != src {
		n += uint64(t.Side[dst].Retrans) + uint64(l[dst])
	}
	return n
}

func lostPackets(r *argus.Record, side int) (uint64, bool) { return lost(r, side), true }

func percentLost(r *argus.Record, side int) (uint64, bool) {
	n := lost(r, side)
	return math.Float64bits(100 * quotient(n, n+of(r, side, packetsOf))), true
}

func sequence(r *argus.Record, _ int) (uint64, bool) {
	return uint64(r.Sequence), r.Has&argus.HasSequence != 0
}
