package filter

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// state is a word that selects by what was seen of a flow.
type state struct {
	names []string
	help  string
	sides bool
	is    func(r *argus.Record, side int) bool // without sides, side is 0
}

var states = []state{
	{[]string{"con", "est"}, "both sides sent, or a TCP connection was established", false, connected},
	printed("req", "REQ"), printed("acc", "ACC"), printed("int", "INT"), printed("rsp", "RSP"), printed("clo", "CLO"), printed("tim", "TIM"),
	{[]string{"normal"}, "a TCP connection that closed normally", false, has(flow.TCPClosed, 0)},
	{[]string{"wait"}, "a TCP connection that waits for its second FIN", false, has(flow.TCPCloseWait, 0)},
	{[]string{"syn"}, "a SYN", true, flags(flow.SYN)},
	{[]string{"synack"}, "the answer to a SYN", false, has(flow.TCPSawSYNACK, 0)},
	{[]string{"fin"}, "a FIN", true, flags(flow.FIN)},
	{[]string{"finack"}, "the answer to a FIN", false, has(flow.TCPSawFINACK, 0)},
	{[]string{"rst", "reset"}, "a RST", true, flags(flow.RST)},
	{[]string{"ecn"}, "congestion was told of", true, has(flow.TCPSrcECNMarked, flow.TCPDstECNMarked)},
	{[]string{"retrans"}, "segments sent again; of ESP, RTP and UDT, packets missing", true, resent},
	{[]string{"outoforder"}, "segments out of order", true, has(flow.TCPSrcOutOfOrder, flow.TCPDstOutOfOrder)},
	{[]string{"winshut"}, "a window was closed", true, has(flow.TCPSrcWindowShut, flow.TCPDstWindowShut)},
	{[]string{"frag"}, "fragments", true, func(r *argus.Record, i int) bool { return r.Flow.Side[i].Fragments && isIP(r) }},
	{[]string{"fragonly"}, "later fragments of datagrams alone", false, func(r *argus.Record, _ int) bool { return r.Added.Fragment != 0 }},
	{[]string{"multipath"}, "more than one pair of hardware addresses", false, func(r *argus.Record, _ int) bool { return r.Flow.MultiMAC }},
	{[]string{"vlan"}, "a VLAN tag", true, func(r *argus.Record, i int) bool { return r.Flow.Side[i].HasVLAN }},
	{[]string{"mpls"}, "an MPLS label", true, func(r *argus.Record, i int) bool { return r.Flow.Side[i].HasMPLS }},
	{[]string{"icmpmap"}, "an ICMP message spoke of the flow", false, func(r *argus.Record, _ int) bool { return r.ICMP != 0 }},
	{[]string{"echo"}, "ICMP echo", false, func(r *argus.Record, _ int) bool { return icmp(r, 8, 128) || icmp(r, 0, 129) }},
	{[]string{"unreach"}, "ICMP unreachable, and the flow that it speaks of", false, func(r *argus.Record, _ int) bool { return r.ICMP == 'U' || icmp(r, 3, 1) }},
	{[]string{"redirect"}, "ICMP redirect, and the flow that it speaks of", false, func(r *argus.Record, _ int) bool { return r.ICMP == 'R' || icmp(r, 5, 137) }},
	{[]string{"timexed"}, "ICMP time exceeded, and the flow that it speaks of", false, func(r *argus.Record, _ int) bool { return r.ICMP == 'T' || icmp(r, 11, 3) }},
	option("tcpopt", "any TCP option", 0xfff00000), option("mss", "TCP option: maximum segment size", 0x00100000),
	option("wscale", "TCP option: window scale", 0x00200000), option("selackok", "TCP option: selective acknowledgement permitted", 0x00400000),
	option("selack", "TCP option: selective acknowledgement", 0x00800000), option("tcpecho", "TCP option: echo", 0x01000000),
	option("tcpechoreply", "TCP option: echo reply", 0x02000000), option("tcptimestamp", "TCP option: timestamp", 0x04000000),
	option("tcpcc", "TCP option: CC", 0x08000000), option("tcpccnew", "TCP option: CC new", 0x10000000), option("tcpccecho", "TCP option: CC echo", 0x20000000),
	option("secn", "the source offered ECN", 0x40000000), option("decn", "the destination offered ECN", 0x80000000),
}

