package filter

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// state is a word that selects by what was seen of a flow. Of status to is one says what.
type state struct {
	names   []string
	help    string
	sides   bool
	status  [2]uint32                            // TCP status bits of each side
	flag    uint8                                // a TCP flag of the side in the interval of the record
	option  uint32                               // bits of TCP options
	printed string                               // what the column state prints
	is      func(r *argus.Record, side int) bool // without sides, side is 0
}

var states = []state{
	{names: []string{"con", "est"}, help: "both sides sent, or a TCP connection was established", is: connected},
	{names: []string{"req"}, help: "state REQ: asked and not answered", printed: "REQ"},
	{names: []string{"acc"}, help: "state ACC: accepted and not established", printed: "ACC"},
	{names: []string{"int"}, help: "state INT: the first record of one side alone", printed: "INT"},
	{names: []string{"rsp"}, help: "state RSP: the destination alone", printed: "RSP"},
	{names: []string{"clo"}, help: "state CLO: closed", printed: "CLO"},
	{names: []string{"tim"}, help: "state TIM: timed out", printed: "TIM"},
	{names: []string{"normal"}, help: "a TCP connection that closed normally", status: [2]uint32{flow.TCPClosed}},
	{names: []string{"wait"}, help: "a TCP connection that waits for its second FIN", status: [2]uint32{flow.TCPCloseWait}},
	{names: []string{"syn"}, help: "a SYN", sides: true, flag: flow.SYN},
	{names: []string{"synack"}, help: "the answer to a SYN", status: [2]uint32{flow.TCPSawSYNACK}},
	{names: []string{"fin"}, help: "a FIN", sides: true, flag: flow.FIN},
	{names: []string{"finack"}, help: "the answer to a FIN", status: [2]uint32{flow.TCPSawFINACK}},
	{names: []string{"rst", "reset"}, help: "a RST", sides: true, flag: flow.RST},
	{names: []string{"ecn"}, help: "congestion was told of", sides: true, status: [2]uint32{flow.TCPSrcECNMarked, flow.TCPDstECNMarked}},
	{names: []string{"retrans"}, help: "segments sent again; of ESP, RTP and UDT, packets missing", sides: true, is: resent},
	{names: []string{"outoforder"}, help: "segments out of order", sides: true, status: [2]uint32{flow.TCPSrcOutOfOrder, flow.TCPDstOutOfOrder}},
	{names: []string{"winshut"}, help: "a window was closed", sides: true, status: [2]uint32{flow.TCPSrcWindowShut, flow.TCPDstWindowShut}},
	{names: []string{"frag"}, help: "fragments", sides: true, is: func(r *argus.Record, i int) bool { return r.Flow.Side[i].Fragments && isIP(r) }},
	{names: []string{"fragonly"}, help: "later fragments of datagrams alone", is: func(r *argus.Record, _ int) bool { return r.Added.Fragment != 0 }},
	{names: []string{"multipath"}, help: "more than one pair of hardware addresses", is: func(r *argus.Record, _ int) bool { return r.Flow.MultiMAC }},
	{names: []string{"vlan"}, help: "a VLAN tag", sides: true, is: func(r *argus.Record, i int) bool { return r.Flow.Side[i].HasVLAN }},
	{names: []string{"mpls"}, help: "an MPLS label", sides: true, is: func(r *argus.Record, i int) bool { return r.Flow.Side[i].HasMPLS }},
	{names: []string{"icmpmap"}, help: "an ICMP message spoke of the flow", is: func(r *argus.Record, _ int) bool { return r.ICMP != 0 }},
	{names: []string{"echo"}, help: "ICMP echo", is: func(r *argus.Record, _ int) bool { return icmp(r, 8, 128) || icmp(r, 0, 129) }},
	{names: []string{"unreach"}, help: "ICMP unreachable, and the flow that it speaks of", is: func(r *argus.Record, _ int) bool { return r.ICMP == 'U' || icmp(r, 3, 1) }},
	{names: []string{"redirect"}, help: "ICMP redirect, and the flow that it speaks of", is: func(r *argus.Record, _ int) bool { return r.ICMP == 'R' || icmp(r, 5, 137) }},
	{names: []string{"timexed"}, help: "ICMP time exceeded, and the flow that it speaks of", is: func(r *argus.Record, _ int) bool { return r.ICMP == 'T' || icmp(r, 11, 3) }},
	{names: []string{"tcpopt"}, help: "any TCP option", option: 0xfff00000},
	{names: []string{"mss"}, help: "TCP option: maximum segment size", option: 0x00100000},
	{names: []string{"wscale"}, help: "TCP option: window scale", option: 0x00200000},
	{names: []string{"selackok"}, help: "TCP option: selective acknowledgement permitted", option: 0x00400000},
	{names: []string{"selack"}, help: "TCP option: selective acknowledgement", option: 0x00800000},
	{names: []string{"tcpecho"}, help: "TCP option: echo", option: 0x01000000},
	{names: []string{"tcpechoreply"}, help: "TCP option: echo reply", option: 0x02000000},
	{names: []string{"tcptimestamp"}, help: "TCP option: timestamp", option: 0x04000000},
	{names: []string{"tcpcc"}, help: "TCP option: CC", option: 0x08000000},
	{names: []string{"tcpccnew"}, help: "TCP option: CC new", option: 0x10000000},
	{names: []string{"tcpccecho"}, help: "TCP option: CC echo", option: 0x20000000},
	{names: []string{"secn"}, help: "the source offered ECN", option: 0x40000000},
	{names: []string{"decn"}, help: "the destination offered ECN", option: 0x80000000},
}

