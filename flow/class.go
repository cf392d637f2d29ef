package flow

import (
	"cmp"
	"time"
)

// class groups the protocols that are forgotten after the same silence (Argus record format, section 5.3).
type class uint8

const (
	classOther class = iota // of IP
	classLink               // not IP
	classUDP
	classICMP
	classIGMP
	classARP
	classFragment
	classTCP       // not established: nothing more is expected after a minute
	classTCPOpen   // established and not closed: Argus's fallow queue holds it for two hours more
	classTCPClosed // closed or reset: stays for late segments
	classes        // how many there are
)

// Timeouts are how long a flow of each kind is kept without a packet (argus.conf(5)). 0 is what Argus does unless it is told:
// the numbers here (Argus record format, section 5.3).
type Timeouts struct {
	IP       time.Duration // 30 s: UDP, and protocols of IP without a time of their own
	TCP      time.Duration // 60 s: a connection that is not established
	Fallow   time.Duration // 2 h: how much longer one is that is
	ICMP     time.Duration // 5 s
	IGMP     time.Duration // 30 s
	Fragment time.Duration // 5 s: fragments whose first one was not seen
	ARP      time.Duration // 5 s, RARP too
	Other    time.Duration // 30 s: what else is not IP
}

// closedTimeout is how long a connection that has ended waits for late segments.
const closedTimeout = 10 * time.Second

// byClass returns them in coarse time.
func (t *Timeouts) byClass() [classes]uint32 {
	coarse := func(times ...time.Duration) uint32 {
		return uint32(min(cmp.Or(times...), longestStatus) >> coarseShift)
	}
	tcp, fallow := cmp.Or(t.TCP, 60*time.Second), cmp.Or(t.Fallow, 2*time.Hour)
	return [classes]uint32{
		classLink: coarse(t.Other, 30*time.Second), classOther: coarse(t.IP, 30*time.Second), classUDP: coarse(t.IP, 30*time.Second),
		classICMP: coarse(t.ICMP, 5*time.Second), classIGMP: coarse(t.IGMP, 30*time.Second), classARP: coarse(t.ARP, 5*time.Second),
		classFragment: coarse(t.Fragment, 5*time.Second), classTCP: coarse(tcp), classTCPOpen: coarse(tcp + fallow), classTCPClosed: coarse(closedTimeout),
	}
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
	if p.Family != FamilyIPv4 && p.Family != FamilyIPv6 {
		return classLink
	}
	return classOther
}
