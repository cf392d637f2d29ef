package argus

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Network DSR subtypes (section 2.6).
const (
	netTCPInit   = 3
	netTCPStatus = 4
	netTCPPerf   = 5
	netARP       = 0x10
	netESP       = 0x38
)

// Bits of the TCP status word that say something of one side only.
const (
	srcStatus = flow.TCPSawSYN | flow.TCPSrcRetransmit | flow.TCPSrcWindowShut | flow.TCPSrcReset |
		flow.TCPSrcECNMarked | flow.TCPSrcOutOfOrder
	dstStatus = flow.TCPSawSYNACK | flow.TCPDstRetransmit | flow.TCPDstWindowShut | flow.TCPDstReset |
		flow.TCPDstECNMarked | flow.TCPDstOutOfOrder
)

// appendNet writes the one network DSR that a record has: of TCP, ESP or a resolved address (section 2.6).
func (e *Encoder) appendNet(b []byte, r *flow.Record) []byte {
	switch {
	case r.IsTCP():
		return e.appendTCP(b, r)
	case r.Family == flow.FamilyARP && r.Responder != [6]byte{}:
		b = append(b, dsrNet, netARP, 0, 3)
		return append(append(b, r.Responder[:]...), 0, 0)
	case isIP(&r.Key) && r.Proto == flow.ProtoESP:
		b = append(b, dsrNet, netESP, 0, 5, 0, 0, 0, 0)
		b = be.AppendUint16(be.AppendUint16(b, r.SrcPort), r.DstPort) // the SPI
		return be.AppendUint32(be.AppendUint32(b, r.ESP.Last), r.ESP.Lost)
	}
	return b
}

// onlySYN tells whether r has seen a first SYN, a single one, and no more: half of what a scan leaves behind.
func onlySYN(r *flow.Record) bool {
	t, s := &r.TCP, &r.TCP.Side[0]
	return t.Status == flow.TCPSawSYN && r.Side[1].Packets == 0 && t.Side[1] == flow.TCPSide{} &&
		s.Next == s.Base+1 && s.Ack|s.Payload|s.Retrans|s.Turns|s.InFlight|s.Keystrokes == 0 && s.Flags == s.Interval &&
		s.Flags&(flow.SYN|flow.ACK|flow.FIN) == flow.SYN && t.SynAck|t.AckDat == 0
}

// appendTCPInit writes the DSR of a connection's first packet: all that is known then, in a fifth of the room (section 2.6).
func (e *Encoder) appendTCPInit(b []byte, r *flow.Record) []byte {
	t, s := &r.TCP, &r.TCP.Side[0]
	qualifier, words := byte(2), byte(6)
	if e.Version == V3 {
		qualifier, words = 0, 5
	}
	b = append(b, dsrNet, netTCPInit, qualifier, words)
	b = be.AppendUint32(b, t.Status)
	b = be.AppendUint32(b, s.Base)
	b = be.AppendUint32(b, t.Options)
	b = append(be.AppendUint16(b, s.Window), s.Interval, s.Shift)
	if e.Version == V3 {
		return b
	}
	return append(be.AppendUint16(b, s.MSS), 0, 0)
}

// appendTCP writes the TCP performance DSR, in v3 without the MSS words (section 2.6).
func (e *Encoder) appendTCP(b []byte, r *flow.Record) []byte {
	if onlySYN(r) {
		return e.appendTCPInit(b, r)
	}
	t := &r.TCP
	qualifier, words := byte(2), byte(32)
	if e.Version == V3 {
		qualifier, words = 0, 30
	}
	b = append(b, dsrNet, netTCPPerf, qualifier, words)
	status := t.Status | addedSYN(r)
	b = be.AppendUint32(b, status)
	b = be.AppendUint32(b, tcpState(status))
	b = be.AppendUint32(b, t.Options)
	b = be.AppendUint32(b, delay(t.SynAck))
	b = be.AppendUint32(b, delay(t.AckDat))
	b = e.appendTCPSide(b, r, 0, status&^dstStatus)
	return e.appendTCPSide(b, r, 1, status&^srcStatus)
}

// addedSYN returns the SYN bit where the status word gets it although only its answer was seen. Without it
// readers take the sender of the SYN/ACK for the source, as the Argus sensor does, and turn our record round.
func addedSYN(r *flow.Record) uint32 {
	if r.IsTCP() && r.TCP.Status&(flow.TCPSawSYN|flow.TCPSawSYNACK) == flow.TCPSawSYNACK && r.Initiator == flow.InitiatorAnswer {
		return flow.TCPSawSYN
	}
	return 0
}

