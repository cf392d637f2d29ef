package fields

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

func hasOptions(r *argus.Record) bool { return r.Has&argus.HasTCPOptions != 0 }

func hasPerformance(r *argus.Record) bool { return r.Has&argus.HasTCPPerf != 0 }

func window(r *argus.Record, side int) (uint64, bool) {
	if r.Added.Guess == argus.GuessUDT {
		return uint64(r.Added.UDT.Window), side == src
	}
	s := &r.Flow.TCP.Side[side]
	return uint64(s.Window) << min(s.Shift, 14), hasOptions(r) && r.Flow.Side[side].Packets > 0 // RFC 7323 section 2.3: no shift above 14
}

func sequenceBase(r *argus.Record, side int) (uint64, bool) {
	v := r.Flow.TCP.Side[side].Base
	return uint64(v), hasOptions(r) && v != 0
}

func segmentSize(r *argus.Record, side int) (uint64, bool) {
	v := r.Flow.TCP.Side[side].MSS
	return uint64(v), hasOptions(r) && v != 0
}

// handshake returns the time from SYN to SYN/ACK (src), from there to the first ACK (dst), or both together.
func handshake(r *argus.Record, part int) (uint64, bool) {
	t := &r.Flow.TCP
	v := t.SynAck + t.AckDat
	switch part {
	case src:
		v = t.SynAck
	case dst:
		v = t.AckDat
	}
	return uint64(v), hasPerformance(r)
}

// gap returns the octets of a side that its sequence numbers leave room for and nobody saw.
func gap(r *argus.Record, side int) (uint64, bool) {
	return uint64(max(r.Gap[side], 0)), hasPerformance(r)
}

// throughput returns the bits a second that the other side's window lets a side send in a round trip.
func throughput(r *argus.Record, side int) (uint64, bool) {
	t := &r.Flow.TCP
	rtt := t.SynAck/1000 + t.AckDat/1000
	if !hasPerformance(r) || rtt <= 0 {
		return 0, true
	}
	other := &t.Side[1-side]
	return math.Float64bits(8e6 * float64(uint64(other.Window)<<min(other.Shift, 14)) / float64(rtt)), true
}

func keystrokes(r *argus.Record, side int) (uint64, bool) {
	s, d := uint64(r.Flow.TCP.Side[src].Keystrokes), uint64(r.Flow.TCP.Side[dst].Keystrokes)
	return [...]uint64{src: s, dst: d, sum: s + d}[side], s|d != 0
}

// hasCounters tells whether the record has the counters that only our extension has.
func hasCounters(r *argus.Record) bool { return r.Extension() && r.Flow.IsTCP() }

func outOfOrder(r *argus.Record, side int) (uint64, bool) {
	return uint64(r.Flow.TCP.Side[side].OutOfOrder), hasCounters(r)
}

func duplicates(r *argus.Record, side int) (uint64, bool) {
	return uint64(r.Flow.TCP.Side[side].Duplicates), hasCounters(r)
}

func unseen(r *argus.Record, side int) (uint64, bool) {
	return uint64(r.Flow.TCP.Side[side].Gap), hasCounters(r)
}
