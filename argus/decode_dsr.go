package argus

import (
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// times is a time DSR, ns since 1970; settled once the packet counts are known.
type times struct {
	s0, s1, d0, d1             int64
	hasS0, hasS1, hasD0, hasD1 bool
}

func instant(sec, fraction uint32, unit int64) int64 { return int64(sec)*1e9 + int64(fraction)*unit }

// decode reads all forms of section 2.3. In the relative ones, which the clients write, the first time is whole
// and the others are signed distances from it: told apart by the length, as the readers do.
func (t *times) decode(sub, qualifier uint8, d []byte) bool {
	if qualifier < 0x18 || qualifier > 0x1b || len(d) < 8 {
		return false
	}
	unit := int64(1000)
	if qualifier&1 != 0 { // nanoseconds
		unit = 1
	}
	*t = times{}
	if sub&0x78 == 0 { // no presence bits: one time or a range of the source
		sub = 0x08
		if len(d) >= 12 {
			sub = 0x18
		}
	}
	n := bits.OnesCount8(sub & 0x78)
	relative := n > 1 && len(d) < 8*n
	if len(d) < 8+4*(n-1) {
		return false
	}
	first := instant(be.Uint32(d), be.Uint32(d[4:]), unit)
	v, at := [4]int64{}, 0
	for i := range v {
		switch {
		case sub>>i&0x08 == 0:
			continue
		case at == 0:
			v[i], at = first, 8
		case relative:
			v[i], at = max(first+int64(int32(be.Uint32(d[at:])))*unit, 0), at+4
		default:
			v[i], at = instant(be.Uint32(d[at:]), be.Uint32(d[at+4:]), unit), at+8
		}
	}
	t.s0, t.s1, t.d0, t.d1 = v[0], v[1], v[2], v[3]
	t.hasS0, t.hasS1, t.hasD0, t.hasD1 = sub&0x08 != 0, sub&0x10 != 0, sub&0x20 != 0, sub&0x40 != 0
	return true
}

// settle gives the times to the sides: an end that is missing is that of the start and the other way round,
// a side without packets has none, ends stand after starts.
func (t *times) settle(f *flow.Record) {
	fill := func(a, b *int64, hasA, hasB *bool) {
		if !*hasB {
			*b = *a
		} else if !*hasA {
			*a = *b
		}
		if *b < *a {
			*a, *b = *b, *a
		}
		*hasA = *hasA || *hasB
	}
	fill(&t.s0, &t.s1, &t.hasS0, &t.hasS1)
	fill(&t.d0, &t.d1, &t.hasD0, &t.hasD1)
	s, d := &f.Side[0], &f.Side[1]
	if s.Packets > 0 || d.Packets == 0 || !t.hasD0 {
		s.First, s.Last = t.s0, t.s1
		if !t.hasS0 {
			s.First, s.Last = t.d0, t.d1
		}
	}
	if d.Packets > 0 {
		d.First, d.Last = t.d0, t.d1
		if !t.hasD0 {
			d.First, d.Last = t.s0, t.s1
		}
		if s.Packets == 0 {
			s.First, s.Last = 0, 0
		}
	}
}

// decodeMetric reads packets, bytes and in subtype 4 application bytes (section 2.4).
func decodeMetric(side *[2]flow.Side, sub, qualifier uint8, d []byte) bool {
	if qualifier < 1 || qualifier > 12 || sub != 1 && sub != 4 {
		return false
	}
	width := 1 << ((qualifier - 1) & 3)
	from, to := 0, 2
	switch (qualifier - 1) >> 2 {
	case 1:
		to = 1
	case 2:
		from = 1
	}
	perSide := 3
	if sub == 1 {
		perSide = 2
	}
	if len(d) < (to-from)*perSide*width {
		return false
	}
	next := func() (v uint64) {
		for _, octet := range d[:width] {
			v = v<<8 | uint64(octet)
		}
		d = d[width:]
		return v
	}
	for i := from; i < to; i++ {
		side[i].Packets, side[i].Bytes = next(), next()
		if sub == 4 {
			side[i].Payload = next()
		}
	}
	return true
}

// decodeVLAN reads the tags of section 2.8.
func decodeVLAN(side *[2]flow.Side, qualifier uint8, d []byte) bool {
	if len(d) < 4 {
		return false
	}
	for i := range side {
		if side[i].HasVLAN = qualifier>>i&1 != 0; side[i].HasVLAN {
			side[i].VLAN = be.Uint16(d[2*i:])
		}
	}
	return true
}

// decodeMPLS keeps the first label of each side (section 2.8).
func decodeMPLS(side *[2]flow.Side, qualifier uint8, d []byte) bool {
	for i, labels := range [2]int{int(qualifier >> 4), int(qualifier & 15)} {
		if labels == 0 {
			continue
		}
		if len(d) < 4*labels {
			return false
		}
		side[i].HasMPLS, side[i].MPLS = true, be.Uint32(d)
		d = d[4*labels:]
	}
	return true
}

// ipAttributes reads section 2.9.
func (r *Record) ipAttributes(qualifier uint8, d []byte) bool {
	for i := range r.Flow.Side {
		s := &r.Flow.Side[i]
		s.Fragments = qualifier&(0x10<<i) != 0
		if qualifier&(1<<i) != 0 {
			if len(d) < 4 {
				return false
			}
			r.Has |= HasSrc << i
			s.TTL, s.TOS, s.IPID = d[0], d[1], be.Uint16(d[2:])
			d = d[4:]
		}
		if qualifier&(4<<i) != 0 {
			if len(d) < 4 {
				return false
			}
			s.IPOptions = be.Uint32(d)
			d = d[4:]
		}
	}
	return true
}

// mac reads section 2.8; the ethertype is little-endian.
func (r *Record) mac(qualifier uint8, d []byte) bool {
	if len(d) < 14 {
		return false
	}
	f := &r.Flow
	f.HasMAC = true
	f.DstMAC, f.SrcMAC = [6]byte(d), [6]byte(d[6:])
	f.EtherType = uint16(d[12]) | uint16(d[13])<<8
	if qualifier&3 != 0 {
		r.Has |= HasMultiMAC
	}
	return true
}

// net reads the network DSRs that say something of loss or of a TCP connection (section 2.6).
func (r *Record) net(sub uint8, d []byte, w *raw) bool {
	switch sub {
	case netTCPInit, netTCPStatus, netTCPPerf:
		return r.Flow.IsTCP() && r.tcp(sub, d, w)
	case netESP:
		if len(d) < 16 {
			return false
		}
		r.Lost = be.Uint32(d[12:])
	case 0, 0x09, 0x0a, 0x0d, 0x10, 0x34, 0x45:
		r.Skipped++
	default:
		return false
	}
	return true
}

func (r *Record) tcp(sub uint8, d []byte, w *raw) bool {
	t := &r.Flow.TCP
	if len(d) < 8 {
		return false
	}
	r.Has |= HasTCP
	t.Status = be.Uint32(d)
	switch sub {
	case netTCPStatus:
		w.flags = [2]uint8{d[4], d[5]}
	case netTCPInit:
		if len(d) < 16 {
			return false
		}
		s := &t.Side[0]
		s.Base, t.Options = be.Uint32(d[4:]), be.Uint32(d[8:])
		s.Window, w.flags[0], s.Shift = be.Uint16(d[12:]), d[14], d[15]
		if len(d) >= 20 {
			s.MSS = be.Uint16(d[16:])
		}
		r.Has |= HasTCPOptions
	case netTCPPerf:
		return r.tcpPerf(d, w)
	}
	return true
}

// tcpPerf reads both layouts: the blocks of v5 are one word longer.
func (r *Record) tcpPerf(d []byte, w *raw) bool {
	block := 48
	if len(d) >= 20+2*52 {
		block = 52
	}
	if len(d) < 20+2*block {
		return false
	}
	t := &r.Flow.TCP
	r.Has |= HasTCPOptions | HasTCPPerf
	t.Options = be.Uint32(d[8:])
	t.SynAck, t.AckDat = int64(be.Uint32(d[12:]))*1000, int64(be.Uint32(d[16:]))*1000
	for i := range t.Side {
		b := d[20+i*block:][:block]
		s := &t.Side[i]
		s.Base, s.Payload, s.Retrans = be.Uint32(b[12:]), be.Uint32(b[28:]), be.Uint32(b[32:])
		w.next[i], w.ack[i] = be.Uint32(b[16:]), be.Uint32(b[20:])
		s.Window, w.flags[i], s.Shift = be.Uint16(b[44:]), b[46], b[47]
		if block == 52 {
			s.MSS = be.Uint16(b[48:])
		}
	}
	return true
}

// icmpMapping notes which kind of ICMP message spoke of this flow (section 2.7).
func (r *Record) icmpMapping(qualifier uint8, d []byte) bool {
	if len(d) < 4 {
		return false
	}
	switch {
	case qualifier&7 == 0:
	case d[0] == 3:
		r.ICMP = 'U'
	case d[0] == 5:
		r.ICMP = 'R'
	case d[0] == 11:
		r.ICMP = 'T'
	default:
		r.ICMP = 'I'
	}
	return true
}
