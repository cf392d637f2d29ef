package argus

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Bits of the TCP status word that say something of one side only.
const (
	srcStatus = flow.TCPSawSYN | flow.TCPSrcRetransmit | flow.TCPSrcWindowShut | flow.TCPSrcReset |
		flow.TCPSrcECNMarked | flow.TCPSrcOutOfOrder
	dstStatus = flow.TCPSawSYNACK | flow.TCPDstRetransmit | flow.TCPDstWindowShut | flow.TCPDstReset |
		flow.TCPDstECNMarked | flow.TCPDstOutOfOrder
)

// appendNet writes the one network DSR that a record has: of TCP, ICMP, ESP or a resolved address (section 2.6).
func (e *Encoder) appendNet(b []byte, r *flow.Record, has Has) []byte {
	switch {
	case r.IsTCP() && has&HasExtension == 0:
		return e.appendForeignTCP(b, &r.TCP, has)
	case r.IsTCP():
		return e.appendTCP(b, r)
	case r.Family == flow.FamilyARP && r.Responder != [6]byte{}:
		b = append(b, dsrNet, netARP, 0, 3)
		return append(append(b, r.Responder[:]...), 0, 0)
	case r.Family == flow.FamilyIPv4 && r.Proto == flow.ProtoICMP:
		return appendMessage(b, &r.Key)
	case isIP(&r.Key) && r.Proto == flow.ProtoESP:
		b = append(b, dsrNet, netESP, 0, 5, 0, 0, 0, 0)
		b = be.AppendUint16(be.AppendUint16(b, r.SrcPort), r.DstPort) // the SPI
		return be.AppendUint32(be.AppendUint32(b, r.ESP.Last), r.ESP.Lost)
	}
	return b
}

// appendMessage writes what the key says of an ICMP message once more: by this DSR ra selects echo, unreach and timexed. Of ICMPv6,
// for which it has no room, no reader looks at it. Nor does one at its addresses, and ranonymize leaves them as they are: they are 0.
func appendMessage(b []byte, k *flow.Key) []byte {
	b = append(b, dsrNet, netICMP, 0, 7)
	b = be.AppendUint16(be.AppendUint16(b, k.Type), k.DstPort)
	return append(b, make([]byte, 20)...)
}

// onlySYN tells whether r has seen a first SYN, a single one, and no more: half of what a scan leaves behind.
func onlySYN(r *flow.Record) bool {
	t, s := &r.TCP, &r.TCP.Side[0]
	return t.Status == flow.TCPSawSYN && r.Side[1].Packets == 0 && t.Side[1] == flow.TCPSide{} &&
		s.Next == s.Base+1 && s.Ack|s.Payload|s.Retrans|s.Turns|s.InFlight|s.Keystrokes == 0 && s.Flags == s.Interval &&
		s.Flags&(flow.SYN|flow.ACK|flow.FIN) == flow.SYN && t.SynAck|t.AckDat == 0
}

// appendTCPInit writes the DSR of a connection's first packet: all that is known then, in a fifth of the room (section 2.6).
func (e *Encoder) appendTCPInit(b []byte, t *flow.TCP) []byte {
	s := &t.Side[0]
	b = append(b, dsrNet, netTCPInit, e.tcpLayout(), 5+bit(e.Version != V3))
	b = be.AppendUint32(b, t.Status)
	b = be.AppendUint32(b, s.Base)
	b = be.AppendUint32(b, t.Options)
	b = append(be.AppendUint16(b, s.Window), s.Interval, s.Shift)
	if e.Version == V3 {
		return b
	}
	return append(be.AppendUint16(b, s.MSS), 0, 0)
}

// appendTCP writes the TCP performance DSR of our own record (section 2.6).
func (e *Encoder) appendTCP(b []byte, r *flow.Record) []byte {
	if onlySYN(r) {
		return e.appendTCPInit(b, &r.TCP)
	}
	status := r.TCP.Status | addedSYN(r)
	b = e.appendTCPHead(b, &r.TCP, status)
	for i := range r.TCP.Side {
		// Readers take seq - seqbase - bytes outside 0 and 1 for a gap in the data: so bytes leaves out what was sent again (the
		// extension has the whole count). It has the last acknowledgement too, which no reader prints.
		s := &r.TCP.Side[i]
		next, payload := nextOnWire(s), s.Payload
		if int32(next-s.Base-payload) < 0 {
			payload = next - s.Base
		}
		b = e.appendTCPSide(b, s, status&^otherSide[i], next, 0, payload)
	}
	return b
}

