package fields

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// table holds every field, in the order of Names. Widths and titles are ra's.
var table = slices.Concat(recordFields, meterFields)

// meterFields are those of the distributions, the tunnels and what else a meter sees.
var meterFields = slices.Concat(
	jitterFields("sintpkt", "SIntPkt", 0, both), jitterFields("dintpkt", "DIntPkt", 1, both),
	jitterFields("sintpktact", "SIntPktAct", 0, active), jitterFields("dintpktact", "DIntPktAct", 1, active),
	jitterFields("sintpktidl", "SIntPktIdl", 0, idle), jitterFields("dintpktidl", "DIntPktIdl", 1, idle),
	sizeFields("s", 0), sizeFields("d", 1),
	[]field{
		{name: "suser", title: "srcUdata", width: 24, value: func(b []byte, r *argus.Record) []byte { return appendUserData(b, 's', r.Flow.Side[0].Data) }},
		{name: "duser", title: "dstUdata", width: 24, value: func(b []byte, r *argus.Record) []byte { return appendUserData(b, 'd', r.Flow.Side[1].Data) }},
		strokes("nstroke", "NStrok", func(t *flow.TCP) uint32 { return t.Side[0].Keystrokes + t.Side[1].Keystrokes }),
		strokes("snstroke", "sNStrok", func(t *flow.TCP) uint32 { return t.Side[0].Keystrokes }),
		strokes("dnstroke", "dNStrok", func(t *flow.TCP) uint32 { return t.Side[1].Keystrokes }),
		{name: "hash", title: "Hash", width: 12, kind: number, value: func(b []byte, r *argus.Record) []byte { return appendHash(b, r, r.Hash) }},
		{name: "ind", title: "Index", width: 12, kind: number, value: func(b []byte, r *argus.Record) []byte { return appendHash(b, r, r.HashIndex) }},
		{name: "inode", title: "Inode", width: 18, value: appendReporter},
		{name: "resp", title: "Response", width: 18, value: func(b []byte, r *argus.Record) []byte {
			return appendMAC(b, r.Flow.Responder != [6]byte{}, &r.Flow.Responder)
		}},
		{name: "icmpid", title: "IcmpId", width: 6, kind: number, value: appendICMPID},
		tunnelEnd("sgreaddr", "sGreAddr", flow.EncapsGRE, 0), tunnelEnd("dgreaddr", "dGreAddr", flow.EncapsGRE, 1), tunnelProto("greproto", "GreProto", flow.EncapsGRE),
		tunnelEnd("sgenaddr", "sGenAddr", flow.EncapsGeneve, 0), tunnelEnd("dgenaddr", "dGenAddr", flow.EncapsGeneve, 1), tunnelProto("genproto", "GenProto", flow.EncapsGeneve),
		network("svnid", "sVnid", 0), network("dvnid", "dVnid", 1),
		tunnelEnd("stunaddr", "sTunAddr", allTunnels, 0), tunnelEnd("dtunaddr", "dTunAddr", allTunnels, 1),
		{name: "tunid", title: "TunId", width: 10, kind: number, value: appendTunnelID},
	},
	computedFields,
)

// mode says which of a side's intervals a field speaks of.
type mode uint8

const (
	active mode = iota
	idle
	both
)

func (m mode) of(s *flow.Side) flow.Intervals {
	switch m {
	case active:
		return s.Active
	case idle:
		return s.Idle
	}
	v := s.Active
	v.Merge(&s.Idle)
	return v
}

// jitterFields returns mean, extremes, deviation and distribution of one kind of intervals: milliseconds, as ra has them.
func jitterFields(name, title string, side int, m mode) []field {
	short := [...]string{active: "Act", idle: "Idl", both: ""}[m]
	suffix := [...]string{active: "act", idle: "idl", both: ""}[m]
	letter, capital, long := name[:1], title[:1], [...]string{"Src", "Dst"}[side]
	of := func(name, title string, value func(v *flow.Intervals) float32) field {
		return field{name: name, title: title, width: 12, kind: number, value: func(b []byte, r *argus.Record) []byte {
			v := m.of(&r.Flow.Side[side])
			if v.N == 0 {
				return b
			}
			return strconv.AppendFloat(b, float64(value(&v))/1000, 'f', 6, 64)
		}}
	}
	extreme := capital + "IntPkt" + short
	if short != "" {
		extreme = capital + "IP" + short // ra's titles
	}
	return []field{
		of(name, title, func(v *flow.Intervals) float32 { return v.Mean }),
		of(name+"max", extreme+"Max", func(v *flow.Intervals) float32 { return v.Max }),
		of(name+"min", extreme+"Min", func(v *flow.Intervals) float32 { return v.Min }),
		of(letter+"jit"+suffix, jitterTitle(long, short), func(v *flow.Intervals) float32 { return v.StdDev }),
		{name: letter + "intdist" + suffix, title: capital + "Int" + short + "Dist", width: 8, value: func(b []byte, r *argus.Record) []byte {
			v := m.of(&r.Flow.Side[side])
			return appendHistogram(b, v.Bins, v.N > 0)
		}},
	}
}