// statePrimitives makes words of the states.
func statePrimitives() (all []primitive) {
	for i := range states {
		s := &states[i]
		all = append(all, primitive{s.names, "", s.sides, s.help, func(_ *parser, d direction) (term, error) {
			if !s.sides {
				d = source
			}
			return term{match: d.sided(s.is)}, nil
		}})
	}
	return all
}

func option(name, help string, bits uint32) state {
	return state{[]string{name}, help, false, func(r *argus.Record, _ int) bool {
		return r.Has&argus.HasTCPOptions != 0 && r.Flow.TCP.Options&bits != 0
	}}
}

// status returns the TCP status bits of a record, 0 when it has none.
func status(r *argus.Record) uint32 {
	if r.Has&argus.HasTCP == 0 {
		return 0
	}
	return r.Flow.TCP.Status
}

// has selects by a status bit of each side.
func has(src, dst uint32) func(*argus.Record, int) bool {
	return func(r *argus.Record, side int) bool { return status(r)&[2]uint32{src, dst}[side] != 0 }
}

// flags selects by a flag of the segments of a side in the interval of the record.
func flags(flag uint8) func(*argus.Record, int) bool {
	return func(r *argus.Record, side int) bool {
		return r.Has&argus.HasTCP != 0 && r.Flow.TCP.Side[side].Interval&flag != 0
	}
}

func connected(r *argus.Record, _ int) bool {
	return isIP(r) && r.Flow.Side[0].Packets > 0 && r.Flow.Side[1].Packets > 0 || status(r)&flow.TCPEstablished != 0
}

// printed makes a word of a state as the column state prints it.
func printed(name, want string) state {
	return state{[]string{name}, "the column state is " + want, false, func(r *argus.Record, _ int) bool { return stateOf(r) == want }}
}

// stateOf returns the state of a flow that the column state prints (section 5.5 of the Argus record format), "" for those
// that have words of their own.
func stateOf(r *argus.Record) string {
	f := &r.Flow
	bits := status(r)
	src, dst := f.Side[0].Packets > 0, f.Side[1].Packets > 0
	switch {
	case r.Kind != argus.KindFlow, r.Cause == 0x80, isIP(r) && (f.Proto == flow.ProtoICMP || f.Proto == flow.ProtoICMPv6):
		return ""
	case bits != 0:
		return tcpState(bits, r.Cause)
	case src && dst:
		return ""
	case r.Has&argus.HasTCP != 0, src && (r.Cause&flow.CauseStart != 0 || f.Family == flow.FamilyARP || f.Family == flow.FamilyRARP):
		return "INT"
	case src:
		return "REQ"
	}
	return "RSP"
}

func tcpState(bits uint32, cause flow.Cause) string {
	switch {
	case bits&(flow.TCPSrcReset|flow.TCPDstReset|flow.TCPSawFIN|flow.TCPSawFINACK) != 0:
		return ""
	case bits&flow.TCPClosed != 0:
		return "CLO"
	case cause&flow.CauseTimeout != 0:
		return "TIM"
	case bits&flow.TCPEstablished != 0:
		return ""
	case bits&flow.TCPSawSYNACK != 0:
		return "ACC"
	case bits&flow.TCPSawSYN != 0:
		return "REQ"
	}
	return ""
}

func resent(r *argus.Record, side int) bool {
	return status(r)&[2]uint32{flow.TCPSrcRetransmit, flow.TCPDstRetransmit}[side] != 0 || r.Flow.Proto != flow.ProtoTCP && lost(r, side) > 0
}

// icmp tells whether a flow is of ICMP or ICMPv6 messages of a type.
func icmp(r *argus.Record, v4, v6 uint16) bool {
	k := &r.Flow.Key
	return isIP(r) && (k.Proto == flow.ProtoICMP && k.Type>>8 == v4 || k.Proto == flow.ProtoICMPv6 && k.Type>>8 == v6)
}
