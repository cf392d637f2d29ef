package fields

import (
	"bytes"
	"math"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

func autonomousSystem(r *argus.Record, of int) (uint64, bool) {
	v := r.Added.AS[of]
	return uint64(v), v != 0
}

func appendCountry(b []byte, r *argus.Record, side int) []byte {
	c := &r.Added.Country[side]
	if c[0] == 0 {
		return b
	}
	return append(b, c[0], c[1])
}

func latitude(r *argus.Record, of int) (uint64, bool) {
	p := &r.Added.Position[of]
	return math.Float64bits(float64(p.Latitude)), p.Known
}

func longitude(r *argus.Record, of int) (uint64, bool) {
	p := &r.Added.Position[of]
	return math.Float64bits(float64(p.Longitude)), p.Known
}

// locality returns how near a side is, of both the nearer one.
func locality(r *argus.Record, side int) (uint64, bool) {
	l := &r.Added.Locality
	v := max(l[src], l[dst])
	if side != sum {
		v = l[side]
	}
	return uint64(int64(v)), r.Has&argus.HasLocality != 0
}

// appendLocal appends the address that is nearer to home (src) or the other: the destination's only where it is known to be.
func appendLocal(b []byte, r *argus.Record, remote int) []byte {
	if l := &r.Added.Locality; r.Has&argus.HasLocality != 0 && l[dst] > l[src] {
		remote = 1 - remote
	}
	return appendAddr(b, r, remote)
}

// appendGroup appends the group that a label names for a side, as sgrp=x:... or {"sgrp":"x"}.
func appendGroup(b []byte, r *argus.Record, side int) []byte {
	name := [...]string{src: "sgrp", dst: "dgrp"}[side]
	_, value, ok := bytes.Cut(r.Label, []byte(name))
	if !ok {
		return b
	}
	value = bytes.TrimLeft(value, `"=: `)
	if end := bytes.IndexAny(value, `",:}`); end >= 0 {
		value = value[:end]
	}
	return append(b, value...)
}

// mergedRecords returns of how many records this one was made.
func mergedRecords(r *argus.Record, _ int) (uint64, bool) {
	return uint64(max(r.Added.Aggregate.Count, 1)), true
}

// durations returns the statistic of how long the merged records lasted: of one record it is the record's own.
func durations(r *argus.Record) argus.Statistic {
	if a := &r.Added.Aggregate; a.Count > 0 {
		return a.Active
	}
	d := float64(length(r, sum)) / 1e9
	return argus.Statistic{N: 1, Min: d, Mean: d, Max: d, Sum: d}
}

func durationMean(r *argus.Record, _ int) (uint64, bool) {
	return math.Float64bits(durations(r).Mean), true
}

func durationDeviation(r *argus.Record, _ int) (uint64, bool) {
	return math.Float64bits(durations(r).StdDev), true
}

func durationMin(r *argus.Record, _ int) (uint64, bool) {
	return math.Float64bits(durations(r).Min), true
}

func durationMax(r *argus.Record, _ int) (uint64, bool) {
	return math.Float64bits(durations(r).Max), true
}

func durationSum(r *argus.Record, _ int) (uint64, bool) {
	return math.Float64bits(durations(r).Sum), true
}

func idleMean(r *argus.Record, _ int) (uint64, bool) {
	s := &r.Added.Aggregate.Idle
	return math.Float64bits(s.Mean), s.N > 0
}

func idleDeviation(r *argus.Record, _ int) (uint64, bool) {
	s := &r.Added.Aggregate.Idle
	return math.Float64bits(s.StdDev), s.N > 0
}

func idleMin(r *argus.Record, _ int) (uint64, bool) {
	s := &r.Added.Aggregate.Idle
	return math.Float64bits(s.Min), s.N > 0
}

func idleMax(r *argus.Record, _ int) (uint64, bool) {
	s := &r.Added.Aggregate.Idle
	return math.Float64bits(s.Max), s.N > 0
}
