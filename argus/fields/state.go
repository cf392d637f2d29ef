package fields

import (
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

const causeError flow.Cause = 0x80

// State names the state of a flow as ra does (section 5.5 of the Argus record format).
func State(r *argus.Record) string {
	f := &r.Flow
	src, dst := f.Side[0].Packets > 0, f.Side[1].Packets > 0
	switch {
	case r.Cause == causeError:
		return "ERR"
	case isIP(&f.Key) && f.Proto == flow.ProtoICMP:
		return icmpState(f.Type)
	case isIP(&f.Key) && f.Proto == flow.ProtoICMPv6:
		return icmpv6State(f.Type)
	case r.Has&argus.HasTCP != 0 && f.TCP.Status != 0:
		return tcpState(r)
	case src && dst:
		return "CON"
	case r.Has&argus.HasTCP != 0:
		return "INT"
	case src && (r.Cause&0x10 != 0 || f.Family == flow.FamilyARP || f.Family == flow.FamilyRARP):
		return "INT"
	case src:
		return "REQ"
	}
	return "RSP"
}

func appendState(b []byte, r *argus.Record, _ int) []byte { return append(b, State(r)...) }

func tcpState(r *argus.Record) string {
	status := r.Flow.TCP.Status
	switch {
	case status&(flow.TCPSrcReset|flow.TCPDstReset) != 0:
		return "RST"
	case status&(flow.TCPSawFIN|flow.TCPSawFINACK) != 0:
		return "FIN"
	case status&flow.TCPClosed != 0:
		return "CLO"
	case r.Cause&0x40 != 0:
		return "TIM"
	case status&flow.TCPEstablished != 0:
		return "CON"
	case status&flow.TCPSawSYNACK != 0:
		return "ACC"
	case status&flow.TCPSawSYN != 0:
		return "REQ"
	}
	return "CON"
}

// icmpStates names ICMP types, icmpUnreachable the codes of type 3, as ra does; "" is unknown.
var (
	icmpStates = [...]string{0: "ECR", 4: "SRC", 5: "RED", 6: "AHA", 8: "ECO", 9: "RTA", 10: "RTS", 11: "TXD", 12: "PAR",
		13: "TST", 14: "TSR", 15: "IRQ", 16: "IRR", 17: "MAS", 18: "MSR", 19: "SEC", 30: "TRC", 31: "DCE", 32: "MHR",
		33: "WAY", 34: "IAH", 35: "MRQ", 36: "MRP", 37: "DNQ", 38: "DNP", 39: "SKP", 40: "PHO"}
	icmpUnreachable = [...]string{"URN", "URH", "URO", "URP", "URF", "URS", "URNU", "URHU", "URISO", "URNPRO", "URHPRO",
		"URNTOS", "URHTOS", "URFIL", "URPRE", "URCUT"}
	icmpv6Unreachable = [...]string{"URNR", "URAD", "URBS", "URAR", "URP", "URSF", "URRR", "URES"}
)

func icmpState(typeCode uint16) string {
	t, code := typeCode>>8, typeCode&0xff
	switch {
	case t == 3 && int(code) < len(icmpUnreachable):
		return icmpUnreachable[code]
	case t == 3:
		return "UR"
	case t >= 20 && t < 30: // reserved for robustness experiments
		return "ROB"
	case int(t) < len(icmpStates) && icmpStates[t] != "":
		return icmpStates[t]
	}
	return "UNK"
}

func icmpv6State(typeCode uint16) string {
	t, code := uint8(typeCode>>8), typeCode&0xff
	switch {
	case t == 1 && int(code) < len(icmpv6Unreachable):
		return icmpv6Unreachable[code]
	case t == 3 && code == 0:
		return "TXT"
	case t == 3 && code == 1:
		return "TXR"
	}
	switch t {
	case 2:
		return "PTB"
	case 4:
		return "PPH"
	case 128:
		return "ECO"
	case 129:
		return "ECR"
	case 130:
		return "MRQ"
	case 131, 143:
		return "MHR"
	case 133:
		return "NRS"
	case 134:
		return "NRA"
	case 135:
		return "NNS"
	case 136:
		return "NNA"
	case 137:
		return "RED"
	}
	return "UNK"
}

func appendDirection(b []byte, r *argus.Record, _ int) []byte { return append(b, direction(r)...) }

// direction draws who spoke, three characters wide: the middle is ? when a TCP flow's begin was not seen.
func direction(r *argus.Record) string {
	f := &r.Flow
	src, dst := f.Side[0].Packets > 0, f.Side[1].Packets > 0
	unsure := f.IsTCP() && f.TCP.Status&(flow.TCPSawSYN|flow.TCPSawSYNACK) == 0
	switch {
	case f.Family == flow.FamilyARP || f.Family == flow.FamilyRARP:
		return "who"
	case f.IsTCP() && !unsure:
		return " ->"
	case unsure && src && dst:
		return "<?>"
	case unsure && dst:
		return "<? "
	case unsure && src:
		return " ?>"
	case src && dst:
		return "<->"
	case dst:
		return "<- "
	case src:
		return " ->"
	}
	return ""
}

// appendFlags appends the eight flag columns of ra (section 5.5), and the number of other sensors that saw the flow.
func appendFlags(b []byte, r *argus.Record, _ int) []byte {
	f := &r.Flow
	s, d := &f.Side[0], &f.Side[1]
	status := f.TCP.Status
	cols := [8]byte{' ', ' ', ' ', lossFlag(r), ' ', ' ', ' ', ' '}
	switch union := s.Encaps | d.Encaps; {
	case f.MultiMAC:
		cols[1] = 'M'
	case bits.OnesCount32(uint32(union)) > 1:
		cols[1] = '*'
	case union != 0:
		if i := bits.TrailingZeros32(uint32(union)); i < len(encapsLetters) {
			cols[1] = encapsLetters[i]
		}
	case f.HasMAC:
		cols[1] = 'e'
	}
	if r.Has&(argus.HasNetFlow|argus.HasConverted) != 0 {
		cols[0] = 'N'
	}
	if r.ICMP != 0 {
		cols[2] = r.ICMP
	}
	cols[4] = either(status, flow.TCPSrcWindowShut, flow.TCPDstWindowShut, "SD@")
	cols[5] = either(status, flow.TCPSrcECNMarked, flow.TCPDstECNMarked, "xtE")
	switch {
	case s.Fragments || d.Fragments:
		cols[6] = 'F'
	case r.Added.Fragment != 0:
		cols[6] = r.Added.Fragment
	}
	cols[7] = optionFlag(s.IPOptions | d.IPOptions)
	b = append(b, cols[:]...)
	if n := r.Added.Correlate.Count; n > 0 {
		b = append(b, '0'+byte(min(n, 9)))
	}
	return b
}

// either returns the first letter for the source's bit, the second for the destination's, the third for both.
func either(status, src, dst uint32, letters string) byte {
	switch {
	case status&src != 0 && status&dst != 0:
		return letters[2]
	case status&src != 0:
		return letters[0]
	case status&dst != 0:
		return letters[1]
	}
	return ' '
}

// lossFlag returns the worst of what TCP shows: retransmission, gap, disorder, reuse of the ports.
func lossFlag(r *argus.Record) byte {
	status := r.Flow.TCP.Status
	if letter := either(status, flow.TCPSrcRetransmit, flow.TCPDstRetransmit, "sd*"); letter != ' ' {
		return letter
	}
	if r.Has&argus.HasTCPPerf != 0 && (r.Gap[0] > 0 || r.Gap[1] > 0) {
		return 'g'
	}
	if letter := either(status, flow.TCPSrcOutOfOrder, flow.TCPDstOutOfOrder, "ir&"); letter != ' ' {
		return letter
	}
	if status&flow.TCPPortReuse != 0 {
		return 'R'
	}
	return ' '
}

// ipOptionLetters are ra's, by the bits of section 2.9.
const ipOptionLetters = "RT+LDSAU"

func optionFlag(options uint32) byte {
	switch {
	case options == 0:
		return ' '
	case options&(options-1) != 0:
		return 'O'
	}
	if i := bits.TrailingZeros32(options); i < len(ipOptionLetters) {
		return ipOptionLetters[i]
	}
	return 'O'
}
