package cluster

import (
	"bytes"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// merge adds r to into, which is of the same flow: counters are added, times widened, flags joined; what
// stands for a moment comes from the record that ends later, whichever came first.
func merge(into, r *argus.Record) {
	_, end := into.Flow.Span()
	_, other := r.Flow.Span()
	later := other >= end
	f, g := &into.Flow, &r.Flow
	for i := range f.Side {
		mergeSide(&f.Side[i], &g.Side[i], later)
	}
	f.TCP.Status |= g.TCP.Status
	f.TCP.Options |= g.TCP.Options
	f.TCP.SynAck, f.TCP.AckDat = max(f.TCP.SynAck, g.TCP.SynAck), max(f.TCP.AckDat, g.TCP.AckDat)
	for i := range f.TCP.Side {
		mergeTCP(into, r, i, later)
	}
	f.Start = min(f.Start, g.Start)
	f.EstimatedSegments = f.EstimatedSegments || g.EstimatedSegments
	if !f.HasMAC && g.HasMAC {
		f.HasMAC, f.SrcMAC, f.DstMAC, f.EtherType = true, g.SrcMAC, g.DstMAC, g.EtherType
	}
	into.Has |= r.Has
	f.ESP.Lost += g.ESP.Lost
	if into.ICMP == 0 {
		into.ICMP = r.ICMP
	}
	if later {
		into.Cause, into.Sequence, f.Cause, f.End = r.Cause, r.Sequence, g.Cause, g.End
		if len(r.Label) > 0 && !bytes.Equal(r.Label, into.Label) {
			into.Label = append(into.Label[:0], r.Label...)
		}
	}
}

func mergeSide(into, s *flow.Side, later bool) {
	if s.Packets > 0 {
		if into.Packets == 0 {
			into.First, into.Last = s.First, s.Last
		} else {
			into.First, into.Last = min(into.First, s.First), max(into.Last, s.Last)
		}
		if later || into.Packets == 0 {
			into.TTL, into.TOS, into.IPID = s.TTL, s.TOS, s.IPID
		}
	}
	if s.HasVLAN && (later || !into.HasVLAN) {
		into.HasVLAN, into.VLAN = true, s.VLAN
	}
	if s.HasMPLS && (later || !into.HasMPLS) {
		into.HasMPLS, into.MPLS = true, s.MPLS
	}
	into.Packets += s.Packets
	into.Bytes += s.Bytes
	into.IPBytes += s.IPBytes
	into.Payload += s.Payload
	into.Fragments = into.Fragments || s.Fragments
	into.IPOptions |= s.IPOptions
	into.Encaps |= s.Encaps
}

// mergeTCP merges what one side of a connection has shown. Our records say it for the whole flow so far, those
// of other sensors for their interval.
func mergeTCP(into, r *argus.Record, side int, later bool) {
	s, t := &into.Flow.TCP.Side[side], &r.Flow.TCP.Side[side]
	flags, interval := s.Flags|t.Flags, s.Interval|t.Interval
	if !r.Extension() {
		t := *t
		t.Payload += s.Payload
		t.Retrans += s.Retrans
		gap := into.Gap[side] + r.Gap[side]
		if s.Base != 0 && (later || t.Base == 0) {
			t.Base = s.Base
		}
		if !later {
			t.Next, t.Ack, t.Window = s.Next, s.Ack, s.Window
		}
		t.MSS, t.Shift = max(s.MSS, t.MSS), max(s.Shift, t.Shift)
		*s, into.Gap[side] = t, gap
	} else if later {
		*s, into.Gap[side] = *t, r.Gap[side]
	}
	s.Flags, s.Interval = flags, interval
}
