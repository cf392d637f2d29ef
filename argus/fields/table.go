package fields

import (
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// kind says how a field's value is written.
type kind uint8

const (
	text   kind = iota // JSON string
	number             // decimal or 0x hexadecimal: JSON number
	port               // number, left-aligned, joined to the address before it
	addr               // text that a port may be joined to
	moment             // ns since 1970
)

// field is one row of the table. value appends what a record has; nothing means that it has no such value.
type field struct {
	name, title string
	width       int
	kind        kind
	value       func(b []byte, r *argus.Record) []byte
	time        func(r *argus.Record) (ns int64, ok bool) // of a moment
}

// recordFields are those of who spoke with whom, when and how much. Widths and titles are ra's.
var recordFields = []field{
	{name: "stime", title: "StartTime", width: 18, kind: moment, time: func(r *argus.Record) (int64, bool) { t, _ := r.Flow.Span(); return t, true }},
	{name: "ltime", title: "LastTime", width: 18, kind: moment, time: func(r *argus.Record) (int64, bool) { _, t := r.Flow.Span(); return t, true }},
	{name: "sstime", title: "SrcStartTime", width: 18, kind: moment, time: func(r *argus.Record) (int64, bool) { s := &r.Flow.Side[0]; return s.First, s.Packets > 0 }},
	{name: "sltime", title: "SrcLastTime", width: 18, kind: moment, time: func(r *argus.Record) (int64, bool) { s := &r.Flow.Side[0]; return s.Last, s.Packets > 0 }},
	{name: "dstime", title: "DstStartTime", width: 18, kind: moment, time: func(r *argus.Record) (int64, bool) { s := &r.Flow.Side[1]; return s.First, s.Packets > 0 }},
	{name: "dltime", title: "DstLastTime", width: 18, kind: moment, time: func(r *argus.Record) (int64, bool) { s := &r.Flow.Side[1]; return s.Last, s.Packets > 0 }},
	{name: "dur", title: "Dur", width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte { return decimal(b, duration(r)) }},
	{name: "flgs", title: "Flgs", width: 9, value: appendFlags},
	{name: "proto", title: "Proto", width: 6, value: appendProto},
	{name: "saddr", title: "SrcAddr", width: 18, kind: addr, value: func(b []byte, r *argus.Record) []byte { return appendAddr(b, &r.Flow.Key, &r.Flow.Src) }},
	{name: "sport", title: "Sport", width: 6, kind: port, value: appendSrcPort},
	{name: "dir", title: "Dir", width: 5, value: func(b []byte, r *argus.Record) []byte { return append(b, direction(r)...) }},
	{name: "daddr", title: "DstAddr", width: 18, kind: addr, value: func(b []byte, r *argus.Record) []byte { return appendAddr(b, &r.Flow.Key, &r.Flow.Dst) }},
	{name: "dport", title: "Dport", width: 6, kind: port, value: appendDstPort},
	count("pkts", "TotPkts", 8, func(s, d *flow.Side) uint64 { return s.Packets + d.Packets }),
	count("spkts", "SrcPkts", 8, func(s, _ *flow.Side) uint64 { return s.Packets }),
	count("dpkts", "DstPkts", 8, func(_, d *flow.Side) uint64 { return d.Packets }),
	count("bytes", "TotBytes", 10, func(s, d *flow.Side) uint64 { return s.Bytes + d.Bytes }),
	count("sbytes", "SrcBytes", 12, func(s, _ *flow.Side) uint64 { return s.Bytes }),
	count("dbytes", "DstBytes", 12, func(_, d *flow.Side) uint64 { return d.Bytes }),
	count("appbytes", "TotAppByte", 10, func(s, d *flow.Side) uint64 { return s.Payload + d.Payload }),
	count("sappbytes", "SAppBytes", 12, func(s, _ *flow.Side) uint64 { return s.Payload }),
	count("dappbytes", "DAppBytes", 12, func(_, d *flow.Side) uint64 { return d.Payload }),
	extended(count("sipbytes", "SIPBytes", 12, func(s, _ *flow.Side) uint64 { return s.IPBytes })),
	extended(count("dipbytes", "DIPBytes", 12, func(_, d *flow.Side) uint64 { return d.IPBytes })),
	{name: "state", title: "State", width: 5, value: func(b []byte, r *argus.Record) []byte { return append(b, State(r)...) }},
	{name: "srcid", title: "SrcId", width: 18, value: appendSource},
	{name: "sid", title: "Sid", width: 18, value: func(b []byte, r *argus.Record) []byte { b, _ = r.Monitor.AppendText(b); return b }},
	{name: "inf", title: "Inf", width: 6, value: func(b []byte, r *argus.Record) []byte { return append(b, r.InterfaceName()...) }},
	{name: "seq", title: "Seq", width: 12, kind: number, value: appendSequence},
	{name: "type", title: "Type", width: 5, value: func(b []byte, _ *argus.Record) []byte { return append(b, "flo"...) }},
	{name: "cause", title: "Cause", width: 7, value: func(b []byte, r *argus.Record) []byte { return append(b, cause(r.Cause)...) }},
	{name: "smac", title: "SrcMac", width: 18, value: func(b []byte, r *argus.Record) []byte { return appendMAC(b, r.Flow.HasMAC, &r.Flow.SrcMAC) }},
	{name: "dmac", title: "DstMac", width: 18, value: func(b []byte, r *argus.Record) []byte { return appendMAC(b, r.Flow.HasMAC, &r.Flow.DstMAC) }},
	tag("svlan", "sVlan", 8, 0, func(b []byte, v uint16) []byte { return hex4(b, v) }),
	tag("dvlan", "dVlan", 8, 1, func(b []byte, v uint16) []byte { return hex4(b, v) }),
	tag("svid", "sVid", 6, 0, func(b []byte, v uint16) []byte { return strconv.AppendUint(b, uint64(v&0xfff), 10) }),
	tag("dvid", "dVid", 6, 1, func(b []byte, v uint16) []byte { return strconv.AppendUint(b, uint64(v&0xfff), 10) }),
	tag("svpri", "sVpri", 6, 0, func(b []byte, v uint16) []byte { return strconv.AppendUint(b, uint64(v>>13), 10) }),
	tag("dvpri", "dVpri", 6, 1, func(b []byte, v uint16) []byte { return strconv.AppendUint(b, uint64(v>>13), 10) }),
	label("smpls", "sMpls", 0), label("dmpls", "dMpls", 1),
	attribute("sttl", "sTtl", 4, 0, func(s *flow.Side) uint64 { return uint64(s.TTL) }),
	attribute("dttl", "dTtl", 4, 1, func(s *flow.Side) uint64 { return uint64(s.TTL) }),
	attribute("stos", "sTos", 5, 0, func(s *flow.Side) uint64 { return uint64(s.TOS) }),
	attribute("dtos", "dTos", 5, 1, func(s *flow.Side) uint64 { return uint64(s.TOS) }),
	{name: "sdsb", title: "sDSb", width: 5, value: func(b []byte, r *argus.Record) []byte { return appendDSCP(b, r, 0) }},
	{name: "ddsb", title: "dDSb", width: 5, value: func(b []byte, r *argus.Record) []byte { return appendDSCP(b, r, 1) }},
	{name: "sipid", title: "sIpId", width: 7, kind: number, value: func(b []byte, r *argus.Record) []byte { return appendIPID(b, r, 0) }},
	{name: "dipid", title: "dIpId", width: 7, kind: number, value: func(b []byte, r *argus.Record) []byte { return appendIPID(b, r, 1) }},
	tcp("swin", "SrcWin", 6, 0, window), tcp("dwin", "DstWin", 6, 1, window),
	tcp("stcpb", "SrcTCPBase", 12, 0, sequenceBase), tcp("dtcpb", "DstTCPBase", 12, 1, sequenceBase),
	tcp("smss", "sMss", 6, 0, segmentSize), tcp("dmss", "dMss", 6, 1, segmentSize),
	delay("tcprtt", "TcpRtt", func(t *flow.TCP) int64 { return t.SynAck + t.AckDat }),
	delay("synack", "SynAck", func(t *flow.TCP) int64 { return t.SynAck }),
	delay("ackdat", "AckDat", func(t *flow.TCP) int64 { return t.AckDat }),
	{name: "tcpopt", title: "TcpOpt", width: 12, value: appendTCPOptions},
	{name: "loss", title: "Loss", width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte { return strconv.AppendUint(b, lost(r, 0)+lost(r, 1), 10) }},
	{name: "sloss", title: "SrcLoss", width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte { return strconv.AppendUint(b, lost(r, 0), 10) }},
	{name: "dloss", title: "DstLoss", width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte { return strconv.AppendUint(b, lost(r, 1), 10) }},
	rate("rate", "Rate", 12, packetRate), rate("load", "Load", 8, load),
	rate("sload", "SrcLoad", 8, func(r *argus.Record) float64 { return sideLoad(&r.Flow.Side[0]) }),
	rate("dload", "DstLoad", 8, func(r *argus.Record) float64 { return sideLoad(&r.Flow.Side[1]) }),
	rate("srate", "SrcRate", 12, func(r *argus.Record) float64 { return sideRate(&r.Flow.Side[0]) }),
	rate("drate", "DstRate", 12, func(r *argus.Record) float64 { return sideRate(&r.Flow.Side[1]) }),
	rate("smeansz", "sMeanPktSz", 12, func(r *argus.Record) float64 { return meanSize(&r.Flow.Side[0]) }),
	rate("dmeansz", "dMeanPktSz", 12, func(r *argus.Record) float64 { return meanSize(&r.Flow.Side[1]) }),
	{name: "senc", title: "sEnc", width: 12, value: func(b []byte, r *argus.Record) []byte { return appendEncaps(b, r.Flow.Side[0].Encaps) }},
	{name: "denc", title: "dEnc", width: 12, value: func(b []byte, r *argus.Record) []byte { return appendEncaps(b, r.Flow.Side[1].Encaps) }},
	{name: "label", title: "Label", width: 20, value: func(b []byte, r *argus.Record) []byte { return append(b, r.Label...) }},
	extended(field{name: "flowid", title: "FlowId", width: 16, value: appendFlowID}),
	extended(field{name: "end", title: "End", width: 9, value: func(b []byte, r *argus.Record) []byte { return append(b, end(r.Flow.End)...) }}),
	{name: "conn_state", title: "ConnState", width: 10, value: func(b []byte, r *argus.Record) []byte { return append(b, ConnState(r)...) }},
	{name: "history", title: "History", width: 24, value: func(b []byte, r *argus.Record) []byte { return append(b, r.Flow.History.String()...) }},
	{name: "community_id", title: "CommunityId", width: 30, value: appendCommunityID},
}

func count(name, title string, width int, of func(s, d *flow.Side) uint64) field {
	return field{name: name, title: title, width: width, kind: number, value: func(b []byte, r *argus.Record) []byte {
		return strconv.AppendUint(b, of(&r.Flow.Side[0], &r.Flow.Side[1]), 10)
	}}
}

// extended makes a field empty for records without our extension.
func extended(f field) field {
	value := f.value
	f.value = func(b []byte, r *argus.Record) []byte {
		if !r.Extension() {
			return b
		}
		return value(b, r)
	}
	return f
}

func tag(name, title string, width, side int, value func(b []byte, tci uint16) []byte) field {
	return field{name: name, title: title, width: width, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if s := &r.Flow.Side[side]; s.HasVLAN {
			return value(b, s.VLAN)
		}
		return b
	}}
}

