package fields

import (
	"bytes"
	"math"
	"net/netip"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
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

// What a field of a statistic tells.
const (
	leastOf = iota
	meanOf
	deviationOf
	mostOf
	sumOf
)

func statistic(s *argus.Statistic, what int) uint64 {
	return math.Float64bits([...]float64{s.Min, s.Mean, s.StdDev, s.Max, s.Sum}[what])
}

// lasting returns how long the merged records lasted.
func lasting(r *argus.Record, what int) (uint64, bool) {
	s := r.Durations()
	return statistic(&s, what), true
}

// between returns the times between the merged records.
func between(r *argus.Record, what int) (uint64, bool) {
	s := &r.Added.Aggregate.Idle
	return statistic(s, what), s.N > 0
}

// The counts of UDT, to be added to the side; all are of the source.
const (
	udtRetrans = iota << 2
	udtNacks
	udtSolo
	udtFirst
)

func udt(r *argus.Record, what int) (uint64, bool) {
	if what&3 == dst {
		return 0, true
	}
	u := &r.Added.UDT
	return uint64([...]uint32{u.Retrans, u.Nacks, u.Solo, u.First}[what>>2]), true
}

// udtPercent returns a count of UDT of all packets of the side.
func udtPercent(r *argus.Record, what int) (uint64, bool) {
	n, _ := udt(r, what)
	return math.Float64bits(100 * quotient(n, r.Packets(what&3))), true
}

// packetsElsewhere returns how many packets more another sensor saw.
func packetsElsewhere(r *argus.Record, side int) (uint64, bool) {
	c := &r.Added.Correlate
	return uint64(int64(c.Packets[side])), c.Count > 0
}

func lastElsewhere(r *argus.Record, _ int) (uint64, bool) {
	c := &r.Added.Correlate
	return math.Float64bits(float64(c.Last) / 1e6), c.Count > 0
}

func durationElsewhere(r *argus.Record, _ int) (uint64, bool) {
	c := &r.Added.Correlate
	return math.Float64bits(float64(c.Duration) / 1e6), c.Count > 0
}

func appendElsewhere(b []byte, r *argus.Record, _ int) []byte {
	if r.Added.Correlate.Count == 0 {
		return b
	}
	return netip.AddrFrom4(r.Added.Correlate.Monitor).AppendTo(b)
}

func appendBSSID(b []byte, r *argus.Record, _ int) []byte {
	if r.Flow.Family != flow.FamilyWLAN {
		return b
	}
	return appendHardware(b, &r.Added.BSSID)
}

func appendSSID(b []byte, r *argus.Record, _ int) []byte {
	name, _, _ := bytes.Cut(r.Added.SSID[:], []byte{0})
	return append(b, name...)
}
