package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// key reads the flow DSR of a record. Of ARP the one who asks always stands first; where the DSR is marked as reversed the sides
// are, as Argus readers have it.
func (r *Record) key(sub, qualifier uint8, d []byte, w *raw) bool {
	if qualifier&0x1f == byte(flow.FamilyWLAN) && len(d) >= 18 {
		r.Added.BSSID = [6]byte(d[12:])
		r.Added.SSID = [32]byte{}
		copy(r.Added.SSID[:], d[18:])
	}
	k := &r.Flow.Key
	ok := decodeKey(k, sub, qualifier, d)
	w.turned = sub&flowReversed != 0 && (k.Family == flow.FamilyARP || k.Family == flow.FamilyRARP)
	return ok
}

// decodeKey reads a flow DSR (section 2.2) and turns a reversed key round, so that the initiator is the source.
func decodeKey(k *flow.Key, sub, qualifier uint8, d []byte) bool {
	*k = flow.Key{}
	ok := false
	switch family := flow.Family(qualifier & 0x1f); family {
	case flow.FamilyIPv4:
		ok = decodeIPv4(k, qualifier, d)
	case flow.FamilyIPv6:
		ok = decodeIPv6(k, d)
	case flow.FamilyEthernet:
		ok = decodeEthernet(k, d)
	case flow.FamilyARP:
		if ok = len(d) >= 16; ok {
			k.Type = be.Uint16(d[6:])
			copy(k.Src[:4], d[8:])
			copy(k.Dst[:4], d[12:])
		}
	case flow.FamilyWLAN:
		ok = decodeWLAN(k, d)
	case flow.FamilyRARP:
		if ok = len(d) >= 24; ok {
			k.Type = be.Uint16(d[6:])
			copy(k.Dst[:6], d[12:])
			copy(k.Src[:6], d[18:])
		}
	}
	if !ok || sub&0x3f != flowFiveTuple && sub&0x3f != flowARP {
		*k = flow.Key{}
		return false
	}
	k.Family = flow.Family(qualifier & 0x1f)
	if sub&flowReversed != 0 && (isIP(k) || k.Family == flow.FamilyEthernet) {
		k.Src, k.Dst = k.Dst, k.Src
		switch k.Proto {
		case flow.ProtoICMP, flow.ProtoICMPv6, flow.ProtoIGMP, flow.ProtoESP: // no ports
		default:
			k.SrcPort, k.DstPort = k.DstPort, k.SrcPort
		}
	}
	return true
}

func decodeIPv4(k *flow.Key, qualifier uint8, d []byte) bool {
	if len(d) < 16 {
		return false
	}
	copy(k.Src[:4], d)
	copy(k.Dst[:4], d[4:])
	k.Proto = d[8]
	switch k.Proto {
	case flow.ProtoICMP:
		k.Type, k.SrcPort, k.DstPort = be.Uint16(d[10:]), be.Uint16(d[12:]), be.Uint16(d[14:])
	case flow.ProtoIGMP:
		k.Type = be.Uint16(d[10:])
	case flow.ProtoESP:
		k.SrcPort, k.DstPort = be.Uint16(d[12:]), be.Uint16(d[14:])
	default:
		if qualifier&flowFragment == 0 {
			k.SrcPort, k.DstPort = be.Uint16(d[10:]), be.Uint16(d[12:])
		}
	}
	return true
}

func decodeIPv6(k *flow.Key, d []byte) bool {
	if len(d) < 40 {
		return false
	}
	copy(k.Src[:], d)
	copy(k.Dst[:], d[16:])
	k.Proto = d[32]
	if k.Proto == flow.ProtoICMPv6 {
		k.Type, k.SrcPort = be.Uint16(d[36:]), be.Uint16(d[38:])
	} else {
		k.SrcPort, k.DstPort = be.Uint16(d[36:]), be.Uint16(d[38:])
	}
	return true
}

// decodeEthernet reads a key whose destination stands first.
func decodeEthernet(k *flow.Key, d []byte) bool {
	if len(d) < 16 {
		return false
	}
	copy(k.Dst[:6], d)
	copy(k.Src[:6], d[6:])
	k.Type = be.Uint16(d[12:])
	k.DstPort, k.SrcPort = uint16(d[14]), uint16(d[15])
	return true
}

// decodeWLAN reads destination and source; the access point and the name of the network follow.
func decodeWLAN(k *flow.Key, d []byte) bool {
	if len(d) < 18 {
		return false
	}
	copy(k.Dst[:6], d)
	copy(k.Src[:6], d[6:])
	return true
}
