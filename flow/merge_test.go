package flow

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestIntervalsMerge splits one series in two and asks for the numbers of the whole.
func TestIntervalsMerge(t *testing.T) {
	of := func(times []float64) (v Intervals) {
		sum, squares := 0.0, 0.0
		v.Min = math.MaxFloat32
		var bins bins
		for i, x := range times {
			sum += x
			v.Min, v.Max = min(v.Min, float32(x)), max(v.Max, float32(x))
			bins.add(timeBin(int64(x*1000)), 1, uint32(i+1))
		}
		mean := sum / float64(len(times))
		for _, x := range times {
			squares += (x - mean) * (x - mean)
		}
		v.N, v.Mean, v.StdDev = uint32(len(times)), float32(mean), float32(math.Sqrt(squares/float64(len(times))))
		v.Bins = bins.scaled()
		return v
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		times := make([]float64, 2+random.IntN(200))
		for i := range times {
			times[i] = math.Exp(random.Float64() * 12)
		}
		cut := 1 + random.IntN(len(times)-1)
		got, other, want := of(times[:cut]), of(times[cut:]), of(times)
		got.Merge(&other)
		near := func(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-3*float64(b) }
		if got.N != want.N || got.Min != want.Min || got.Max != want.Max || !near(got.Mean, want.Mean) || !near(got.StdDev, want.StdDev) {
			t.Fatalf("%d of %d: got %+v, want %+v", cut, len(times), got, want)
		}
		for i := range 8 {
			a, b := int(got.Bins>>(4*i)&15), int(want.Bins>>(4*i)&15)
			if max(a, b)-min(a, b) > 2 || (a == 0) != (b == 0) {
				t.Fatalf("bins %08x, want %08x", got.Bins, want.Bins)
			}
		}
	}
	v := Intervals{}
	v.Merge(&Intervals{N: 1, Mean: 5})
	v.Merge(&Intervals{})
	if v != (Intervals{N: 1, Mean: 5}) {
		t.Errorf("with nothing: %+v", v)
	}
	if h := Histogram(0x12000000).Merge(3, 0x00000031, 4); h != 0x12000031 {
		t.Errorf("a few things are added up exactly: %08x", h)
	}
}
