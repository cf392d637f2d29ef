package flow

import "math"

// Merge makes of v and o, which are of different times of one side, the intervals of both: number, extremes, mean
// and deviation are exact (Chan, Golub and LeVeque, 1979), the bins as fine as their sixteen steps.
func (v *Intervals) Merge(o *Intervals) {
	if o.N == 0 {
		return
	}
	if v.N == 0 {
		*v = *o
		return
	}
	n, k := float64(v.N), float64(o.N)
	d := float64(o.Mean) - float64(v.Mean)
	squares := n*float64(v.StdDev)*float64(v.StdDev) + k*float64(o.StdDev)*float64(o.StdDev) + d*d*n*k/(n+k)
	v.Bins = v.Bins.Merge(uint64(v.N), o.Bins, uint64(o.N))
	v.Min, v.Max = min(v.Min, o.Min), max(v.Max, o.Max)
	v.Mean = float32(float64(v.Mean) + d*k/(n+k))
	v.StdDev = float32(math.Sqrt(squares / (n + k)))
	v.N = uint32(min(n+k, math.MaxUint32))
}

// Merge returns the histogram of the n things that h counts and the m that o counts.
func (h Histogram) Merge(n uint64, o Histogram, m uint64) Histogram {
	a, b := h.counts(n), o.counts(m)
	most := 15.0
	for i := range a {
		a[i] += b[i]
		most = max(most, a[i])
	}
	merged := Histogram(0)
	for _, c := range a {
		merged = merged<<4 | Histogram(min(math.Ceil(c*15/most-1e-6), 15))
	}
	return merged
}

// counts returns what h says of n things.
func (h Histogram) counts(n uint64) (c [8]float64) {
	sum := 0.0
	for i := range c {
		c[i] = float64(h >> (28 - 4*i) & 15)
		sum += c[i]
	}
	if sum == 0 {
		return c
	}
	for i := range c {
		c[i] *= float64(n) / sum
	}
	return c
}
