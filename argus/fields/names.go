package fields

import (
	"math/bits"
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// protocol names the IP protocols (IANA) that a reader of flows knows by name; the others are numbers.
func protocol(number uint8) string {
	switch number {
	case 1:
		return "icmp"
	case 2:
		return "igmp"
	case 4:
		return "ipip"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 47:
		return "gre"
	case 50:
		return "esp"
	case 51:
		return "ah"
	case 58:
		return "ipv6-icmp"
	case 89:
		return "ospf"
	case 103:
		return "pim"
	case 112:
		return "vrrp"
	case 132:
		return "sctp"
	case 136:
		return "udplite"
	}
	return ""
}

// ethertype names what ra names; the others are hexadecimal, so that nobody takes them for an IP protocol.
func ethertype(number uint16) string {
	switch number {
	case 0:
		return "llc"
	case 0x88cc:
		return "lldp"
	case 0x888e:
		return "eapol"
	}
	return ""
}

func appendProto(b []byte, r *argus.Record, _ int) []byte {
	k := &r.Flow.Key
	switch k.Family {
	case flow.FamilyIPv4, flow.FamilyIPv6:
		switch r.Added.Guess {
		case argus.GuessUDT:
			return append(b, "udt"...)
		case argus.GuessRTCP:
			return append(b, "rtcp"...)
		case argus.GuessRTP:
			return append(b, "rtp"...)
		}
		if name := protocol(k.Proto); name != "" {
			return append(b, name...)
		}
		return strconv.AppendUint(b, uint64(k.Proto), 10)
	case flow.FamilyWLAN:
		return append(b, "wlan"...)
	case flow.FamilyARP:
		return append(b, "arp"...)
	case flow.FamilyRARP:
		return append(b, "rarp"...)
	case flow.FamilyEthernet:
		if name := ethertype(k.Type); name != "" {
			return append(b, name...)
		}
		return hex4(b, k.Type)
	}
	return b
}

func appendFamily(b []byte, r *argus.Record, _ int) []byte {
	switch r.Flow.Key.Family {
	case flow.FamilyIPv4:
		return append(b, "ipv4"...)
	case flow.FamilyIPv6:
		return append(b, "ipv6"...)
	}
	return appendProto(b, r, 0)
}

func appendCause(b []byte, r *argus.Record, _ int) []byte { return append(b, cause(r.Cause)...) }

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
	case argus.CauseError:
		return "Error"
	}
	return "Unknown"
}

func appendEnd(b []byte, r *argus.Record, _ int) []byte {
	if !r.Extension() {
		return b
	}
	return append(b, end(r.Flow.End)...)
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

func appendEncaps(b []byte, r *argus.Record, side int) []byte {
	return appendLetters(b, uint32(r.Flow.Side[side].Encaps), encapsLetters)
}

// tcpOptionLetters begin at bit 20 of the option word (section 2.6); each has its own column.
const tcpOptionLetters = "MwsSeETcNOSD"

func appendTCPOptions(b []byte, r *argus.Record, _ int) []byte {
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
	if !r.Attributes(side) {
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
