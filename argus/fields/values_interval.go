package fields

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// bothIntervals returns the active and the idle intervals of a side as one.
func bothIntervals(r *argus.Record, side int) flow.Intervals {
	s := &r.Flow.Side[side]
	v := s.Active
	v.Merge(&s.Idle)
	return v
}

// milliseconds returns one number of microseconds of intervals that are there.
func milliseconds(v *flow.Intervals, us float32) (uint64, bool) {
	return math.Float64bits(float64(us) / 1000), v.N != 0
}

func meanOfBoth(r *argus.Record, side int) (uint64, bool) {
	v := bothIntervals(r, side)
	return milliseconds(&v, v.Mean)
}

func maxOfBoth(r *argus.Record, side int) (uint64, bool) {
	v := bothIntervals(r, side)
	return milliseconds(&v, v.Max)
}

func minOfBoth(r *argus.Record, side int) (uint64, bool) {
	v := bothIntervals(r, side)
	return milliseconds(&v, v.Min)
}

func jitterOfBoth(r *argus.Record, side int) (uint64, bool) {
	v := bothIntervals(r, side)
	return milliseconds(&v, v.StdDev)
}

func appendBins(b []byte, r *argus.Record, side int) []byte {
	v := bothIntervals(r, side)
	return appendHistogram(b, v.Bins)
}

func meanActive(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Active
	return milliseconds(v, v.Mean)
}

func maxActive(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Active
	return milliseconds(v, v.Max)
}

func minActive(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Active
	return milliseconds(v, v.Min)
}

func jitterActive(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Active
	return milliseconds(v, v.StdDev)
}

func appendActiveBins(b []byte, r *argus.Record, side int) []byte {
	v := &r.Flow.Side[side].Active
	return appendHistogram(b, v.Bins)
}

func meanIdle(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Idle
	return milliseconds(v, v.Mean)
}

func maxIdle(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Idle
	return milliseconds(v, v.Max)
}

func minIdle(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Idle
	return milliseconds(v, v.Min)
}

func jitterIdle(r *argus.Record, side int) (uint64, bool) {
	v := &r.Flow.Side[side].Idle
	return milliseconds(v, v.StdDev)
}

func appendIdleBins(b []byte, r *argus.Record, side int) []byte {
	v := &r.Flow.Side[side].Idle
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
