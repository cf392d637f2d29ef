package cluster

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// count adds r to what into tells of the records that it was made of. silent is the time between the two, ns; below 0
// they overlap.
func count(into, r *argus.Record, silent int64) {
	a, o := &into.Added.Aggregate, &r.Added.Aggregate
	if a.Count == 0 {
		*a = argus.Aggregate{Count: 1, Active: into.Durations()}
	}
	a.Count += min(max(o.Count, 1), math.MaxUint32-a.Count)
	add(&a.Active, r.Durations())
	add(&a.Idle, o.Idle)
	if silent >= 0 {
		add(&a.Idle, once(float64(silent)/1e9))
	}
}

func once(seconds float64) argus.Statistic {
	return argus.Statistic{N: 1, Min: seconds, Mean: seconds, Max: seconds, Sum: seconds}
}

// add makes of s and o the statistic of both (Chan, Golub and LeVeque, 1979).
func add(s *argus.Statistic, o argus.Statistic) {
	if s.N == 0 {
		*s = o
		return
	}
	if o.N == 0 {
		return
	}
	n, k := float64(s.N), float64(o.N)
	d := o.Mean - s.Mean
	squares := n*s.StdDev*s.StdDev + k*o.StdDev*o.StdDev + d*d*n*k/(n+k)
	s.N += min(o.N, math.MaxUint32-s.N)
	s.Min, s.Max, s.Sum = min(s.Min, o.Min), max(s.Max, o.Max), s.Sum+o.Sum
	s.Mean += d * k / (n + k)
	s.StdDev = math.Sqrt(squares / (n + k))
}
