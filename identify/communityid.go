package identify

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// AppendCommunityID appends the Community ID of a flow, version 1 (github.com/corelight/community-id-spec): the same text
// for both directions, by which records of different tools are joined. Seed is 0 unless all tools of a site agree on another.
//
// src and dst are both IPv4 or both IPv6 addresses; proto is the IP protocol. sport and dport are the ports of TCP, UDP
// and SCTP, and the type and code of ICMP and ICMPv6; other protocols have none. It allocates nothing beyond what b needs.
func AppendCommunityID(b []byte, seed uint16, src, dst netip.Addr, proto uint8, sport, dport uint16) []byte {
	ports, oneWay := true, false
	switch proto {
	case protoTCP, protoUDP, protoSCTP:
	case protoICMP, protoICMPv6:
		if answer, ok := counterpart(proto, sport); ok {
			dport = answer
		} else {
			oneWay = true
		}
	default:
		ports = false
	}
	if c := src.Compare(dst); !oneWay && (c > 0 || c == 0 && ports && sport > dport) {
		src, dst, sport, dport = dst, src, dport, sport
	}
	var buf [2 + 16 + 16 + 2 + 4]byte
	in := binary.BigEndian.AppendUint16(buf[:0], seed)
	in = appendAddr(appendAddr(in, src), dst)
	in = append(in, proto, 0)
	if ports {
		in = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(in, sport), dport)
	}
	sum := sha1.Sum(in)
	return base64.StdEncoding.AppendEncode(append(b, "1:"...), sum[:])
}

// IP protocol numbers of the flows whose Community ID has ports.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		octets := a.As4()
		return append(b, octets[:]...)
	}
	octets := a.As16()
	return append(b, octets[:]...)
}

// counterpart returns the ICMP type that answers a type or is answered by it (RFC 792, 950, 1256, 2710, 4443, 4620, 4861,
// 4286), or false: such messages go one way.
func counterpart(proto uint8, typ uint16) (uint16, bool) {
	if proto == protoICMP {
		switch typ {
		case 8, 0: // echo
			return 8 - typ, true
		case 13, 14: // timestamp
			return 13 + 14 - typ, true
		case 15, 16: // information
			return 15 + 16 - typ, true
		case 9, 10: // router advertisement and solicitation
			return 9 + 10 - typ, true
		case 17, 18: // address mask
			return 17 + 18 - typ, true
		}
		return 0, false
	}
	switch typ {
	case 128, 129: // echo
		return 128 + 129 - typ, true
	case 130, 131: // multicast listener query and report
		return 130 + 131 - typ, true
	case 133, 134: // router solicitation and advertisement
		return 133 + 134 - typ, true
	case 135, 136: // neighbour solicitation and advertisement
		return 135 + 136 - typ, true
	case 139, 140: // node information
		return 139 + 140 - typ, true
	case 144, 145: // home agent address discovery
		return 144 + 145 - typ, true
	}
	return 0, false
}