func jitterTitle(side, short string) string {
	if short == "" {
		return side + "Jitter"
	}
	return side + "Jit" + short
}

func appendHistogram(b []byte, h flow.Histogram, has bool) []byte {
	if !has {
		return b
	}
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[h>>shift&15])
	}
	return b
}

func sizeFields(letter string, side int) []field {
	of := func(name, title string, value func(s *flow.Side) uint16) field {
		return field{name: name, title: title, width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte {
			s := &r.Flow.Side[side]
			if s.MaxSize == 0 {
				return b
			}
			return strconv.AppendUint(b, uint64(value(s)), 10)
		}}
	}
	return []field{
		{name: letter + "pktsz", title: letter + "PktSz", width: 8, value: func(b []byte, r *argus.Record) []byte {
			s := &r.Flow.Side[side]
			return appendHistogram(b, s.Sizes, s.Sizes != 0)
		}},
		of(letter+"maxsz", letter+"MaxPktSz", func(s *flow.Side) uint16 { return s.MaxSize }),
		of(letter+"minsz", letter+"MinPktSz", func(s *flow.Side) uint16 { return s.MinSize }),
	}
}

// appendUserData appends what was captured as ra does: the side, the number of octets, and a dot for what is no ASCII letter.
func appendUserData(b []byte, side byte, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	b = append(strconv.AppendInt(append(b, side, '['), int64(len(data)), 10), "]="...)
	for _, octet := range data {
		if octet < ' ' || octet > '~' {
			octet = '.'
		}
		b = append(b, octet)
	}
	return b
}

func strokes(name, title string, of func(*flow.TCP) uint32) field {
	return field{name: name, title: title, width: 7, kind: number, value: func(b []byte, r *argus.Record) []byte {
		t := &r.Flow.TCP
		if t.Side[0].Keystrokes|t.Side[1].Keystrokes == 0 {
			return b
		}
		return strconv.AppendUint(b, uint64(of(t)), 10)
	}}
}

func appendHash(b []byte, r *argus.Record, v uint32) []byte {
	if r.Has&argus.HasHash == 0 {
		return b
	}
	return strconv.AppendUint(b, uint64(v), 10)
}

// appendReporter appends the address of the node that sent the ICMP message.
func appendReporter(b []byte, r *argus.Record) []byte {
	m := &r.Flow.ICMP
	switch {
	case r.ICMP == 0:
		return b
	case m.Family == flow.FamilyIPv6:
		return netip.AddrFrom16(m.From).AppendTo(b)
	}
	return netip.AddrFrom4([4]byte(m.From[:4])).AppendTo(b)
}

func appendICMPID(b []byte, r *argus.Record) []byte {
	k := &r.Flow.Key
	if !isIP(k) || k.Proto != flow.ProtoICMP && k.Proto != flow.ProtoICMPv6 {
		return b
	}
	return strconv.AppendUint(b, uint64(k.SrcPort), 10)
}

const allTunnels = ^flow.Encaps(0)

// tunnelEnd makes a field of an outer address of the tunnels named.
func tunnelEnd(name, title string, of flow.Encaps, end int) field {
	return field{name: name, title: title, width: 18, value: func(b []byte, r *argus.Record) []byte {
		t := &r.Flow.Tunnel
		switch {
		case t.Encaps&of == 0:
			return b
		case end == 0:
			return appendAddr(b, &t.Key, &t.Key.Src)
		}
		return appendAddr(b, &t.Key, &t.Key.Dst)
	}}
}

func tunnelProto(name, title string, of flow.Encaps) field {
	return field{name: name, title: title, width: 8, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if r.Flow.Tunnel.Encaps&of == 0 {
			return b
		}
		return hex4(b, r.Flow.Tunnel.Proto)
	}}
}

// network makes a field of the VXLAN network of the side that had packets.
func network(name, title string, side int) field {
	return field{name: name, title: title, width: 10, kind: number, value: func(b []byte, r *argus.Record) []byte {
		if t := &r.Flow.Tunnel; t.Encaps == flow.EncapsVXLAN && r.Flow.Side[side].Packets > 0 {
			return strconv.AppendUint(b, uint64(t.ID), 10)
		}
		return b
	}}
}

func appendTunnelID(b []byte, r *argus.Record) []byte {
	t := &r.Flow.Tunnel
	if t.Encaps == 0 || t.Encaps&(flow.EncapsIPIP|flow.EncapsIPv6|flow.EncapsTeredo) != 0 || t.Encaps == flow.EncapsGRE && t.ID == 0 {
		return b
	}
	return strconv.AppendUint(b, uint64(t.ID), 10)
}
