package fields

import (
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// portNumber returns a port, or what ra shows in its place: an ICMP type and code and identifier, an SPI, an access point of LLC.
func portNumber(r *argus.Record, side int) (uint64, bool) {
	k := &r.Flow.Key
	number := k.SrcPort
	if side == dst {
		number = k.DstPort
	}
	switch {
	case k.Family == flow.FamilyEthernet:
		return uint64(number), k.Type == 0
	case !isIP(k):
		return 0, false
	case k.Proto == flow.ProtoICMP && side == src:
		return uint64(k.Type<<8 | k.Type>>8), true
	case k.Proto == flow.ProtoICMP:
		return uint64(k.SrcPort), true
	case k.Proto == flow.ProtoICMPv6 && side == src:
		return uint64(k.Type >> 8), true
	case k.Proto == flow.ProtoICMPv6:
		return uint64(k.Type & 0xff), true
	case k.Proto == flow.ProtoESP:
		return uint64(k.SrcPort)<<16 | uint64(k.DstPort), side == dst
	}
	return uint64(number), k.HasPorts()
}

// appendPort appends the number as ra writes it.
func appendPort(b []byte, r *argus.Record, side int) []byte {
	v, ok := portNumber(r, side)
	k := &r.Flow.Key
	switch {
	case !ok:
		return b
	case isIP(k) && k.Proto == flow.ProtoICMP:
		return hex4(b, uint16(v))
	case isIP(k) && k.Proto == flow.ProtoESP:
		b = hex4(b, uint16(v>>16))
		n := len(b)
		b = hex4(b, uint16(v))
		return append(b[:n], b[n+2:]...)
	}
	return strconv.AppendUint(b, v, 10)
}

// appendPortText appends a port for people: with services as its name, without as a number.
func appendPortText(b []byte, r *argus.Record, side int, s *services) []byte {
	k := &r.Flow.Key
	switch {
	case k.Family == flow.FamilyEthernet && k.Type != 0:
		if s == nil {
			b = append(b, '0') // ra -n writes it
		}
		return b
	case s == nil:
		return appendPort(b, r, side)
	}
	v, ok := portNumber(r, side)
	switch {
	case !ok:
		return b
	case k.Family == flow.FamilyEthernet:
		return appendAccessPoint(b, uint8(v))
	case k.Proto == flow.ProtoICMPv6:
		return hex4(b, uint16(v))
	case k.Proto == flow.ProtoTCP || k.Proto == flow.ProtoUDP:
		if v == 0 {
			return b
		}
		if name := s.name(uint16(v), k.Proto); name != "" {
			return append(b, name...)
		}
	}
	return appendPort(b, r, side)
}

// appendAccessPoint names an LLC service access point.
func appendAccessPoint(b []byte, sap uint8) []byte {
	name := ""
	switch sap {
	case 0:
		return b
	case 0x06:
		name = "ipsap"
	case 0x42:
		name = "stp"
	case 0x7e:
		name = "x25"
	case 0x98:
		name = "arp"
	case 0xaa:
		name = "snap"
	case 0xe0:
		name = "netware"
	case 0xf0:
		name = "netbios"
	case 0xfe:
		name = "clns"
	case 0xff:
		name = "gbl"
	default:
		return append(b, '0', 'x', hexDigits[sap>>4], hexDigits[sap&15])
	}
	return append(b, name...)
}
