package argus

import (
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// isExtension tells whether a DSR is our extension since layout 3, and whole.
func isExtension(b []byte) bool {
	return b[1] >= extLayout && b[2] == extOwner && len(b) >= 4*extWords && len(b) >= 4*extWords+numbersLen(b)
}

// extension takes what Argus has no place for, b being the whole DSR.
func (r *Record) extension(b []byte, w *raw) {
	r.Has |= HasExtension
	if isLayout2(b) {
		r.layout2(b)
		return
	}
	f := &r.Flow
	f.End, f.Initiator = flow.End(b[4]), flow.Initiator(b[5]&0x3f)
	f.EstimatedSegments = b[5]&0x80 != 0
	if b[5]&0x40 != 0 {
		f.TCP.Status &^= flow.TCPSawSYN
	}
	if f.IsTCP() {
		f.TCP.Side[0].Flags, f.TCP.Side[1].Flags = b[6], b[7]
	}
	f.EtherType = be.Uint16(b[8:])
	r.numbers(b, w)
	r.parts(b[4*extWords : len(b)-numbersLen(b)])
}

// numbersLen returns the octets at the end of an extension's fixed part b or more that its numbers take.
func numbersLen(b []byte) int { return 8 + 8*bits.OnesCount16(be.Uint16(b[10:])) }

// numbers takes the flow's identity and what follows it, each the difference to what the rest of the record lets expect.
func (r *Record) numbers(b []byte, w *raw) {
	set, d := be.Uint16(b[10:]), b[len(b)-numbersLen(b):]
	identity, d := be.Uint64(d), d[8:]
	var n [16]uint64
	for i := range n {
		if set>>i&1 != 0 {
			n[i], d = be.Uint64(d), d[8:]
		}
	}
	f := &r.Flow
	ns := unpackNanoseconds(n[numberNanoseconds])
	addNanoseconds(f, &ns)
	first, _ := f.Span()
	f.Start = first - int64(n[numberStart])
	f.ID = identity + epoch(f.Start)
	r.keyRest(uint16(n[numberKey]))
	for i := range f.Side {
		f.Side[i].IPBytes = ipBytes(f, i) - n[numberIPBytes+3*i]
		if f.IsTCP() {
			f.TCP.Side[i].Payload = uint32(f.Side[i].Payload - n[numberPayload+3*i])
			w.behind[i] = uint32(n[numberAck+3*i])
		}
	}
}

// keyRest takes the part of a key for which the flow DSR has no room.
func (r *Record) keyRest(rest uint16) {
	switch f := &r.Flow; {
	case f.Family == flow.FamilyIPv6 && f.Proto == flow.ProtoICMPv6:
		f.DstPort = rest
	case isIP(&f.Key) && f.Proto == flow.ProtoUDP:
		f.Type = rest
	}
}

// unpackNanoseconds returns what nanoseconds packed, in the order of the time DSR.
func unpackNanoseconds(packed uint64) (ns [6]int64) {
	n := func(i int) int64 { return int64(packed >> (10 * i) & 0x3ff) }
	return [6]int64{n(0), (n(0) + n(2)) % 1000, n(1), (n(1) + n(3)) % 1000, n(4), n(5)}
}

// addNanoseconds adds what microsecond times leave out to the times of the sides that have them: source first and last,
// destination first and last, SynAck, AckDat.
func addNanoseconds(f *flow.Record, ns *[6]int64) {
	for i := range f.Side {
		s := &f.Side[i]
		if s.Packets > 0 || i == 0 && f.Side[1].Packets == 0 {
			s.First += ns[2*i]
			s.Last += ns[2*i+1]
		}
	}
	if f.IsTCP() {
		f.TCP.SynAck += ns[4]
		f.TCP.AckDat += ns[5]
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
