package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// Flow DSR: subtypes and qualifier bits (section 2.2).
const (
	flowFiveTuple = 1
	flowARP       = 6
	flowReversed  = 0x40 // subtype bit: the key stands as (dst, src)
	flowMasks     = 0x40 // qualifier bit: the mask bytes hold something
	flowFragment  = 0x80 // qualifier bit: only later fragments were seen, the ports are unknown
	netOverlap    = 2    // qualifier bit of the network DSR of fragments
)

// appendKey writes the flow DSR, the initiator always first.
func appendKey(b []byte, r *flow.Record) []byte {
	k := &r.Key
	switch k.Family {
	case flow.FamilyIPv4:
		return appendIPv4(b, k, fragmentOf(r))
	case flow.FamilyIPv6:
		return appendIPv6(b, k)
	case flow.FamilyEthernet: // the destination stands first
		b = append(b, dsrFlow, flowFiveTuple, byte(k.Family), 5)
		b = append(append(b, k.Dst[:6]...), k.Src[:6]...)
		b = be.AppendUint16(b, k.Type)
		return append(b, byte(k.DstPort), byte(k.SrcPort))
	case flow.FamilyARP:
		b = append(b, dsrFlow, flowARP, byte(k.Family), 7)
		b = append(b, 0, 1, 8, 0, 6, 4)
		b = be.AppendUint16(b, k.Type)
		b = append(append(b, k.Src[:4]...), k.Dst[:4]...)
		b = append(b, r.SrcMAC[:]...)
		return append(b, 0, 0)
	case flow.FamilyRARP:
		b = append(b, dsrFlow, flowARP, byte(k.Family), 7)
		b = append(b, 0, 1, 8, 0, 6, 4)
		b = be.AppendUint16(b, k.Type)
		b = append(b, 0, 0, 0, 0)
		return append(append(b, k.Dst[:6]...), k.Src[:6]...) // readers take the second one for the source
	}
	return b
}

// fragmentNone says that a key is not one of later fragments alone.
const fragmentNone = -1

// fragmentOf returns the identification of the datagram of which r has only later fragments, or fragmentNone.
func fragmentOf(r *flow.Record) int {
	if r.SrcPort|r.DstPort == 0 && r.HasPorts() {
		for i := range r.Side {
			if s := &r.Side[i]; s.Packets > 0 && s.Fragments {
				return int(s.IPID)
			}
		}
	}
	return fragmentNone
}

func appendIPv4(b []byte, k *flow.Key, fragment int) []byte {
	start := len(b)
	b = append(b, dsrFlow, flowFiveTuple, byte(k.Family), 5)
	b = append(append(b, k.Src[:4]...), k.Dst[:4]...)
	b = append(b, k.Proto, 0)
	switch k.Proto {
	case flow.ProtoICMP:
		b = be.AppendUint16(b, k.Type)
		return be.AppendUint16(be.AppendUint16(b, k.SrcPort), k.DstPort)
	case flow.ProtoIGMP:
		return append(be.AppendUint16(b, k.Type), 0, 0, 0, 0)
	case flow.ProtoESP:
		// Readers put /32 masks over the lower half of the SPI unless told that masks are there (section 2.2).
		b[start+2] |= flowMasks
		return be.AppendUint16(be.AppendUint16(append(b, 0, 0), k.SrcPort), k.DstPort)
	}
	if fragment != fragmentNone {
		b[start+2] |= flowFragment
		return be.AppendUint16(append(b, 0, 0, 0, 0), uint16(fragment))
	}
	return append(be.AppendUint16(be.AppendUint16(b, k.SrcPort), k.DstPort), 0, 0)
}

func appendIPv6(b []byte, k *flow.Key) []byte {
	b = append(b, dsrFlow, flowFiveTuple, byte(k.Family), 11)
	b = append(append(b, k.Src[:]...), k.Dst[:]...)
	b = append(b, k.Proto, 0, 0, 0)
	if k.Proto == flow.ProtoICMPv6 { // the sequence number goes into the extension
		return be.AppendUint16(be.AppendUint16(b, k.Type), k.SrcPort)
	}
	return be.AppendUint16(be.AppendUint16(b, k.SrcPort), k.DstPort)
}
