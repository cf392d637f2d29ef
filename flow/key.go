package flow

import (
	"encoding/binary"
	"net/netip"
)

// Family says what the addresses of a Key are. The values are those of the Argus flow DSR
// (Argus record format, section 2.2), so that an encoder needs no table.
type Family uint8

// The address families that a sensor meets.
const (
	FamilyNone     Family = 0 // not decoded: not a valid key
	FamilyIPv4     Family = 1 // Src and Dst hold 4 bytes
	FamilyIPv6     Family = 2 // 16 bytes
	FamilyEthernet Family = 3 // 6 bytes: a frame that is not IP and not ARP
	FamilyARP      Family = 4 // 4 bytes: the sender's and the target's protocol addresses
	FamilyRARP     Family = 5 // 6 bytes: the source and target hardware addresses
	FamilyWLAN     Family = 8 // 6 bytes, of other sensors only: a frame of 802.11
)

// IP protocol numbers that the table treats apart (IANA protocol numbers).
const (
	ProtoICMP    = 1
	ProtoIGMP    = 2
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoDCCP    = 33
	ProtoESP     = 50
	ProtoICMPv6  = 58
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// Key is the tuple of a flow, oriented: in a Packet Src is the packet's sender, in a Record the flow's initiator.
// It is 40 bytes without a pointer, so that it is cheap to hash, to compare and to keep by the million.
// (Two netip.AddrPorts would be 64 bytes and 20 % slower as a map key.)
//
// What the last three fields hold depends on the protocol:
//
//	TCP, UDP, SCTP, UDP-Lite, DCCP   the ports; Type is 0, or the transaction id of DNS when each is a flow of its own
//	ICMP, ICMPv6    SrcPort identifier, DstPort sequence number (0 where the message has none), Type = type<<8 | code
//	IGMP            Type = type<<8 | code
//	ESP             SrcPort and DstPort are the upper and lower half of the SPI
//	Ethernet        Type = ethertype; for LLC frames Type is 0 and SrcPort, DstPort are SSAP and DSAP
//	ARP, RARP       Type = the operation of the first packet, which is not part of the flow's identity
//	others          all 0
type Key struct {
	Src, Dst         [16]byte
	SrcPort, DstPort uint16
	Proto            uint8 // IP protocol number; 0 for ARP, RARP and Ethernet
	Family           Family
	Type             uint16
}

// SrcAddr returns the source address of an IP or ARP key, the zero Addr for others.
func (k *Key) SrcAddr() netip.Addr { return k.addr(&k.Src) }

// DstAddr returns the destination address of an IP or ARP key, the zero Addr for others.
func (k *Key) DstAddr() netip.Addr { return k.addr(&k.Dst) }

func (k *Key) addr(a *[16]byte) netip.Addr {
	switch k.Family {
	case FamilyIPv4, FamilyARP:
		return netip.AddrFrom4([4]byte(a[:4]))
	case FamilyIPv6:
		return netip.AddrFrom16(*a)
	}
	return netip.Addr{}
}

// IsTCP tells whether the key is that of a TCP flow.
func (k *Key) IsTCP() bool {
	return k.Proto == ProtoTCP && (k.Family == FamilyIPv4 || k.Family == FamilyIPv6)
}

// HasPorts tells whether SrcPort and DstPort are the ports of a transport protocol.
func (k *Key) HasPorts() bool {
	if k.Family != FamilyIPv4 && k.Family != FamilyIPv6 {
		return false
	}
	switch k.Proto {
	case ProtoTCP, ProtoUDP, ProtoDCCP, ProtoSCTP, ProtoUDPLite:
		return true
	}
	return false
}

// packed is the direction-free form of a Key, the same for both directions of a flow:
// two address words each, then ports, protocol, family and type.
type packed [5]uint64

// pack fills p with the direction-free form of k and reports whether k runs against it (its Dst stands first).
// The order of the two ends has no meaning beyond being the same for both directions.
func (k *Key) pack(p *packed) (reversed bool) {
	s0, s1 := binary.LittleEndian.Uint64(k.Src[:8]), binary.LittleEndian.Uint64(k.Src[8:])
	d0, d1 := binary.LittleEndian.Uint64(k.Dst[:8]), binary.LittleEndian.Uint64(k.Dst[8:])
	sp, dp := uint64(k.SrcPort), uint64(k.DstPort)
	typ, oneWay := uint64(k.Type), false
	switch {
	case k.Proto == ProtoTCP || k.Proto == ProtoUDP:
	case k.Proto == ProtoICMP || k.Proto == ProtoICMPv6:
		typ, oneWay = icmpExchange(k.Proto, k.Type)
	case k.Proto == ProtoESP || k.Proto == ProtoIGMP:
		oneWay = true
	case k.Family == FamilyARP || k.Family == FamilyRARP:
		typ = 0
	}
	turns := k.portsTurn()
	switch {
	case oneWay:
	case turns:
		reversed = endLess(d0, d1, dp, s0, s1, sp)
	case s0 == d0 && s1 == d1: // a host that asks itself: only the type tells the answer
		reversed = typ != uint64(k.Type)
	default:
		reversed = endLess(d0, d1, 0, s0, s1, 0)
	}
	if reversed {
		s0, s1, d0, d1 = d0, d1, s0, s1
		if turns { // identifier and sequence number belong to the exchange: they keep their places
			sp, dp = dp, sp
		}
	}
	p[0], p[1], p[2], p[3] = s0, s1, d0, d1
	p[4] = sp | dp<<16 | typ<<32 | uint64(k.Proto)<<48 | uint64(k.Family)<<56
	return reversed
}

// unpack is the inverse of pack: it fills k with the key, its second end first when swapped. typ is the Type that the
// key had.
func (p *packed) unpack(k *Key, swapped bool, typ uint16) {
	k.SrcPort, k.DstPort = uint16(p[4]), uint16(p[4]>>16)
	k.Proto, k.Family, k.Type = uint8(p[4]>>48), Family(p[4]>>56), typ
	a, b := &k.Src, &k.Dst
	if swapped {
		a, b = b, a
		if k.portsTurn() {
			k.SrcPort, k.DstPort = k.DstPort, k.SrcPort
		}
	}
	binary.LittleEndian.PutUint64(a[:8], p[0])
	binary.LittleEndian.PutUint64(a[8:], p[1])
	binary.LittleEndian.PutUint64(b[:8], p[2])
	binary.LittleEndian.PutUint64(b[8:], p[3])
}

// equal is p == o without a call.
func (p *packed) equal(o *packed) bool {
	return p[4]^o[4]|p[0]^o[0]|p[2]^o[2]|p[1]^o[1]|p[3]^o[3] == 0
}

// portsTurn tells whether SrcPort and DstPort belong to the ends (ports, SAPs) rather than to the exchange (ICMP, ESP),
// so that they change places with the addresses.
func (k *Key) portsTurn() bool {
	return k.Proto != ProtoICMP && k.Proto != ProtoICMPv6 && k.Proto != ProtoESP
}

func endLess(a0, a1, ap, b0, b1, bp uint64) bool {
	if a0 != b0 {
		return a0 < b0
	}
	if a1 != b1 {
		return a1 < b1
	}
	return ap < bp
}

// icmpExchange returns the type that stands for both halves of a request and its reply, and whether
// the message has no counterpart and so belongs to a flow of one direction (RFC 792, 950, 1256, 4443, 4861, 4620).
func icmpExchange(proto uint8, typeCode uint16) (exchange uint64, oneWay bool) {
	t := uint8(typeCode >> 8)
	if proto == ProtoICMP {
		switch t {
		case 8, 0: // echo
			return 8 << 8, false
		case 13, 14: // timestamp
			return 13 << 8, false
		case 15, 16: // information
			return 15 << 8, false
		case 17, 18: // address mask
			return 17 << 8, false
		case 10, 9: // router solicitation, advertisement
			return 10 << 8, false
		}
		return uint64(typeCode), true
	}
	switch t {
	case 128, 129: // echo
		return 128 << 8, false
	case 133, 134: // router solicitation, advertisement
		return 133 << 8, false
	case 135, 136: // neighbour solicitation, advertisement
		return 135 << 8, false
	case 139, 140: // node information
		return 139 << 8, false
	}
	return uint64(typeCode), true
}
