package store

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/gofrs/uuid/v5"
)

// firstPresence is the lowest bit of Row.Presence that is not one of argus.Has; sizesFollow is the highest.
const (
	firstPresence = 1 << 16
	sizesFollow   = 1 << 31 // of each side with one packet the smallest and the largest are that packet, and stored as 0
)

func micro(ns int64) int64 { return ns / 1000 }

// fill sets every column that comes from the record itself.
func (row *Row) fill(r *argus.Record, names *names) {
	f, s, d := &r.Flow, &r.Flow.Side[0], &r.Flow.Side[1]
	first, last := f.Span()
	row.Interface = names.text(r.InterfaceName())
	row.STime, row.LTime = micro(first), micro(last)
	row.Age = row.STime - micro(f.Start)
	row.Family, row.Proto, row.Type = uint8(f.Family), f.Proto, f.Type
	row.SAddr, row.DAddr = names.address(f.Family, &f.Src), names.address(f.Family, &f.Dst)
	row.SPort, row.DPort = f.SrcPort, f.DstPort
	row.SPkts, row.SBytes, row.SAppBytes = int64(s.Packets), int64(s.Bytes), int64(s.Payload)
	row.DPkts, row.DBytes, row.DAppBytes = int64(d.Packets), int64(d.Bytes), int64(d.Payload)
	row.SL2More, row.DL2More = int64(s.Bytes-s.IPBytes)-linkHeader*row.SPkts, int64(d.Bytes-d.IPBytes)-linkHeader*row.DPkts
	row.Cause, row.End, row.Initiator, row.FlowID = uint8(r.Cause), uint8(f.End), uint8(f.Initiator), f.ID
	row.Label, row.History = names.text(r.Label), names.history(&f.History)
	if f.HasMAC {
		row.SMAC, row.DMAC = names.mac(f.SrcMAC), names.mac(f.DstMAC)
	}
	row.EtherType = f.EtherType
	row.SVLAN, row.SMPLS, row.SEnc, row.STTL, row.STOS, row.SIPID, row.SIPOpts = s.VLAN, s.MPLS, uint32(s.Encaps), s.TTL, s.TOS, s.IPID, s.IPOptions
	row.DVLAN, row.DMPLS, row.DEnc, row.DTTL, row.DTOS, row.DIPID, row.DIPOpts = d.VLAN, d.MPLS, uint32(d.Encaps), d.TTL, d.TOS, d.IPID, d.IPOptions
	row.ICMP, row.ESPLost = r.ICMP, f.ESP.Lost
	row.SGap, row.DGap = r.Gap[0], r.Gap[1]
	row.Presence = uint32(r.Has)
	for i, set := range presence(f) {
		if *set {
			row.Presence |= firstPresence << i
		}
	}
	if f.IsTCP() {
		row.fillTCP(&f.TCP)
	}
	row.fillTimes(s, d)
	row.fillSizes(f)
	row.fillIntervals(f)
	row.fillExtra(r, names)
	row.fillForeign(r, names)
}

// fillTCP stores what is predictable as its difference from the prediction, which is mostly 0.
func (row *Row) fillTCP(t *flow.TCP) {
	s, d := &t.Side[0], &t.Side[1]
	row.TCPStatus, row.TCPOptions, row.SynAck, row.AckDat = t.Status, t.Options, micro(t.SynAck), micro(t.AckDat)
	row.SFlags, row.SFlagsNow, row.SBase, row.SRetrans = s.Flags, s.Interval, s.Base, s.Retrans
	row.DFlags, row.DFlagsNow, row.DBase, row.DRetrans = d.Flags, d.Interval, d.Base, d.Retrans
	row.SResent, row.DResent = int32(uint32(row.SAppBytes)-s.Payload), int32(uint32(row.DAppBytes)-d.Payload)
	row.SWin, row.SShift, row.SMSS = s.Window, s.Shift, s.MSS
	row.DWin, row.DShift, row.DMSS = d.Window, d.Shift, d.MSS
	row.SShort, row.DShort = int32(s.Next-s.Base-s.Payload), int32(d.Next-d.Base-d.Payload)
	row.SInFlight, row.DInFlight = s.InFlight, d.InFlight
	row.SAckMore, row.DAckMore = int32(s.Ack-acknowledged(s, d)), int32(d.Ack-acknowledged(d, s))
	row.SUnordered, row.SDupAcks, row.SUnseen, row.STurns, row.SStrokes = s.OutOfOrder, s.Duplicates, s.Gap, s.Turns, s.Keystrokes
	row.DUnordered, row.DDupAcks, row.DUnseen, row.DTurns, row.DStrokes = d.OutOfOrder, d.Duplicates, d.Gap, d.Turns, d.Keystrokes
}

// record gives back what fill was given, with times cut to microseconds: all of it, or the parts that are asked for.
func (row *Row) record(r *argus.Record, parts Parts) {
	if parts == 0 {
		if row.foreign(r) {
			return
		}
		*r = argus.Record{}
		row.rest(r)
	}
	row.key(r)
	f := &r.Flow
	if parts == 0 || parts&PartCounts != 0 {
		row.counts(&f.Side[0], &f.Side[1])
	}
	if parts == 0 || parts&PartTimes != 0 {
		f.Start = (row.STime - row.Age) * 1000
		row.times(&f.Side[0], &f.Side[1])
	}
	if parts == 0 {
		row.sizes(f)
		row.intervals(f)
		if f.IsTCP() {
			row.tcp(&f.TCP)
		}
	}
}

