package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

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

// decodeEncaps reads section 2.12.
func decodeEncaps(side *[2]flow.Side, d []byte) bool {
	if len(d) < 8 {
		return false
	}
	side[0].Encaps, side[1].Encaps = flow.Encaps(be.Uint32(d)), flow.Encaps(be.Uint32(d[4:]))
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
	f.MultiMAC = qualifier&3 != 0
	return true
}

// net reads the network DSRs that say something of loss or of a TCP connection (section 2.6).
func (r *Record) net(sub, qualifier uint8, d []byte, w *raw) bool {
	switch sub {
	case netTCPInit, netTCPStatus, netTCPPerf:
		return r.Flow.IsTCP() && r.tcp(sub, d, w)
	case netESP:
		if len(d) < 16 {
			return false
		}
		r.Flow.ESP = flow.ESP{Last: be.Uint32(d[8:]), Lost: be.Uint32(d[12:])}
	case netARP:
		if len(d) < 8 {
			return false
		}
		copy(r.Flow.Responder[:], d)
	case byte(GuessRTCP), byte(GuessRTP), byte(GuessUDT):
		return r.guess(Guess(sub), d)
	case netFragment:
		r.Added.Fragment = 'f'
		if qualifier&netOverlap != 0 {
			r.Added.Fragment = 'V'
		}
	case netICMP: // the key once more, and of other sensors the addresses of the message and of what it quotes
		if len(d) < 24 || [20]byte(d[4:]) != [20]byte{} {
			r.Skipped++
		}
	case 0: // nothing
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
		if d[14]&flow.SYN != 0 {
			s.Next = s.Base + 1
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
		s.Turns, s.InFlight = be.Uint32(b[24:]), be.Uint32(b[40:])
		s.Window, w.flags[i], s.Shift = be.Uint16(b[44:]), b[46], b[47]
		if block == 52 {
			s.MSS = be.Uint16(b[48:])
		}
	}
	return true
}