func label(name, title string, side int) field {
	return field{name: name, title: title, width: 8, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if s := &r.Flow.Side[side]; s.HasMPLS {
			return strconv.AppendUint(b, uint64(s.MPLS>>12), 10)
		}
		return b
	}}
}

func attribute(name, title string, width, side int, of func(*flow.Side) uint64) field {
	return field{name: name, title: title, width: width, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if r.Has&(argus.HasSrc<<side) == 0 {
			return b
		}
		return strconv.AppendUint(b, of(&r.Flow.Side[side]), 10)
	}}
}

// tcp makes a field of what one side of a connection has shown; of tells whether it is there.
func tcp(name, title string, width, side int, of func(s *flow.TCPSide, packets uint64) (uint64, bool)) field {
	return field{name: name, title: title, width: width, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if r.Has&argus.HasTCPOptions == 0 {
			return b
		}
		v, ok := of(&r.Flow.TCP.Side[side], r.Flow.Side[side].Packets)
		if !ok {
			return b
		}
		return strconv.AppendUint(b, v, 10)
	}}
}

func delay(name, title string, of func(*flow.TCP) int64) field {
	return field{name: name, title: title, width: 12, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if r.Has&argus.HasTCPPerf == 0 {
			return b
		}
		return decimal(b, of(&r.Flow.TCP))
	}}
}

func rate(name, title string, width int, of func(*argus.Record) float64) field {
	return field{name: name, title: title, width: width, kind: number, value: func(b []byte, r *argus.Record) []byte {
		return strconv.AppendFloat(b, of(r), 'f', 6, 64)
	}}
}
