package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// decodeTunnel reads the GRE, VXLAN and Geneve DSRs (section 2.14); the outer flow may be missing.
func decodeTunnel(t *flow.Tunnel, dsr uint8, d []byte) bool {
	*t = flow.Tunnel{}
	fixed := 8
	if dsr == dsrGRE {
		fixed = 4
	}
	if len(d) < fixed {
		return false
	}
	switch dsr {
	case dsrGRE:
		t.Encaps, t.Flags, t.Proto = flow.EncapsGRE, be.Uint16(d), be.Uint16(d[2:])
	case dsrVXLAN:
		t.Encaps, t.ID = flow.EncapsVXLAN, be.Uint32(d)
		if t.ID == 0 {
			t.ID = be.Uint32(d[4:])
		}
	case dsrGeneve:
		t.Encaps, t.Proto, t.ID = flow.EncapsGeneve, be.Uint16(d[2:]), be.Uint32(d[4:])
	}
	return len(d) == fixed || decodeOuter(&t.Key, d[fixed:])
}

// decodeOuter reads the flow DSR of a tunnel's own packets.
func decodeOuter(k *flow.Key, d []byte) bool {
	if len(d) < 4 || d[0] != dsrFlow {
		return false
	}
	switch flow.Family(d[2] & 0x1f) {
	case flow.FamilyIPv4, flow.FamilyIPv6:
		return decodeKey(k, d[1], d[2], d[4:])
	}
	return false
}

// icmpMapping reads what an ICMP message said of this flow (section 2.7).
func (r *Record) icmpMapping(qualifier uint8, d []byte) bool {
	if len(d) < 4 {
		return false
	}
	if qualifier&(icmpUnreachable|icmpRedirect|icmpExceeded) == 0 {
		return true
	}
	switch d[0] {
	case 3:
		r.ICMP = 'U'
	case 5:
		r.ICMP = 'R'
	case 11:
		r.ICMP = 'T'
	default:
		r.ICMP = 'I'
	}
	m := &r.Flow.ICMP
	*m = flow.ICMPReport{Type: d[0], Code: d[1], Family: flow.FamilyIPv4}
	if len(d) < 24 {
		return true
	}
	copy(m.From[:4], d[4:8])
	copy(m.To[:4], d[8:12])
	m.Gateway = [4]byte(d[20:])
	return true
}
