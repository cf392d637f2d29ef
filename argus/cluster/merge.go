package cluster

import (
	"bytes"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// merge adds r to into, which is of the same flow: counters are added, times widened, flags joined; what
// stands for a moment comes from the record that ends later, whichever came first.
func merge(into, r *argus.Record) {
	begin, end := into.Flow.Span()
	otherBegin, otherEnd := r.Flow.Span()
	earlier, later := otherBegin < begin, otherEnd >= end
	count(into, r, max(otherBegin-end, begin-otherEnd))
	f, g := &into.Flow, &r.Flow
	for i := range f.Side {
		mergeSide(&f.Side[i], &g.Side[i], earlier, later)
	}
	f.TCP.Status |= g.TCP.Status
	f.TCP.Options |= g.TCP.Options
	if g.TCP.SynAck|g.TCP.AckDat != 0 && (later || f.TCP.SynAck|f.TCP.AckDat == 0) {
		f.TCP.SynAck, f.TCP.AckDat = g.TCP.SynAck, g.TCP.AckDat
	}
	for i := range f.TCP.Side {
		mergeTCP(into, r, i, earlier, later)
	}
	f.Start = min(f.Start, g.Start)
	f.EstimatedSegments = f.EstimatedSegments || g.EstimatedSegments
	mergeLink(f, g)
	f.MultiMAC = f.MultiMAC || g.MultiMAC
	f.ESP = flow.ESP{Last: max(f.ESP.Last, g.ESP.Last), Lost: f.ESP.Lost + g.ESP.Lost}
	if f.Tunnel.Encaps == 0 {
		f.Tunnel = g.Tunnel
	}
	mergeReports(into, r, later)
	mergeAdded(&into.Added, &r.Added, later)
	if into.Has&argus.HasHash == 0 {
		into.Hash, into.HashIndex = r.Hash, r.HashIndex
	}
	into.Has |= r.Has
	if later {
		into.Cause, into.Sequence, f.Cause, f.End = r.Cause, r.Sequence, g.Cause, g.End
	}
	if len(r.Label) > 0 && !bytes.Equal(r.Label, into.Label) {
		into.Label = mergeLabels(into.Label, r.Label)
	}
}

// mergeReports merges what stands for a moment, and is not in every record.
func mergeReports(into, r *argus.Record, later bool) {
	f, g := &into.Flow, &r.Flow
	if r.ICMP != 0 && (later || into.ICMP == 0) {
		into.ICMP, f.ICMP = r.ICMP, g.ICMP
	}
	if g.Responder != [6]byte{} && (later || f.Responder == [6]byte{}) {
		f.Responder = g.Responder
	}
	if g.History != (flow.History{}) && (later || f.History == flow.History{}) {
		f.History = g.History
	}
}

// mergeAdded merges what sensors of other kinds count of protocols above UDP.
func mergeAdded(a, o *argus.Added, later bool) {
	if a.Guess == 0 {
		a.Guess = o.Guess
	}
	if a.Fragment == 0 || o.Fragment == 'V' {
		a.Fragment = o.Fragment
	}
	for i := range a.Lost {
		a.Lost[i] += o.Lost[i]
	}
	u, v := &a.UDT, &o.UDT
	window := u.Window
	if later && v.Window != 0 {
		window = v.Window
	}
	*u = argus.UDT{Window: window, Solo: u.Solo + v.Solo, First: u.First + v.First, Retrans: u.Retrans + v.Retrans, Nacks: u.Nacks + v.Nacks}
}

func mergeSide(into, s *flow.Side, earlier, later bool) {
	mergeSizes(into, s)
	into.Active.Merge(&s.Active)
	into.Idle.Merge(&s.Idle)
	if len(into.Data) == 0 || earlier && len(s.Data) > 0 { // what came first says what it is
		into.Data = keep(s.Data)
	}
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

// mergeLink takes the addresses that are not known yet: the Linux cooked header of one packet has only its sender's.
func mergeLink(f, g *flow.Record) {
	if !g.HasMAC {
		return
	}
	if !f.HasMAC {
		f.HasMAC, f.EtherType = true, g.EtherType
	}
	if f.SrcMAC == [6]byte{} {
		f.SrcMAC = g.SrcMAC
	}
	if f.DstMAC == [6]byte{} {
		f.DstMAC = g.DstMAC
	}
}

// mergeSizes goes before the packets are added up: they weigh the histograms.
func mergeSizes(into, s *flow.Side) {
	switch {
	case s.MaxSize == 0:
	case into.MaxSize == 0:
		into.MinSize, into.MaxSize, into.Sizes = s.MinSize, s.MaxSize, s.Sizes
	default:
		into.MinSize, into.MaxSize = min(into.MinSize, s.MinSize), max(into.MaxSize, s.MaxSize)
		into.Sizes = into.Sizes.Merge(into.Packets, s.Sizes, s.Packets)
	}
}

// mergeTCP merges what one side of a connection has shown: the counters are of the record's interval, the base is
// that of its begin, what the side said last is of its end.
func mergeTCP(into, r *argus.Record, side int, earlier, later bool) {
	s, t := &into.Flow.TCP.Side[side], &r.Flow.TCP.Side[side]
	first, last := s, s
	if earlier && (t.Base != 0 || t.Flags != 0) || s.Base == 0 && s.Flags == 0 { // a side that was silent has none
		first = t
	}
	if later {
		last = t
	}
	merged := flow.TCPSide{
		Base: first.Base, Next: last.Next, Ack: last.Ack, InFlight: last.InFlight, Window: last.Window,
		Payload: s.Payload + t.Payload, Retrans: s.Retrans + t.Retrans, OutOfOrder: s.OutOfOrder + t.OutOfOrder,
		Duplicates: s.Duplicates + t.Duplicates, Gap: s.Gap + t.Gap, Turns: s.Turns + t.Turns, Keystrokes: s.Keystrokes + t.Keystrokes,
		MSS: max(s.MSS, t.MSS), Shift: max(s.Shift, t.Shift), Flags: s.Flags | t.Flags, Interval: s.Interval | t.Interval,
	}
	*s = merged
	into.Gap[side] += r.Gap[side]
}
