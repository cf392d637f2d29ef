package fields

import (
	"math/bits"
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// protocols names the IP protocols (IANA) that a reader of flows knows by name; the others are numbers.
var protocols = map[uint8]string{
	1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp",
	89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp", 136: "udplite",
}

// ethertypes names what ra names; the others are hexadecimal, so that nobody takes them for an IP protocol.
var ethertypes = map[uint16]string{0: "llc", 0x88cc: "lldp", 0x888e: "eapol"}

func appendProto(b []byte, r *argus.Record) []byte {
	k := &r.Flow.Key
	switch k.Family {
	case flow.FamilyIPv4, flow.FamilyIPv6:
		if name, ok := protocols[k.Proto]; ok {
			return append(b, name...)
		}
		return strconv.AppendUint(b, uint64(k.Proto), 10)
	case flow.FamilyARP:
		return append(b, "arp"...)
	case flow.FamilyRARP:
		return append(b, "rarp"...)
	case flow.FamilyEthernet:
		if name, ok := ethertypes[k.Type]; ok {
			return append(b, name...)
		}
		return hex4(b, k.Type)
	}
	return b
}

func cause(c flow.Cause) string {
	switch c {
	case flow.CauseStart:
		return "Start"
	case flow.CauseStatus:
		return "Status"
	case flow.CauseStop:
		return "Stop"
	case flow.CauseTimeout:
		return "Timeout"
	case 0x50:
		return "Flush"
	case 0x60:
		return "Shutdown"
	case 0x70:
		return "Closed"
	case 0x80:
		return "Error"
	}
	return "Unknown"
}

// end names the reason why a record is the last of its flow; nothing while the flow goes on.
func end(e flow.End) string {
	switch e {
	case flow.EndIdle:
		return "idle"
	case flow.EndDetected:
		return "detected"
	case flow.EndForced:
		return "forced"
	case flow.EndAsleep:
		return "asleep"
	case flow.EndResources:
		return "resources"
	}
	return ""
}

// letters names bits, lowest first; a space stands for a bit without a name.
func appendLetters(b []byte, set uint32, letters string) []byte {
	for ; set != 0; set &= set - 1 {
		if i := bits.TrailingZeros32(set); i < len(letters) && letters[i] != ' ' {
			b = append(b, letters[i])
		}
	}
	return b
}

// encapsLetters are those of section 2.12 of the Argus record format; L, g and P are our own for L2TP, Geneve and GTP.
const encapsLetters = "mevlpiGa46   S   w    T   xLgP"

func appendEncaps(b []byte, e flow.Encaps) []byte { return appendLetters(b, uint32(e), encapsLetters) }

// tcpOptionLetters begin at bit 20 of the option word (section 2.6); each has its own column.
const tcpOptionLetters = "MwsSeETcNOSD"

func appendTCPOptions(b []byte, r *argus.Record) []byte {
	if r.Has&argus.HasTCPOptions == 0 {
		return b
	}
	set := r.Flow.TCP.Options >> 20
	for i := range bits.Len32(set) {
		if set>>i&1 != 0 {
			b = append(b, tcpOptionLetters[i])
		} else {
			b = append(b, ' ')
		}
	}
	return b
}

// appendDSCP names a differentiated services code point (RFC 2474, 2597, 3246); others are numbers.
func appendDSCP(b []byte, r *argus.Record, side int) []byte {
	if r.Has&(argus.HasSrc<<side) == 0 {
		return b
	}
	v := r.Flow.Side[side].TOS >> 2
	class, drop := v>>3, v>>1&3
	switch {
	case v&7 == 0:
		return append(b, 'c', 's', '0'+class)
	case v == 46:
		return append(b, "ef"...)
	case v&1 == 0 && class >= 1 && class <= 4 && drop != 0:
		return append(b, 'a', 'f', '0'+class, '0'+drop)
	}
	return strconv.AppendUint(b, uint64(v), 10)
}