// statePrimitives makes words of the states.
func statePrimitives() (all []primitive) {
	for i := range states {
		s := &states[i]
		all = append(all, primitive{s.names, "", s.sides, s.help, s.parse})
	}
	return all
}

func (s *state) parse(_ *parser, d direction) (*term, error) {
	if !s.sides {
		d = source
	}
	is := s.is
	switch {
	case s.printed != "":
		is = func(r *argus.Record, _ int) bool { return r.Kind == argus.KindFlow && r.State() == s.printed }
	case s.option != 0:
		is = func(r *argus.Record, _ int) bool {
			return r.Has&argus.HasTCPOptions != 0 && r.Flow.TCP.Options&s.option != 0
		}
	case s.flag != 0:
		is = func(r *argus.Record, side int) bool {
			return r.Has&argus.HasTCP != 0 && r.Flow.TCP.Side[side].Interval&s.flag != 0
		}
	case is == nil:
		is = func(r *argus.Record, side int) bool { return r.Flow.TCP.Status&s.status[side] != 0 }
	}
	return &term{match: d.sided(is)}, nil
}

// connected is not what the column state calls CON: a connection that has ended counts, and an ICMP echo with its answer; ARP and
// Ethernet do not.
func connected(r *argus.Record, _ int) bool {
	return isIP(r) && r.Flow.Side[0].Packets > 0 && r.Flow.Side[1].Packets > 0 || r.Flow.TCP.Status&flow.TCPEstablished != 0
}

func resent(r *argus.Record, side int) bool {
	return r.Flow.TCP.Status&[2]uint32{flow.TCPSrcRetransmit, flow.TCPDstRetransmit}[side] != 0 || r.Flow.Proto != flow.ProtoTCP && r.Lost(side) > 0
}

// icmp tells whether a flow is of ICMP or ICMPv6 messages of a type.
func icmp(r *argus.Record, v4, v6 uint16) bool {
	k := &r.Flow.Key
	return isIP(r) && (k.Proto == flow.ProtoICMP && k.Type>>8 == v4 || k.Proto == flow.ProtoICMPv6 && k.Type>>8 == v6)
}
