package flow

import "time"

// class groups the protocols that are forgotten after the same silence (Argus record format, section 5.3).
type class uint8

const (
	classOther class = iota
	classUDP
	classICMP
	classIGMP
	classARP
	classFragment
	classTCP       // not established: nothing more is expected after a minute
	classTCPOpen   // established and not closed: Argus's fallow queue holds it for two hours more
	classTCPClosed // closed or reset: stays for late segments
)

// idle is how long a flow of each class is kept without a packet, in coarse time.
var idle = [...]uint32{
	classOther:     uint32(30 * time.Second >> coarseShift),
	classUDP:       uint32(30 * time.Second >> coarseShift),
	classICMP:      uint32(5 * time.Second >> coarseShift),
	classIGMP:      uint32(30 * time.Second >> coarseShift),
	classARP:       uint32(5 * time.Second >> coarseShift),
	classFragment:  uint32(5 * time.Second >> coarseShift),
	classTCP:       uint32(60 * time.Second >> coarseShift),
	classTCPOpen:   uint32((60 + 7200) * time.Second >> coarseShift),
	classTCPClosed: uint32(10 * time.Second >> coarseShift),
}

func classOf(p *Packet) class {
	switch {
	case p.Has&HasLaterFragment != 0:
		return classFragment
	case p.Family == FamilyARP || p.Family == FamilyRARP:
		return classARP
	}
	switch p.Proto {
	case ProtoTCP:
		return classTCP
	case ProtoUDP:
		return classUDP
	case ProtoICMP, ProtoICMPv6:
		return classICMP
	case ProtoIGMP:
		return classIGMP
	}
	return classOther
}

// begins tells who began the flow whose first packet is p: swap when it was the receiver.
func begins(p *Packet) (by Initiator, swap bool) {
	switch {
	case p.Family == FamilyARP && p.Type == 1, p.Family == FamilyRARP && p.Type == 3:
		return InitiatorSeen, false
	case p.IsTCP() && p.Has&HasLaterFragment == 0:
		switch p.TCP.Flags & (SYN | ACK) {
		case SYN:
			return InitiatorSeen, false
		case SYN | ACK:
			return InitiatorAnswer, true
		}
	case p.Proto == ProtoICMP || p.Proto == ProtoICMPv6:
		if exchange, oneWay := icmpExchange(p.Proto, p.Type); !oneWay && uint8(exchange>>8) == uint8(p.Type>>8) {
			return InitiatorSeen, false
		}
	}
	return InitiatorGuessed, false
}
