package argus

import (
	"bytes"
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// The kinds of parts that follow the fixed part of our extension (docs/argus-extension.md).
const (
	partHistory = 1
	partTunnel  = 2
	partTCP     = 3
	partICMPv6  = 4
)

// appendExtension writes what Argus has no place for (docs/argus-extension.md).
func appendExtension(b []byte, r *flow.Record, v *interval) []byte {
	t, start, tcp := &r.TCP, len(b), r.IsTCP()
	b = append(b, dsrExtension, extLayout, extOwner, 0)
	b = append(b, byte(r.End), byte(r.Initiator)&0x3f|bit(addedSYN(r) != 0)<<6|bit(r.EstimatedSegments)<<7)
	if tcp {
		b = append(b, t.Side[0].Flags, t.Side[1].Flags)
	} else {
		b = append(b, 0, 0)
	}
	b = append(be.AppendUint16(b, r.EtherType), 0, 0)
	b = appendHistory(b, &r.History)
	b = appendTunnelPart(b, &r.Tunnel)
	if tcp {
		b = appendTCPCounts(b, t)
	}
	if r.ICMP.Family == flow.FamilyIPv6 && r.ICMP.From != [16]byte{} {
		b = append(b, partICMPv6, 9, r.ICMP.Type, r.ICMP.Code)
		b = append(append(b, r.ICMP.From[:]...), r.ICMP.To[:]...)
	}
	b = appendNumbers(b, start+10, r, v)
	b[start+3] = byte((len(b) - start) / 4)
	return b
}

// epoch is what a flow's identity has of its begin. Without it the upper half is the same in all records of a sensor's life.
func epoch(start int64) uint64 { return uint64(start) >> 36 << 32 }

// appendNumbers ends the extension with the flow's identity and the numbers that are 0 in most records, each if it is not;
// it names those in the two octets of b at set.
func appendNumbers(b []byte, set int, r *flow.Record, v *interval) []byte {
	var n [numberAck + 4]uint64
	n[numberStart] = uint64(v.begin() - r.Start)
	n[numberNanoseconds] = nanoseconds(r, v)
	n[numberKey] = uint64(keyRest(&r.Key))
	n[numberIPBytes], n[numberIPBytes+3] = ipBytes(r, 0)-r.Side[0].IPBytes, ipBytes(r, 1)-r.Side[1].IPBytes
	if r.IsTCP() {
		s, d := &r.TCP.Side[0], &r.TCP.Side[1]
		n[numberPayload], n[numberPayload+3] = uint64(uint32(r.Side[0].Payload)-s.Payload), uint64(uint32(r.Side[1].Payload)-d.Payload)
		n[numberAck], n[numberAck+3] = uint64(acknowledged(s, d)-s.Ack), uint64(acknowledged(d, s)-d.Ack)
	}
	b = be.AppendUint64(b, r.ID-epoch(r.Start))
	there := uint16(0)
	for i, number := range &n {
		if number != 0 {
			there |= 1 << i
			b = be.AppendUint64(b, number)
		}
	}
	be.PutUint16(b[set:], there)
	return b
}

// keyRest returns the part of a key for which the flow DSR has no room.
func keyRest(k *flow.Key) uint16 {
	switch {
	case k.Family == flow.FamilyIPv6 && k.Proto == flow.ProtoICMPv6:
		return k.DstPort
	case isIP(k) && k.Proto == flow.ProtoUDP:
		return k.Type
	}
	return 0
}

func appendHistory(b []byte, h *flow.History) []byte {
	n := bytes.IndexByte(h[:], 0)
	if n < 0 {
		n = len(h)
	}
	if n == 0 {
		return b
	}
	b = append(append(b, partHistory, byte((2+n+3)/4)), h[:n]...)
	for range -(n + 2) & 3 {
		b = append(b, 0)
	}
	return b
}

// appendTunnelPart writes the tunnels for which Argus has no DSR, and the key of a GRE one.
func appendTunnelPart(b []byte, t *flow.Tunnel) []byte {
	start := len(b)
	switch {
	case t.Encaps == 0 || t.Encaps == flow.EncapsVXLAN || t.Encaps == flow.EncapsGeneve || t.Encaps == flow.EncapsGRE && t.ID == 0:
		return b
	case t.Encaps == flow.EncapsGRE:
		b = append(b, partTunnel, 0, byte(bits.TrailingZeros32(uint32(t.Encaps))), 0)
		b = be.AppendUint32(b, t.ID)
	default:
		b = append(b, partTunnel, 0, byte(bits.TrailingZeros32(uint32(t.Encaps))), 0)
		b = appendOuter(be.AppendUint32(b, t.ID), &t.Key)
	}
	b[start+1] = byte((len(b) - start) / 4)
	return b
}

// tcpCounts returns the counters that Argus does not have, in their order on the wire.
func tcpCounts(t *flow.TCP) [6]*uint32 {
	s, d := &t.Side[0], &t.Side[1]
	return [6]*uint32{&s.OutOfOrder, &d.OutOfOrder, &s.Duplicates, &d.Duplicates, &s.Gap, &d.Gap}
}

func appendTCPCounts(b []byte, t *flow.TCP) []byte {
	s, d, start := &t.Side[0], &t.Side[1], len(b)
	if s.OutOfOrder|d.OutOfOrder|s.Duplicates|d.Duplicates|s.Gap|d.Gap == 0 {
		return b
	}
	b = append(b, partTCP, 1, 0, 0)
	for i, n := range tcpCounts(t) {
		if *n != 0 {
			b[start+3] |= 1 << i
			b[start+1]++
			b = be.AppendUint32(b, *n)
		}
	}
	return b
}

// linkHeader is the octets of an Ethernet header.
const linkHeader = 14

// ipBytes returns the octets of IP that side i should have: those of its frames without the link header.
func ipBytes(r *flow.Record, i int) uint64 {
	s := &r.Side[i]
	switch {
	case !isIP(&r.Key):
		return 0
	case r.HasMAC:
		return s.Bytes - linkHeader*s.Packets
	}
	return s.Bytes
}

// acknowledged returns the acknowledgement number that s should have sent last: all of o that is not in flight.
func acknowledged(s, o *flow.TCPSide) uint32 {
	if s.Flags&flow.ACK == 0 {
		return 0
	}
	return o.Next - o.InFlight
}

// nanoseconds packs what microsecond times leave out: six numbers of 10 bits, the first one lowest: source first, destination
// first, from these on to the last ones modulo 1000, SynAck, AckDat.
func nanoseconds(r *flow.Record, v *interval) uint64 {
	s, d := rest(v.s0), rest(v.d0)
	packed := s | d<<10
	if v.s1 != v.s0 {
		packed |= onward(s, rest(v.s1)) << 20
	}
	if v.d1 != v.d0 {
		packed |= onward(d, rest(v.d1)) << 30
	}
	if t := &r.TCP; r.IsTCP() && t.SynAck|t.AckDat != 0 {
		packed |= rest(inRange(t.SynAck))<<40 | rest(inRange(t.AckDat))<<50
	}
	return packed
}

// onward returns how far it is from one number of 0..999 to another, modulo 1000.
func onward(from, to uint64) uint64 {
	if to < from {
		to += 1000
	}
	return to - from
}

func rest(ns int64) uint64 { return uint64(ns) % 1000 }
