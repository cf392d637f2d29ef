package fields

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// What a field of intervals tells: a number of which times, to be added to the side (src, dst).
const (
	activeTimes = 1 << 2 // else both together
	idleTimes   = 2 << 2
	maxTime     = 1 << 4 // else the mean
	minTime     = 2 << 4
	jitterTime  = 3 << 4
)

// intervalsOf returns the times between packets that a field tells of.
func intervalsOf(r *argus.Record, what int) flow.Intervals {
	side := what & 1
	switch {
	case what&idleTimes != 0:
		return r.Flow.Side[side].Idle
	case what&activeTimes != 0:
		return r.Flow.Side[side].Active
	}
	return r.Intervals(side)
}

// betweenPackets returns a number of times between packets in milliseconds.
func betweenPackets(r *argus.Record, what int) (uint64, bool) {
	v := intervalsOf(r, what)
	us := [...]float32{v.Mean, v.Max, v.Min, v.StdDev}[what>>4]
	return math.Float64bits(float64(us) / 1000), v.N != 0
}

// appendBins appends the distribution of times between packets.
func appendBins(b []byte, r *argus.Record, what int) []byte {
	v := intervalsOf(r, what)
	return appendHistogram(b, v.Bins)
}

func appendHistogram(b []byte, h flow.Histogram) []byte {
	if h == 0 { // of what was counted, the largest bin is 15
		return b
	}
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[h>>shift&15])
	}
	return b
}

// appendSizes appends the distribution of a side's packet sizes.
func appendSizes(b []byte, r *argus.Record, side int) []byte {
	return appendHistogram(b, r.Flow.Side[side].Sizes)
}