func (row *Row) counts(s, d *flow.Side) {
	s.Packets, s.Bytes, s.Payload = uint64(row.SPkts), uint64(row.SBytes), uint64(row.SAppBytes)
	d.Packets, d.Bytes, d.Payload = uint64(row.DPkts), uint64(row.DBytes), uint64(row.DAppBytes)
	s.IPBytes, d.IPBytes = uint64(row.SBytes-row.SL2More-linkHeader*row.SPkts), uint64(row.DBytes-row.DL2More-linkHeader*row.DPkts)
}

// key gives back who sent the record, and what flow it is about.
func (row *Row) key(r *argus.Record) {
	r.Kind, r.Version, r.Cause, r.Sequence = argus.KindFlow, argus.V5, flow.Cause(row.Cause), uint32(row.Sequence)+row.SeqMore
	if id, err := uuid.FromString(row.Monitor); err == nil {
		r.Monitor = argus.HostID(id)
	}
	r.Interface = [4]byte{}
	copy(r.Interface[:], row.Interface)
	f := &r.Flow
	f.Cause, f.End, f.Initiator, f.ID = r.Cause, flow.End(row.End), flow.Initiator(row.Initiator), row.FlowID
	f.Key = flow.Key{Family: flow.Family(row.Family), Proto: row.Proto, Type: row.Type, SrcPort: row.SPort, DstPort: row.DPort}
	parseAddress(row.SAddr, &f.Src)
	parseAddress(row.DAddr, &f.Dst)
}

// rest gives back what is in none of the Parts and does not follow from others.
func (row *Row) rest(r *argus.Record) {
	r.Has, r.ICMP, r.Gap = argus.Has(row.Presence), row.ICMP, [2]int32{row.SGap, row.DGap}
	if row.Label != "" {
		r.Label = []byte(row.Label)
	}
	f, s, d := &r.Flow, &r.Flow.Side[0], &r.Flow.Side[1]
	*s = flow.Side{TTL: row.STTL, TOS: row.STOS, IPID: row.SIPID, VLAN: row.SVLAN, MPLS: row.SMPLS, IPOptions: row.SIPOpts, Encaps: flow.Encaps(row.SEnc)}
	*d = flow.Side{TTL: row.DTTL, TOS: row.DTOS, IPID: row.DIPID, VLAN: row.DVLAN, MPLS: row.DMPLS, IPOptions: row.DIPOpts, Encaps: flow.Encaps(row.DEnc)}
	f.EtherType, f.ESP.Lost = row.EtherType, row.ESPLost
	copy(f.History[:], row.History)
	parseMAC(row.SMAC, f.SrcMAC[:])
	parseMAC(row.DMAC, f.DstMAC[:])
	for i, set := range presence(f) {
		*set = row.Presence&(firstPresence<<i) != 0
	}
	row.extra(r)
}

func (row *Row) tcp(t *flow.TCP) {
	s, d := &t.Side[0], &t.Side[1]
	*t = flow.TCP{Status: row.TCPStatus, Options: row.TCPOptions, SynAck: row.SynAck * 1000, AckDat: row.AckDat * 1000}
	*s = flow.TCPSide{Base: row.SBase, Payload: uint32(row.SAppBytes) - uint32(row.SResent), Retrans: row.SRetrans, Window: row.SWin, MSS: row.SMSS,
		Shift: row.SShift, Flags: row.SFlags, Interval: row.SFlagsNow, OutOfOrder: row.SUnordered, Duplicates: row.SDupAcks,
		Gap: row.SUnseen, Turns: row.STurns, InFlight: row.SInFlight, Keystrokes: row.SStrokes}
	*d = flow.TCPSide{Base: row.DBase, Payload: uint32(row.DAppBytes) - uint32(row.DResent), Retrans: row.DRetrans, Window: row.DWin, MSS: row.DMSS,
		Shift: row.DShift, Flags: row.DFlags, Interval: row.DFlagsNow, OutOfOrder: row.DUnordered, Duplicates: row.DDupAcks,
		Gap: row.DUnseen, Turns: row.DTurns, InFlight: row.DInFlight, Keystrokes: row.DStrokes}
	s.Next, d.Next = s.Base+s.Payload+uint32(row.SShort), d.Base+d.Payload+uint32(row.DShort)
	s.Ack, d.Ack = acknowledged(s, d)+uint32(row.SAckMore), acknowledged(d, s)+uint32(row.DAckMore)
}

// presence returns the fields of f that the bits of Row.Presence from firstPresence on stand for.
func presence(f *flow.Record) [9]*bool {
	s, d := &f.Side[0], &f.Side[1]
	return [9]*bool{&s.HasVLAN, &d.HasVLAN, &s.HasMPLS, &d.HasMPLS, &s.Fragments, &d.Fragments, &f.HasMAC, &f.EstimatedSegments, &f.MultiMAC}
}
