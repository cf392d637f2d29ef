package zeek

import (
	"strings"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// stateStatus is what a connection's conn_state says of its status: the handshake, and who ended it.
var stateStatus = map[string]uint32{
	"S0":     flow.TCPSawSYN,
	"S1":     flow.TCPSawSYN | flow.TCPSawSYNACK | flow.TCPEstablished,
	"SF":     flow.TCPSawSYN | flow.TCPSawSYNACK | flow.TCPEstablished | flow.TCPSawFIN | flow.TCPSawFINACK | flow.TCPClosed,
	"REJ":    flow.TCPSawSYN | flow.TCPDstReset,
	"S2":     flow.TCPSawSYN | flow.TCPSawSYNACK | flow.TCPEstablished | flow.TCPSawFIN,
	"S3":     flow.TCPSawSYN | flow.TCPSawSYNACK | flow.TCPEstablished | flow.TCPSawFIN,
	"RSTO":   flow.TCPSawSYN | flow.TCPSawSYNACK | flow.TCPEstablished | flow.TCPSrcReset,
	"RSTR":   flow.TCPSawSYN | flow.TCPSawSYNACK | flow.TCPEstablished | flow.TCPDstReset,
	"RSTOS0": flow.TCPSawSYN | flow.TCPSrcReset,
	"RSTRH":  flow.TCPSawSYNACK | flow.TCPDstReset,
	"SH":     flow.TCPSawSYN | flow.TCPSawFIN,
	"SHR":    flow.TCPSawSYNACK | flow.TCPSawFIN,
}

// letterFlags are the header flags that a letter of the history tells of.
var letterFlags = map[rune]uint8{'s': flow.SYN, 'h': flow.SYN | flow.ACK, 'a': flow.ACK, 'd': flow.ACK | flow.PSH, 't': flow.ACK, 'w': flow.ACK,
	'f': flow.FIN | flow.ACK, 'r': flow.RST, 'i': flow.FIN | flow.RST, 'q': flow.SYN | flow.FIN}

// tcp takes what state and history say of a TCP connection.
func (c *columns) tcp(f *flow.Record) {
	t := &f.TCP
	for _, letter := range c[history] {
		side := 0
		if letter >= 'a' {
			side = 1
		}
		flags := letterFlags[letter|0x20]
		t.Side[side].Flags |= flags
		if flags&flow.RST != 0 {
			t.Status |= flow.TCPSrcReset << side
		}
	}
	if strings.Contains(c[history], "S") {
		f.Initiator = flow.InitiatorSeen
	}
	t.Status |= stateStatus[c[connState]]
	for i := range t.Side {
		t.Side[i].Interval, t.Side[i].Payload = t.Side[i].Flags, uint32(f.Side[i].Payload)
	}
	switch c[connState] {
	case "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH":
		f.End = flow.EndDetected
	default:
		f.End = flow.EndIdle
	}
}
