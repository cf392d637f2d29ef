package store

import (
	"net"
	"net/netip"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/gofrs/uuid/v5"
)

// idUUID is the kind of an argus.ID that is a UUID (Argus record format, section 2.1).
const idUUID = 0x22

// firstPresence is the lowest bit of Row.Presence that is not one of argus.Has.
const firstPresence = 1 << 16

func micro(ns int64) int64 { return ns / 1000 }

// fill sets every column that comes from the record itself.
func (row *Row) fill(r *argus.Record, names *names) {
	f, s, d := &r.Flow, &r.Flow.Side[0], &r.Flow.Side[1]
	first, last := f.Span()
	row.Interface = names.text(string(r.InterfaceName()))
	row.STime, row.LTime = micro(first), micro(last)
	row.Age = row.STime - micro(f.Start)
	if s.Packets > 0 {
		row.SrcAfter, row.SrcBefore = micro(s.First)-row.STime, row.LTime-micro(s.Last)
	}
	if d.Packets > 0 {
		row.DstAfter, row.DstBefore = micro(d.First)-row.STime, row.LTime-micro(d.Last)
	}
	row.Family, row.Proto, row.Type = uint8(f.Family), f.Proto, f.Type
	row.SAddr, row.DAddr = names.address(f.Family, &f.Src), names.address(f.Family, &f.Dst)
	row.SPort, row.DPort = f.SrcPort, f.DstPort
	row.SPkts, row.SBytes, row.SL2Bytes, row.SAppBytes = int64(s.Packets), int64(s.Bytes), int64(s.Bytes-s.IPBytes), int64(s.Payload)
	row.DPkts, row.DBytes, row.DL2Bytes, row.DAppBytes = int64(d.Packets), int64(d.Bytes), int64(d.Bytes-d.IPBytes), int64(d.Payload)
	row.Cause, row.End, row.Initiator, row.FlowID = uint8(r.Cause), uint8(f.End), uint8(f.Initiator), f.ID
	row.Label = names.text(string(r.Label))
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
}

// fillTCP stores what is predictable as its difference from the prediction, which is mostly 0.
func (row *Row) fillTCP(t *flow.TCP) {
	s, d := &t.Side[0], &t.Side[1]
	row.TCPStatus, row.TCPOptions, row.SynAck, row.AckDat = t.Status, t.Options, micro(t.SynAck), micro(t.AckDat)
	row.SFlags, row.SFlagsNow, row.SBase, row.SRetrans = s.Flags, s.Interval, s.Base, s.Retrans
	row.DFlags, row.DFlagsNow, row.DBase, row.DRetrans = d.Flags, d.Interval, d.Base, d.Retrans
	row.SEarlier, row.DEarlier = int64(s.Payload-uint32(row.SAppBytes)), int64(d.Payload-uint32(row.DAppBytes))
	row.SWin, row.SShift, row.SMSS = s.Window, s.Shift, s.MSS
	row.DWin, row.DShift, row.DMSS = d.Window, d.Shift, d.MSS
	row.SShort, row.DShort = int32(s.Next-s.Base-s.Payload), int32(d.Next-d.Base-d.Payload)
	row.SUnacked, row.DUnacked = int32(s.Next-d.Ack), int32(d.Next-s.Ack)
}

// record gives back what fill was given, with times cut to microseconds.
func (row *Row) record(r *argus.Record) {
	*r = argus.Record{Kind: argus.KindFlow, Version: argus.V5, Cause: flow.Cause(row.Cause), Sequence: uint32(row.Sequence)}
	if id, err := uuid.FromString(row.Monitor); err == nil {
		r.Monitor = argus.ID{Kind: idUUID, Bytes: id}
	}
	copy(r.Interface[:], row.Interface)
	r.Has, r.ICMP, r.Gap = argus.Has(row.Presence), row.ICMP, [2]int32{row.SGap, row.DGap}
	if row.Label != "" {
		r.Label = []byte(row.Label)
	}
	f, s, d := &r.Flow, &r.Flow.Side[0], &r.Flow.Side[1]
	f.Cause, f.End, f.Initiator, f.ID = r.Cause, flow.End(row.End), flow.Initiator(row.Initiator), row.FlowID
	f.Key = flow.Key{Family: flow.Family(row.Family), Proto: row.Proto, Type: row.Type, SrcPort: row.SPort, DstPort: row.DPort}
	parseAddress(row.SAddr, &f.Src)
	parseAddress(row.DAddr, &f.Dst)
	f.Start = (row.STime - row.Age) * 1000
	*s = flow.Side{Packets: uint64(row.SPkts), Bytes: uint64(row.SBytes), IPBytes: uint64(row.SBytes - row.SL2Bytes), Payload: uint64(row.SAppBytes),
		TTL: row.STTL, TOS: row.STOS, IPID: row.SIPID, VLAN: row.SVLAN, MPLS: row.SMPLS, IPOptions: row.SIPOpts, Encaps: flow.Encaps(row.SEnc)}
	*d = flow.Side{Packets: uint64(row.DPkts), Bytes: uint64(row.DBytes), IPBytes: uint64(row.DBytes - row.DL2Bytes), Payload: uint64(row.DAppBytes),
		TTL: row.DTTL, TOS: row.DTOS, IPID: row.DIPID, VLAN: row.DVLAN, MPLS: row.DMPLS, IPOptions: row.DIPOpts, Encaps: flow.Encaps(row.DEnc)}
	if s.Packets > 0 || d.Packets == 0 {
		s.First, s.Last = (row.STime+row.SrcAfter)*1000, (row.LTime-row.SrcBefore)*1000
	}
	if d.Packets > 0 {
		d.First, d.Last = (row.STime+row.DstAfter)*1000, (row.LTime-row.DstBefore)*1000
	}
	f.EtherType, f.ESP.Lost = row.EtherType, row.ESPLost
	parseMAC(row.SMAC, f.SrcMAC[:])
	parseMAC(row.DMAC, f.DstMAC[:])
	for i, set := range presence(f) {
		*set = row.Presence&(firstPresence<<i) != 0
	}
	if f.IsTCP() {
		row.tcp(&f.TCP)
	}
}