// appendTCPSide writes one metrics block. Readers take seq - seqbase - bytes outside 0 and 1 for a gap in the
// data: so the FIN, which Next counts, is taken off here and put on again by the decoder, and bytes leaves out
// what was sent again (the extension has the whole count).
func (e *Encoder) appendTCPSide(b []byte, r *flow.Record, side int, status uint32) []byte {
	s := &r.TCP.Side[side]
	next, payload := s.Next, s.Payload
	if s.Flags&flow.FIN != 0 {
		next--
	}
	if int32(next-s.Base-payload) < 0 {
		payload = next - s.Base
	}
	b = be.AppendUint64(b, 0) // the last packet's time: it stands in the time DSR, and no reader looks for it here
	b = be.AppendUint32(b, status)
	b = be.AppendUint32(b, s.Base)
	b = be.AppendUint32(b, next)
	b = be.AppendUint32(b, 0) // the last acknowledgement: the extension has it, and no reader prints it
	b = be.AppendUint32(b, s.Turns)
	b = be.AppendUint32(b, payload)
	b = be.AppendUint32(b, s.Retrans)
	b = be.AppendUint32(append(b, 0, 0, 0, 0), s.InFlight) // after the octets before a rollover, which a 32-bit difference does not need
	b = be.AppendUint16(b, s.Window)
	b = append(b, s.Interval, s.Shift)
	if e.Version != V3 {
		b = append(be.AppendUint16(b, s.MSS), 0, 0)
	}
	return b
}

// delay returns ns as the microseconds of the wire.
func delay(ns int64) uint32 { return uint32(min(max(ns, 0)/1000, math.MaxUint32)) }

// tcpState returns the BSD number of the connection state that the status bits tell.
func tcpState(status uint32) uint32 {
	switch {
	case status&(flow.TCPSrcReset|flow.TCPDstReset) != 0:
		return 0 // closed
	case status&(flow.TCPSawFINACK|flow.TCPClosed) != 0:
		return 9 // fin wait 2
	case status&flow.TCPSawFIN != 0:
		return 6 // fin wait 1
	case status&flow.TCPEstablished != 0:
		return 4
	case status&flow.TCPSawSYNACK != 0:
		return 3 // SYN received
	case status&flow.TCPSawSYN != 0:
		return 2 // SYN sent
	}
	return 0
}

// appendTags writes the VLAN and MPLS DSRs of the sides that have them (section 2.8).
func appendTags(b []byte, side *[2]flow.Side) []byte {
	s, d := &side[0], &side[1]
	if s.HasVLAN || d.HasVLAN {
		b = append(b, dsrVLAN, 0, bit(s.HasVLAN)|bit(d.HasVLAN)<<1, 2)
		for i := range side {
			tci := side[i].VLAN
			if !side[i].HasVLAN {
				tci = 0
			}
			b = be.AppendUint16(b, tci)
		}
	}
	if s.HasMPLS || d.HasMPLS {
		n := bit(s.HasMPLS) + bit(d.HasMPLS)
		b = append(b, dsrMPLS, bit(s.HasMPLS)|bit(d.HasMPLS)<<1, bit(s.HasMPLS)<<4|bit(d.HasMPLS), 1+n)
		if s.HasMPLS {
			b = be.AppendUint32(b, s.MPLS)
		}
		if d.HasMPLS {
			b = be.AppendUint32(b, d.MPLS)
		}
	}
	return b
}

func isIP(k *flow.Key) bool { return k.Family == flow.FamilyIPv4 || k.Family == flow.FamilyIPv6 }

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// appendIPAttributes writes the IP attributes of the sides that had packets (section 2.9).
func appendIPAttributes(b []byte, r *flow.Record) []byte {
	if !isIP(&r.Key) {
		return b
	}
	start := len(b)
	b = append(b, dsrIPAttr, 0, 0, 0)
	for i := range r.Side {
		s := &r.Side[i]
		if s.Packets == 0 {
			continue
		}
		b[start+2] |= 1 << i
		b = be.AppendUint16(append(b, s.TTL, s.TOS), s.IPID)
		if s.IPOptions != 0 {
			b[start+2] |= 4 << i
			b = be.AppendUint32(b, s.IPOptions)
		}
		if s.Fragments {
			b[start+2] |= 0x10 << i
		}
	}
	if b[start+2] == 0 {
		return b[:start]
	}
	b[start+3] = byte((len(b) - start) / 4)
	return b
}

// appendLink writes the MAC addresses and the encapsulations (sections 2.8 and 2.12).
func appendLink(b []byte, r *flow.Record) []byte {
	if r.HasMAC {
		b = append(b, dsrMAC, 0, 3*bit(r.MultiMAC), 5)
		b = append(append(b, r.DstMAC[:]...), r.SrcMAC[:]...)
		b = append(b, byte(r.EtherType), byte(r.EtherType>>8), 0, 0) // little-endian: nobody swaps it
	}
	if r.Side[0].Encaps|r.Side[1].Encaps != 0 {
		b = append(b, dsrEncaps, 0, 0, 3)
		b = be.AppendUint32(b, uint32(r.Side[0].Encaps))
		b = be.AppendUint32(b, uint32(r.Side[1].Encaps))
	}
	return b
}
