package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// appendTunnel writes the DSR of the tunnels that Argus knows, each with the outer flow (section 2.14); the others
// stand in the extension.
func appendTunnel(b []byte, r *flow.Record) []byte {
	t, start := &r.Tunnel, len(b)
	switch t.Encaps {
	case flow.EncapsGRE:
		b = append(b, dsrGRE, 0, 0, 0)
		b = be.AppendUint16(be.AppendUint16(b, t.Flags), t.Proto)
	case flow.EncapsVXLAN:
		b = append(b, dsrVXLAN, 0, 0, 0)
		for i := range r.Side {
			id := uint32(0)
			if r.Side[i].Packets > 0 || i == 0 && r.Side[1].Packets == 0 {
				b[start+2] |= 1 << i
				id = t.ID
			}
			b = be.AppendUint32(b, id)
		}
	case flow.EncapsGeneve:
		b = append(b, dsrGeneve, 0, 0, 0, 0, 0)
		b = be.AppendUint32(be.AppendUint16(b, t.Proto), t.ID)
	default:
		return b
	}
	b = appendOuter(b, &t.Key)
	b[start+3] = byte((len(b) - start) / 4)
	return b
}

// appendOuter writes the flow DSR of a tunnel's own packets.
func appendOuter(b []byte, k *flow.Key) []byte {
	switch k.Family {
	case flow.FamilyIPv4:
		return appendIPv4(b, k, fragmentNone)
	case flow.FamilyIPv6:
		return appendIPv6(b, k)
	}
	return b
}

// The qualifier bits of the ICMP mapping DSR (section 2.7).
const (
	icmpUnreachable = 1
	icmpRedirect    = 2
	icmpExceeded    = 4
)

// appendICMP writes what an ICMP error said of the flow (section 2.7). The DSR has room for IPv4 only: of an ICMPv6
// message it has the ICMPv4 type that means the same and no address; the extension has the rest.
func appendICMP(b []byte, r *flow.Record) []byte {
	m := &r.ICMP
	if m.From == [16]byte{} {
		return b
	}
	typ, code := m.Type, m.Code
	if m.Family == flow.FamilyIPv6 {
		typ, code = icmpv4(typ, code)
	}
	qualifier := byte(icmpUnreachable)
	switch typ {
	case 5:
		qualifier = icmpRedirect
	case 11:
		qualifier = icmpExceeded
	}
	b = append(b, dsrICMP, 0, qualifier, 8, typ, code, 0, 0)
	var addresses [24]byte // outer source and destination, inner ones, gateway, spare
	if m.Family != flow.FamilyIPv6 {
		copy(addresses[:4], m.From[:4])
		copy(addresses[4:8], m.To[:4])
		copy(addresses[16:20], m.Gateway[:])
		if r.Family == flow.FamilyIPv4 {
			copy(addresses[8:12], r.Src[:4])
			copy(addresses[12:16], r.Dst[:4])
		}
	}
	return append(b, addresses[:]...)
}

// icmpv4 returns the ICMPv4 type and code of an ICMPv6 error (RFC 7915 section 5.2; a redirect has none there).
func icmpv4(typ, code uint8) (uint8, uint8) {
	switch typ {
	case 1: // destination unreachable
		switch code {
		case 1:
			return 3, 10 // administratively prohibited
		case 4:
			return 3, 3 // port unreachable
		}
		return 3, 1
	case 2: // packet too big
		return 3, 4
	case 3: // time exceeded
		return 11, code
	case 4: // parameter problem
		return 12, 0
	case 137:
		return 5, 1
	}
	return typ, code
}