func (row *Row) tcp(t *flow.TCP) {
	s, d := &t.Side[0], &t.Side[1]
	*t = flow.TCP{Status: row.TCPStatus, Options: row.TCPOptions, SynAck: row.SynAck * 1000, AckDat: row.AckDat * 1000}
	*s = flow.TCPSide{Base: row.SBase, Payload: uint32(row.SEarlier + row.SAppBytes), Retrans: row.SRetrans, Window: row.SWin, MSS: row.SMSS,
		Shift: row.SShift, Flags: row.SFlags, Interval: row.SFlagsNow}
	*d = flow.TCPSide{Base: row.DBase, Payload: uint32(row.DEarlier + row.DAppBytes), Retrans: row.DRetrans, Window: row.DWin, MSS: row.DMSS,
		Shift: row.DShift, Flags: row.DFlags, Interval: row.DFlagsNow}
	s.Next, d.Next = s.Base+s.Payload+uint32(row.SShort), d.Base+d.Payload+uint32(row.DShort)
	d.Ack, s.Ack = s.Next-uint32(row.SUnacked), d.Next-uint32(row.DUnacked)
}

// presence returns the fields of f that the bits of Row.Presence from firstPresence on stand for.
func presence(f *flow.Record) [9]*bool {
	s, d := &f.Side[0], &f.Side[1]
	return [9]*bool{&s.HasVLAN, &d.HasVLAN, &s.HasMPLS, &d.HasMPLS, &s.Fragments, &d.Fragments, &f.HasMAC, &f.EstimatedSegments, &f.MultiMAC}
}

// names makes each text once, however many rows have it. What peers sent becomes valid UTF-8.
type names struct {
	texts     map[string]string
	addresses map[address]string
	macs      map[[6]byte]string
}

type address struct {
	family flow.Family
	bytes  [16]byte
}

func newNames() *names {
	return &names{texts: map[string]string{}, addresses: map[address]string{}, macs: map[[6]byte]string{}}
}

func (n *names) text(s string) string {
	t, ok := n.texts[s]
	if !ok {
		t = strings.ToValidUTF8(s, "\uFFFD")
		n.texts[s] = t
	}
	return t
}

func (n *names) mac(m [6]byte) string {
	t, ok := n.macs[m]
	if !ok {
		t = net.HardwareAddr(m[:]).String()
		n.macs[m] = t
	}
	return t
}

func (n *names) address(family flow.Family, b *[16]byte) string {
	a := address{family, *b}
	t, ok := n.addresses[a]
	if ok {
		return t
	}
	switch family {
	case flow.FamilyIPv4, flow.FamilyARP:
		t = netip.AddrFrom4([4]byte(b[:4])).String()
	case flow.FamilyIPv6:
		t = netip.AddrFrom16(*b).String()
	case flow.FamilyEthernet, flow.FamilyRARP:
		t = net.HardwareAddr(b[:6]).String()
	}
	n.addresses[a] = t
	return t
}

func parseAddress(s string, b *[16]byte) {
	if a, err := netip.ParseAddr(s); err == nil {
		copy(b[:], a.AsSlice())
		return
	}
	parseMAC(s, b[:6])
}

func parseMAC(s string, b []byte) {
	if m, err := net.ParseMAC(s); err == nil && len(m) == len(b) {
		copy(b, m)
	}
}
