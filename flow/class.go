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
