package filter

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// metric is a number of a flow. ok is false for one that a record does not have: no comparison holds for it.
type metric struct {
	names   []string
	kind    *numbers
	help    string
	sides   bool
	columns [2]string // of Needs, of the source and the destination; "" for none
	of      func(r *argus.Record, side int) (v float64, ok bool)
}

var metrics = []metric{
	{[]string{"pkts", "pkt"}, &wholeNumbers, "packets", true, [2]string{"spkts", "dpkts"}, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.Side[i].Packets), true }},
	{[]string{"bytes", "byte"}, &wholeNumbers, "octets of frames", true, [2]string{"sbytes", "dbytes"}, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.Side[i].Bytes), true }},
	{[]string{"appbytes", "data"}, &wholeNumbers, "octets of payload", true, [2]string{"sappbytes", "dappbytes"}, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.Side[i].Payload), true }},
	{[]string{"dur"}, &realNumbers, "duration, seconds", false, [2]string{"dur"}, func(r *argus.Record, _ int) (float64, bool) {
		return float64(r.Duration(argus.Both)) / 1e9, true
	}},
	{[]string{"avgdur"}, &realNumbers, "mean duration of merged records, seconds", false, none, func(r *argus.Record, _ int) (float64, bool) { return r.Durations().Mean, true }},
	{[]string{"trans"}, &wholeNumbers, "records that were merged", false, none, func(r *argus.Record, _ int) (float64, bool) { return float64(max(r.Added.Aggregate.Count, 1)), true }},
	{[]string{"rate"}, &realNumbers, "packets per second", true, none, func(r *argus.Record, i int) (float64, bool) { return r.Rate(i), true }},
	{[]string{"load"}, &realNumbers, "bits per second", true, none, func(r *argus.Record, i int) (float64, bool) { return r.Load(i), true }},
	{[]string{"loss"}, &wholeNumbers, "packets lost or sent again", true, none, func(r *argus.Record, i int) (float64, bool) { return float64(r.Lost(i)), true }},
	{[]string{"ploss"}, &realNumbers, "packets lost or sent again, percent", true, none, func(r *argus.Record, i int) (float64, bool) { return r.PercentLost(i), true }},
	{[]string{"pcr", "abr"}, &realNumbers, "producer consumer ratio, from -1 to 1", false, none, func(r *argus.Record, _ int) (float64, bool) { return r.PayloadRatio(), r.Kind == argus.KindFlow }},
	{[]string{"ttl"}, &wholeNumbers, "time to live of IP", true, none, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.Side[i].TTL), r.Attributes(i) }},
	{[]string{"tos"}, &wholeNumbers, "type of service octet of IP", true, none, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.Side[i].TOS), r.Attributes(i) }},
	{[]string{"dsb"}, &wholeNumbers, "differentiated services code point", true, none, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.Side[i].TOS >> 2), r.Attributes(i) }},
	{[]string{"ipid"}, &wholeNumbers, "identification of IP", true, none, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.Side[i].IPID), r.Attributes(i) }},
	{[]string{"vid"}, &wholeNumbers, "VLAN", true, none, func(r *argus.Record, i int) (float64, bool) {
		s := &r.Flow.Side[i]
		return float64(s.VLAN & 0xfff), s.HasVLAN
	}},
	{[]string{"vpri"}, &wholeNumbers, "priority in the VLAN", true, none, func(r *argus.Record, i int) (float64, bool) {
		s := &r.Flow.Side[i]
		return float64(s.VLAN >> 13), s.HasVLAN
	}},
	{[]string{"mid"}, &wholeNumbers, "MPLS label", true, none, func(r *argus.Record, i int) (float64, bool) {
		s := &r.Flow.Side[i]
		return float64(s.MPLS >> 12), s.HasMPLS
	}},
	{[]string{"vnid"}, &wholeNumbers, "VXLAN network", true, none, func(r *argus.Record, i int) (float64, bool) {
		t := &r.Flow.Tunnel
		return float64(t.ID), t.Encaps == flow.EncapsVXLAN && r.Flow.Side[i].Packets > 0
	}},
	{[]string{"seq"}, &wholeNumbers, "sequence number of the record", false, none, func(r *argus.Record, _ int) (float64, bool) {
		return float64(r.Sequence), r.Has&argus.HasSequence != 0 && r.Kind == argus.KindFlow
	}},
	{[]string{"as", "asn"}, &wholeNumbers, "autonomous system", true, none, func(r *argus.Record, i int) (float64, bool) { v := r.Added.AS[i]; return float64(v), v != 0 }},
	{[]string{"nstroke", "nstrokes"}, &wholeNumbers, "keystrokes", true, none, func(r *argus.Record, i int) (float64, bool) { return float64(r.Flow.TCP.Side[i].Keystrokes), true }},
	{[]string{"intpkt"}, &realNumbers, "mean time between packets, milliseconds", true, none, func(r *argus.Record, i int) (float64, bool) {
		v := r.Intervals(i)
		return float64(v.Mean) / 1000, v.N > 0
	}},
	{[]string{"jit", "jitter"}, &realNumbers, "deviation of the time between packets, milliseconds", true, none, func(r *argus.Record, i int) (float64, bool) {
		v := r.Intervals(i)
		return float64(v.StdDev) / 1000, v.N > 0
	}},
	{[]string{"tcprtt"}, &realNumbers, "time of the TCP handshake, seconds", false, none, func(r *argus.Record, _ int) (float64, bool) {
		t := &r.Flow.TCP
		return float64(t.SynAck/1000+t.AckDat/1000) / 1e6, r.Has&argus.HasTCPPerf != 0
	}},
}

var none [2]string

// metricPrimitives makes words of the metrics.
func metricPrimitives() (all []primitive) {
	for i := range metrics {
		m := &metrics[i]
		all = append(all, primitive{m.names, "[gt|gte|lt|lte|eq] NUMBER", m.sides, m.help, m.parse})
	}
	return all
}

func (m *metric) parse(p *parser, d direction) (*term, error) {
	c, err := p.comparison(m.kind)
	if err != nil {
		return nil, err
	}
	if !m.sides {
		d = source
	}
	of := m.of
	t := &term{match: d.sided(func(r *argus.Record, side int) bool {
		v, ok := of(r, side)
		return ok && c.holds(v)
	})}
	if m.kind == &realNumbers {
		t.match = d.sided(func(r *argus.Record, side int) bool {
			v, ok := of(r, side)
			return ok && c.holds(float64(float32(v)))
		})
	}
	if m.columns != none {
		t.needs.Ranges = d.ranges(m.columns[0], m.columns[1], c)
	}
	return t, nil
}