// otherSide has the status bits that are not in the block of a side.
var otherSide = [2]uint32{dstStatus, srcStatus}

// appendForeignTCP writes what a record of another sensor says of a connection (section 2.6).
func (e *Encoder) appendForeignTCP(b []byte, t *flow.TCP, has Has) []byte {
	switch {
	case has&HasTCPPerf != 0:
		b = e.appendTCPHead(b, t, t.Status)
		for i := range t.Side {
			s := &t.Side[i]
			ack := s.Ack
			if s.Flags&flow.ACK != 0 || ack != 0 {
				ack--
			}
			b = e.appendTCPSide(b, s, t.Status&^otherSide[i], nextOnWire(s), ack, s.Payload)
		}
	case has&HasTCPOptions != 0:
		b = e.appendTCPInit(b, t)
	case has&HasTCP != 0:
		b = be.AppendUint32(append(b, dsrNet, netTCPStatus, e.tcpLayout(), 3), t.Status)
		b = append(b, t.Side[0].Interval, t.Side[1].Interval, 0, 0)
	}
	return b
}

// tcpLayout returns the qualifier of the TCP DSRs: 2 for those that have room for the MSS.
func (e *Encoder) tcpLayout() byte { return 2 * bit(e.Version != V3) }

// appendTCPHead writes the TCP performance DSR up to the blocks of its sides, which in v3 lack the word of the MSS.
func (e *Encoder) appendTCPHead(b []byte, t *flow.TCP, status uint32) []byte {
	b = append(b, dsrNet, netTCPPerf, e.tcpLayout(), 30+e.tcpLayout())
	b = be.AppendUint32(b, status)
	b = be.AppendUint32(b, tcpState(status))
	b = be.AppendUint32(b, t.Options)
	b = be.AppendUint32(b, delay(t.SynAck))
	return be.AppendUint32(b, delay(t.AckDat))
}

// addedSYN returns the SYN bit where the status word gets it although only its answer was seen. Without it
// readers take the sender of the SYN/ACK for the source, as the Argus sensor does, and turn our record round.
func addedSYN(r *flow.Record) uint32 {
	if r.IsTCP() && r.TCP.Status&(flow.TCPSawSYN|flow.TCPSawSYNACK) == flow.TCPSawSYNACK && r.Initiator == flow.InitiatorAnswer {
		return flow.TCPSawSYN
	}
	return 0
}

// nextOnWire returns the highest sequence number without the FIN, which readers would take for a gap; the decoder puts it on again.
func nextOnWire(s *flow.TCPSide) uint32 {
	if s.Flags&flow.FIN != 0 {
		return s.Next - 1
	}
	return s.Next
}

// appendTCPSide writes one metrics block. The last packet's time is 0: it stands in the time DSR, and no reader looks for it here.
// So are the octets before a rollover, which a 32-bit difference does not need.
func (e *Encoder) appendTCPSide(b []byte, s *flow.TCPSide, status, next, ack, payload uint32) []byte {
	b = be.AppendUint64(b, 0)
	b = be.AppendUint32(b, status)
	b = be.AppendUint32(b, s.Base)
	b = be.AppendUint32(b, next)
	b = be.AppendUint32(b, ack)
	b = be.AppendUint32(b, s.Turns)
	b = be.AppendUint32(b, payload)
	b = be.AppendUint32(b, s.Retrans)
	b = be.AppendUint32(append(b, 0, 0, 0, 0), s.InFlight)
	b = be.AppendUint16(b, s.Window)
	b = append(b, s.Interval, s.Shift)
	if e.Version != V3 {
		b = append(be.AppendUint16(b, s.MSS), 0, 0)
	}
	return b
}

// delay returns ns as the microseconds of the wire.
func delay(ns int64) uint32 { return uint32(min(max(ns, 0)/1000, math.MaxUint32)) }

// tcpState returns the BSD number of the connection state that the status bits tell. It is not 0, closed: ra would leave out what was lost.
func tcpState(status uint32) uint32 {
	switch {
	case status&(flow.TCPSrcReset|flow.TCPDstReset) != 0:
		return 7 // closing
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
	return 1 // listen
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

// appendIPAttributes writes the IP attributes of the sides that have them (section 2.9).
func appendIPAttributes(b []byte, r *flow.Record, has Has) []byte {
	if !isIP(&r.Key) {
		return b
	}
	start := len(b)
	b = append(b, dsrIPAttr, 0, 0, 0)
	for i := range r.Side {
		s := &r.Side[i]
		if has&(HasSrc<<i) == 0 {
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
