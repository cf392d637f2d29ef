package fields

import (
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// computedFields follow from what the record says.
var computedFields = []field{
	{name: "sdur", title: "SrcDur", width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte { return decimal(b, sideDuration(&r.Flow.Side[0])) }},
	{name: "ddur", title: "DstDur", width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte { return decimal(b, sideDuration(&r.Flow.Side[1])) }},
	rate("pcr", "PCRatio", 10, payloadRatio), rate("abr", "ABRatio", 10, payloadRatio),
	rate("tf", "TF", 10, func(r *argus.Record) float64 {
		s, d := &r.Flow.Side[0], &r.Flow.Side[1]
		return quotient(s.Payload+d.Payload, s.Bytes+d.Bytes)
	}),
	rate("stf", "STF", 10, func(r *argus.Record) float64 { s := &r.Flow.Side[0]; return quotient(s.Payload, s.Bytes) }),
	rate("dtf", "DTF", 10, func(r *argus.Record) float64 { s := &r.Flow.Side[1]; return quotient(s.Payload, s.Bytes) }),
	rate("ploss", "pLoss", 10, func(r *argus.Record) float64 {
		return percentLost(lost(r, 0)+lost(r, 1), r.Flow.Side[0].Packets+r.Flow.Side[1].Packets)
	}),
	rate("sploss", "pSrcLoss", 10, func(r *argus.Record) float64 { return percentLost(lost(r, 0), r.Flow.Side[0].Packets) }),
	rate("dploss", "pDstLoss", 10, func(r *argus.Record) float64 { return percentLost(lost(r, 1), r.Flow.Side[1].Packets) }),
	gap("sgap", "SrcGap", 0), gap("dgap", "DstGap", 1),
	throughput("stcpmax", "STcpMax", 0), throughput("dtcpmax", "DTcpMax", 1),
	hops("shops", "sHops", 0), hops("dhops", "dHops", 1),
	{name: "etype", title: "Etype", width: 8, value: appendFamily},
	perSegment("sooo", "SrcOutOfOrder", 0, func(s *flow.TCPSide) uint32 { return s.OutOfOrder }),
	perSegment("dooo", "DstOutOfOrder", 1, func(s *flow.TCPSide) uint32 { return s.OutOfOrder }),
	perSegment("sdupack", "SrcDupAck", 0, func(s *flow.TCPSide) uint32 { return s.Duplicates }),
	perSegment("ddupack", "DstDupAck", 1, func(s *flow.TCPSide) uint32 { return s.Duplicates }),
	perSegment("sunseen", "SrcUnseen", 0, func(s *flow.TCPSide) uint32 { return s.Gap }),
	perSegment("dunseen", "DstUnseen", 1, func(s *flow.TCPSide) uint32 { return s.Gap }),
}

func quotient(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// payloadRatio tells a producer (1) from a consumer (-1).
func payloadRatio(r *argus.Record) float64 {
	s, d := float64(r.Flow.Side[0].Payload), float64(r.Flow.Side[1].Payload)
	if s+d == 0 {
		return 0
	}
	return (s - d) / (s + d)
}

// lost returns the packets of a side that were lost: retransmitted ones of TCP, missing sequence numbers of ESP.
func lost(r *argus.Record, side int) uint64 {
	n := uint64(r.Flow.TCP.Side[side].Retrans)
	if side == 0 {
		n += uint64(r.Flow.ESP.Lost)
	}
	return n
}

func percentLost(lost, packets uint64) float64 { return 100 * quotient(lost, lost+packets) }

// gap makes a field of the octets of a side that its sequence numbers leave room for and nobody saw.
func gap(name, title string, side int) field {
	return field{name: name, title: title, width: 8, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if r.Has&argus.HasTCPPerf == 0 {
			return b
		}
		return strconv.AppendInt(b, int64(max(r.Gap[side], 0)), 10)
	}}
}

// throughput makes a field of the bits per second that the other side's window lets a side send in a round trip.
func throughput(name, title string, side int) field {
	return rate(name, title, 12, func(r *argus.Record) float64 {
		t := &r.Flow.TCP
		rtt := t.SynAck/1000 + t.AckDat/1000
		if r.Has&argus.HasTCPPerf == 0 || rtt <= 0 {
			return 0
		}
		w, _ := window(&t.Side[1-side], 1)
		return 8e6 * float64(w) / float64(rtt)
	})
}

// hops makes a field of the routers that a side's packets have passed, if their first TTL was the next customary one.
func hops(name, title string, side int) field {
	return field{name: name, title: title, width: 6, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if r.Has&(argus.HasSrc<<side) == 0 {
			return b
		}
		ttl, first := r.Flow.Side[side].TTL, uint8(255)
		for _, customary := range [...]uint8{128, 64, 32} {
			if ttl <= customary {
				first = customary
			}
		}
		return strconv.AppendUint(b, uint64(first-ttl), 10)
	}}
}

func appendFamily(b []byte, r *argus.Record) []byte {
	switch k := &r.Flow.Key; k.Family {
	case flow.FamilyIPv4:
		return append(b, "ipv4"...)
	case flow.FamilyIPv6:
		return append(b, "ipv6"...)
	default:
		return appendProto(b, r)
	}
}

// perSegment makes a field of a counter that only our extension has.
func perSegment(name, title string, side int, of func(*flow.TCPSide) uint32) field {
	return extended(field{name: name, title: title, width: 8, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if !r.Flow.IsTCP() {
			return b
		}
		return strconv.AppendUint(b, uint64(of(&r.Flow.TCP.Side[side])), 10)
	}})
}
