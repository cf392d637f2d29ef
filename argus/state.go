package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// CauseError is the cause of a record that tells of an error (section 1.1); the flow table gives none.
const CauseError flow.Cause = 0x80

// State names the state of a flow as ra does (section 5.5): of TCP by its status bits, of ICMP by its type and code, of others by
// who has spoken.
func (r *Record) State() string {
	f := &r.Flow
	src, dst := f.Side[0].Packets > 0, f.Side[1].Packets > 0
	switch {
	case r.Cause == CauseError:
		return "ERR"
	case isIP(&f.Key) && f.Proto == flow.ProtoICMP:
		return icmpState(f.Type)
	case isIP(&f.Key) && f.Proto == flow.ProtoICMPv6:
		return icmpv6State(f.Type)
	case r.Has&HasTCP != 0 && f.TCP.Status != 0:
		return r.tcpState()
	case src && dst:
		return "CON"
	case r.Has&HasTCP != 0:
		return "INT"
	case src && (r.Cause&flow.CauseStart != 0 || f.Family == flow.FamilyARP || f.Family == flow.FamilyRARP):
		return "INT"
	case src:
		return "REQ"
	}
	return "RSP"
}

func (r *Record) tcpState() string {
	status := r.Flow.TCP.Status
	switch {
	case status&(flow.TCPSrcReset|flow.TCPDstReset) != 0:
		return "RST"
	case status&(flow.TCPSawFIN|flow.TCPSawFINACK) != 0:
		return "FIN"
	case status&flow.TCPClosed != 0:
		return "CLO"
	case r.Cause&flow.CauseTimeout != 0:
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

// icmpStates names ICMP types, icmpUnreachableStates the codes of type 3, as ra does; "" is unknown.
var (
	icmpStates = [...]string{0: "ECR", 4: "SRC", 5: "RED", 6: "AHA", 8: "ECO", 9: "RTA", 10: "RTS", 11: "TXD", 12: "PAR",
		13: "TST", 14: "TSR", 15: "IRQ", 16: "IRR", 17: "MAS", 18: "MSR", 19: "SEC", 30: "TRC", 31: "DCE", 32: "MHR",
		33: "WAY", 34: "IAH", 35: "MRQ", 36: "MRP", 37: "DNQ", 38: "DNP", 39: "SKP", 40: "PHO"}
	icmpUnreachableStates = [...]string{"URN", "URH", "URO", "URP", "URF", "URS", "URNU", "URHU", "URISO", "URNPRO", "URHPRO",
		"URNTOS", "URHTOS", "URFIL", "URPRE", "URCUT"}
	icmpv6UnreachableStates = [...]string{"URNR", "URAD", "URBS", "URAR", "URP", "URSF", "URRR", "URES"}
)

func icmpState(typeCode uint16) string {
	t, code := typeCode>>8, typeCode&0xff
	switch {
	case t == 3 && int(code) < len(icmpUnreachableStates):
		return icmpUnreachableStates[code]
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
	case t == 1 && int(code) < len(icmpv6UnreachableStates):
		return icmpv6UnreachableStates[code]
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
