package argus

import (
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Whose number of a flow is asked for.
const (
	Source = iota
	Destination
	Both // added up; of times, those of the whole record
)

// Packets returns how many packets the record counts.
func (r *Record) Packets(side int) uint64 {
	if side == Both {
		return r.Flow.Side[Source].Packets + r.Flow.Side[Destination].Packets
	}
	return r.Flow.Side[side].Packets
}

// Duration returns how long the record lasted, or a side of it: in whole microseconds, as ra has times and a store keeps them.
func (r *Record) Duration(side int) time.Duration {
	first, last := r.Flow.Span()
	if side != Both {
		first, last = r.Flow.Side[side].First, r.Flow.Side[side].Last
	}
	return time.Duration(max(last/1000-first/1000, 0) * 1000)
}

// Durations returns how long each of the records lasted of which this one was made: of one that was not merged, its own.
func (r *Record) Durations() Statistic {
	if a := &r.Added.Aggregate; a.Count > 0 {
		return a.Active
	}
	s := float64(r.Duration(Both)) / 1e9
	return Statistic{N: 1, Min: s, Mean: s, Max: s, Sum: s}
}

// Rate returns packets a second: ra counts the intervals between them, one fewer than packets. Without a duration it is 0.
func (r *Record) Rate(side int) float64 {
	return r.perSecond(float64(max(r.Packets(side), 1)-1), side)
}

// Load returns bits a second, of all octets but those of one mean packet of each side. Without a duration it is 0.
func (r *Record) Load(side int) float64 {
	octets := uint64(0)
	for i := range r.Flow.Side {
		if s := &r.Flow.Side[i]; s.Packets > 0 && (side == i || side == Both) {
			octets += s.Bytes - s.Bytes/s.Packets
		}
	}
	return r.perSecond(8*float64(octets), side)
}

func (r *Record) perSecond(n float64, side int) float64 {
	d := r.Duration(side)
	if d == 0 {
		return 0
	}
	return n * 1e9 / float64(d)
}

// Lost returns the packets that were lost (section 5.7): those of TCP that were sent again, and those of ESP, RTP and UDT whose
// sequence numbers are missing.
func (r *Record) Lost(side int) uint64 {
	n := uint64(0)
	if side != Destination {
		n = uint64(r.Flow.TCP.Side[Source].Retrans) + uint64(r.Flow.ESP.Lost) + uint64(r.Added.Lost[Source])
	}
	if side != Source {
		n += uint64(r.Flow.TCP.Side[Destination].Retrans) + uint64(r.Added.Lost[Destination])
	}
	return n
}

// PercentLost returns the packets that were lost, of those and the ones that the record counts.
func (r *Record) PercentLost(side int) float64 {
	n := r.Lost(side)
	if n == 0 {
		return 0
	}
	return 100 * (float64(n) / float64(n+r.Packets(side)))
}

// PayloadRatio tells a producer (1) from a consumer (-1), by the octets of payload that each side sent; 0 when neither has.
func (r *Record) PayloadRatio() float64 {
	s, d := float64(r.Flow.Side[Source].Payload), float64(r.Flow.Side[Destination].Payload)
	if s+d == 0 {
		return 0
	}
	return (s - d) / (s + d)
}

// Intervals returns the times between the packets of one side, active and idle ones (section 2.10).
func (r *Record) Intervals(side int) flow.Intervals {
	v := r.Flow.Side[side].Active
	v.Merge(&r.Flow.Side[side].Idle)
	return v
}
