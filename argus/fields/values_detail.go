package fields

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

func vlanTag(r *argus.Record, side int) (uint64, bool) {
	s := &r.Flow.Side[side]
	return uint64(s.VLAN), s.HasVLAN
}

func vlanID(r *argus.Record, side int) (uint64, bool) {
	tci, ok := vlanTag(r, side)
	return tci & 0xfff, ok
}

func vlanPriority(r *argus.Record, side int) (uint64, bool) {
	tci, ok := vlanTag(r, side)
	return tci >> 13, ok
}

func mplsLabel(r *argus.Record, side int) (uint64, bool) {
	s := &r.Flow.Side[side]
	return uint64(s.MPLS >> 12), s.HasMPLS
}

func timeToLive(r *argus.Record, side int) (uint64, bool) {
	return uint64(r.Flow.Side[side].TTL), r.Attributes(side)
}

func typeOfService(r *argus.Record, side int) (uint64, bool) {
	return uint64(r.Flow.Side[side].TOS), r.Attributes(side)
}

func ipID(r *argus.Record, side int) (uint64, bool) {
	return uint64(r.Flow.Side[side].IPID), r.Attributes(side)
}

// hops returns the routers that a side's packets have passed, if their first TTL was the next customary one.
func hops(r *argus.Record, side int) (uint64, bool) {
	ttl, first := r.Flow.Side[side].TTL, uint8(255)
	for _, customary := range [...]uint8{128, 64, 32} {
		if ttl <= customary {
			first = customary
		}
	}
	return uint64(first - ttl), r.Attributes(side)
}

func largest(r *argus.Record, side int) (uint64, bool) {
	s := &r.Flow.Side[side]
	return uint64(s.MaxSize), s.MaxSize != 0
}

func smallest(r *argus.Record, side int) (uint64, bool) {
	s := &r.Flow.Side[side]
	return uint64(s.MinSize), s.MaxSize != 0
}

// tupleHash returns the sensor's hash of the tuple (src) and its place in the sensor's table (dst).
func tupleHash(r *argus.Record, index int) (uint64, bool) {
	if index == dst {
		return uint64(r.HashIndex), r.Has&argus.HasHash != 0
	}
	return uint64(r.Hash), r.Has&argus.HasHash != 0
}

// isIP tells whether k is the key of an IP flow.
func isIP(k *flow.Key) bool { return k.Family == flow.FamilyIPv4 || k.Family == flow.FamilyIPv6 }

func isICMP(k *flow.Key) bool {
	return isIP(k) && (k.Proto == flow.ProtoICMP || k.Proto == flow.ProtoICMPv6)
}

func icmpID(r *argus.Record, _ int) (uint64, bool) {
	return uint64(r.Flow.Key.SrcPort), isICMP(&r.Flow.Key)
}

func greProto(r *argus.Record, _ int) (uint64, bool) {
	t := &r.Flow.Tunnel
	return uint64(t.Proto), t.Encaps == flow.EncapsGRE
}

func geneveProto(r *argus.Record, _ int) (uint64, bool) {
	t := &r.Flow.Tunnel
	return uint64(t.Proto), t.Encaps == flow.EncapsGeneve
}

// vxlanID returns the VXLAN network of the side that had packets.
func vxlanID(r *argus.Record, side int) (uint64, bool) {
	t := &r.Flow.Tunnel
	return uint64(t.ID), t.Encaps == flow.EncapsVXLAN && r.Flow.Side[side].Packets > 0
}

func tunnelID(r *argus.Record, _ int) (uint64, bool) {
	t := &r.Flow.Tunnel
	none := t.Encaps == 0 || t.Encaps&(flow.EncapsIPIP|flow.EncapsIPv6|flow.EncapsTeredo) != 0 || t.Encaps == flow.EncapsGRE && t.ID == 0
	return uint64(t.ID), !none
}
