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
	t, start := &r.TCP, len(b)
	b = append(b, dsrExtension, extLayout, extOwner, 0)
	b = be.AppendUint64(b, r.ID)
	b = be.AppendUint64(b, uint64(r.Start))
	b = be.AppendUint64(b, r.Side[0].IPBytes)
	b = be.AppendUint64(b, r.Side[1].IPBytes)
	b = be.AppendUint64(b, nanoseconds(r, v))
	b = append(b, byte(r.End), byte(r.Initiator)&0x3f|bit(addedSYN(r) != 0)<<6|bit(r.EstimatedSegments)<<7)
	tcp := r.IsTCP()
	if tcp {
		b = append(b, t.Side[0].Flags, t.Side[1].Flags)
	} else {
		b = append(b, 0, 0)
	}
	b = be.AppendUint16(be.AppendUint16(b, keyRest(&r.Key)), r.EtherType)
	if tcp {
		b = be.AppendUint32(be.AppendUint32(b, t.Side[0].Payload), t.Side[1].Payload)
	}
	b = appendHistory(b, &r.History)
	b = appendTunnelPart(b, &r.Tunnel)
	if tcp {
		b = appendTCPCounts(b, t)
	}
	if r.ICMP.Family == flow.FamilyIPv6 && r.ICMP.From != [16]byte{} {
		b = append(b, partICMPv6, 9, r.ICMP.Type, r.ICMP.Code)
		b = append(append(b, r.ICMP.From[:]...), r.ICMP.To[:]...)
	}
	b[start+3] = byte((len(b) - start) / 4)
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

// nanoseconds packs what microsecond times leave out: six numbers of 10 bits, the first one lowest:
// source first and last, destination first and last, SynAck, AckDat.
func nanoseconds(r *flow.Record, v *interval) uint64 {
	packed := rest(v.s0) | rest(v.s1)<<10 | rest(v.d0)<<20 | rest(v.d1)<<30
	if r.IsTCP() {
		packed |= rest(r.TCP.SynAck)<<40 | rest(r.TCP.AckDat)<<50
	}
	return packed
}

func rest(ns int64) uint64 { return uint64(min(max(ns, 0), maxTime)) % 1000 }

// extension takes what Argus has no place for, b being the whole DSR.
func (r *Record) extension(b []byte) {
	f, d := &r.Flow, b[4:]
	r.Has |= HasExtension
	f.ID = be.Uint64(d)
	f.Start = int64(be.Uint64(d[8:]))
	f.Side[0].IPBytes, f.Side[1].IPBytes = be.Uint64(d[16:]), be.Uint64(d[24:])
	addNanoseconds(f, be.Uint64(d[32:]))
	f.End, f.Initiator = flow.End(d[40]), flow.Initiator(d[41]&0x3f)
	f.EstimatedSegments = d[41]&0x80 != 0
	if d[41]&0x40 != 0 {
		f.TCP.Status &^= flow.TCPSawSYN
	}
	switch rest := be.Uint16(d[44:]); {
	case f.Family == flow.FamilyIPv6 && f.Proto == flow.ProtoICMPv6:
		f.DstPort = rest
	case isIP(&f.Key) && f.Proto == flow.ProtoUDP && b[1] > 1:
		f.Type = rest
	}
	f.EtherType = be.Uint16(d[46:])
	d = d[48:]
	if f.IsTCP() {
		f.TCP.Side[0].Flags, f.TCP.Side[1].Flags = b[46], b[47]
		if len(d) < 4*extTCPWords {
			return
		}
		if r.Has&HasTCPPerf != 0 {
			f.TCP.Side[0].Payload, f.TCP.Side[1].Payload = be.Uint32(d), be.Uint32(d[4:])
		}
		d = d[4*extTCPWords:]
	}
	if b[1] > 1 {
		r.parts(d)
	}
}

// parts walks what follows the fixed part since layout 2. Kinds of later layouts are passed over.
func (r *Record) parts(d []byte) {
	for len(d) >= 4 {
		n := int(d[1]) * 4
		if n == 0 || n > len(d) {
			r.Unknown++
			return
		}
		r.part(d[:n])
		d = d[n:]
	}
}

func (r *Record) part(d []byte) {
	f, ok := &r.Flow, true
	switch d[0] {
	case partHistory:
		f.History = flow.History{}
		copy(f.History[:], d[2:])
	case partTunnel:
		ok = len(d) >= 8 && d[2] < 32 && decodeTunnelPart(&f.Tunnel, d)
	case partTCP:
		v := d[4:]
		for i, n := range tcpCounts(&f.TCP) {
			if d[3]>>i&1 != 0 && len(v) >= 4 {
				*n, v = be.Uint32(v), v[4:]
			}
		}
	case partICMPv6:
		if ok = len(d) >= 36; ok {
			m := &f.ICMP
			*m = flow.ICMPReport{Type: d[2], Code: d[3], Family: flow.FamilyIPv6, From: [16]byte(d[4:]), To: [16]byte(d[20:])}
		}
	}
	if !ok {
		r.Unknown++
	}
}

func decodeTunnelPart(t *flow.Tunnel, d []byte) bool {
	if encaps := flow.Encaps(1) << d[2]; encaps != t.Encaps {
		*t = flow.Tunnel{Encaps: encaps}
	}
	t.ID = be.Uint32(d[4:])
	return len(d) == 8 || decodeOuter(&t.Key, d[8:])
}

// addNanoseconds adds what microsecond times leave out to the times of the sides that have them.
func addNanoseconds(f *flow.Record, packed uint64) {
	ns := func(i int) int64 { return int64(packed >> (10 * i) & 0x3ff) }
	for i := range f.Side {
		s := &f.Side[i]
		if s.Packets > 0 || i == 0 && f.Side[1].Packets == 0 {
			s.First += ns(2 * i)
			s.Last += ns(2*i + 1)
		}
	}
	if f.IsTCP() {
		f.TCP.SynAck += ns(4)
		f.TCP.AckDat += ns(5)
	}
}
