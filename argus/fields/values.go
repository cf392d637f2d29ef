package fields

import (
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// decimal appends ns as seconds with six decimals, cut and not rounded, as ra does.
func decimal(b []byte, ns int64) []byte {
	b = strconv.AppendInt(b, ns/1e9, 10)
	return digits(append(b, '.'), int(ns%1e9/1000), 6)
}

// digits appends v with leading zeros.
func digits(b []byte, v, width int) []byte {
	for i, unit := 0, pow10[width-1]; i < width; i, unit = i+1, unit/10 {
		b = append(b, '0'+byte(v/unit%10))
	}
	return b
}

var pow10 = [...]int{1, 10, 100, 1000, 10000, 100000}

const hexDigits = "0123456789abcdef"

func hex4(b []byte, v uint16) []byte {
	return append(b, '0', 'x', hexDigits[v>>12], hexDigits[v>>8&15], hexDigits[v>>4&15], hexDigits[v&15])
}

// duration returns the length of the record in whole microseconds, as its times are printed; in ns.
func duration(r *argus.Record) int64 {
	first, last := r.Flow.Span()
	return max(last/1000-first/1000, 0) * 1000
}

func sideDuration(s *flow.Side) int64 { return max(s.Last/1000-s.First/1000, 0) * 1000 }

// perSecond returns n in ns as a rate; ra counts the intervals between packets, so the callers leave one packet out.
func perSecond(n float64, ns int64) float64 {
	if ns == 0 {
		return 0
	}
	return n * 1e9 / float64(ns)
}

func packetRate(r *argus.Record) float64 {
	n := r.Flow.Side[0].Packets + r.Flow.Side[1].Packets
	if n < 2 {
		return 0
	}
	return perSecond(float64(n-1), duration(r))
}

func sideRate(s *flow.Side) float64 {
	if s.Packets < 2 {
		return 0
	}
	return perSecond(float64(s.Packets-1), sideDuration(s))
}

// loadBytes returns the octets that count for a load: all but those of one mean packet.
func loadBytes(s *flow.Side) uint64 {
	if s.Packets == 0 {
		return 0
	}
	return s.Bytes - s.Bytes/s.Packets
}

func load(r *argus.Record) float64 {
	return perSecond(8*float64(loadBytes(&r.Flow.Side[0])+loadBytes(&r.Flow.Side[1])), duration(r))
}

func sideLoad(s *flow.Side) float64 { return perSecond(8*float64(loadBytes(s)), sideDuration(s)) }

func meanSize(s *flow.Side) float64 {
	if s.Packets == 0 {
		return 0
	}
	return float64(s.Bytes) / float64(s.Packets)
}

func appendAddr(b []byte, k *flow.Key, a *[16]byte) []byte {
	switch k.Family {
	case flow.FamilyIPv4, flow.FamilyARP, flow.FamilyIPv6:
		ip := k.SrcAddr()
		if a == &k.Dst {
			ip = k.DstAddr()
		}
		return ip.AppendTo(b)
	case flow.FamilyEthernet, flow.FamilyRARP:
		return appendMAC(b, true, (*[6]byte)(a[:6]))
	}
	return b
}

func appendMAC(b []byte, has bool, mac *[6]byte) []byte {
	if !has {
		return b
	}
	for i, v := range mac {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[v>>4], hexDigits[v&15])
	}
	return b
}

// isIP tells whether k is the key of an IP flow.
func isIP(k *flow.Key) bool { return k.Family == flow.FamilyIPv4 || k.Family == flow.FamilyIPv6 }

// appendSrcPort appends a port, or what ra shows in its place: an ICMP type and code, a source SAP.
func appendSrcPort(b []byte, r *argus.Record) []byte {
	k := &r.Flow.Key
	switch {
	case k.Family == flow.FamilyEthernet && k.Type == 0:
		return strconv.AppendUint(b, uint64(k.SrcPort), 10)
	case !isIP(k):
		return b
	case k.Proto == flow.ProtoICMP:
		return hex4(b, k.Type<<8|k.Type>>8)
	case k.Proto == flow.ProtoICMPv6:
		return strconv.AppendUint(b, uint64(k.Type>>8), 10)
	case k.HasPorts():
		return strconv.AppendUint(b, uint64(k.SrcPort), 10)
	}
	return b
}

// appendDstPort appends a port, or what ra shows in its place: an ICMP identifier, an ICMPv6 code, an SPI, a destination SAP.
func appendDstPort(b []byte, r *argus.Record) []byte {
	k := &r.Flow.Key
	switch {
	case k.Family == flow.FamilyEthernet && k.Type == 0:
		return strconv.AppendUint(b, uint64(k.DstPort), 10)
	case !isIP(k):
		return b
	case k.Proto == flow.ProtoICMP:
		return hex4(b, k.SrcPort)
	case k.Proto == flow.ProtoICMPv6:
		return strconv.AppendUint(b, uint64(k.Type&0xff), 10)
	case k.Proto == flow.ProtoESP:
		b = hex4(b, k.SrcPort)
		n := len(b)
		b = hex4(b, k.DstPort)
		return append(b[:n], b[n+2:]...)
	case k.HasPorts():
		return strconv.AppendUint(b, uint64(k.DstPort), 10)
	}
	return b
}

func appendSource(b []byte, r *argus.Record) []byte {
	b, _ = r.Monitor.AppendText(b)
	if name := r.InterfaceName(); len(name) > 0 {
		b = append(append(b, '/'), name...)
	}
	return b
}

func appendIPID(b []byte, r *argus.Record, side int) []byte {
	if r.Has&(argus.HasSrc<<side) == 0 {
		return b
	}
	return hex4(b, r.Flow.Side[side].IPID)
}

func window(s *flow.TCPSide, packets uint64) (uint64, bool) {
	return uint64(s.Window) << min(s.Shift, 14), packets > 0 // RFC 7323 section 2.3: no shift above 14
}

func sequenceBase(s *flow.TCPSide, _ uint64) (uint64, bool) { return uint64(s.Base), s.Base != 0 }

func segmentSize(s *flow.TCPSide, _ uint64) (uint64, bool) { return uint64(s.MSS), s.MSS != 0 }

func appendFlowID(b []byte, r *argus.Record) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[r.Flow.ID>>shift&15])
	}
	return b
}

func appendSequence(b []byte, r *argus.Record) []byte {
	if r.Has&argus.HasSequence == 0 {
		return b
	}
	return strconv.AppendUint(b, uint64(r.Sequence), 10)
}
