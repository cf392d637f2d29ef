package flow

import "slices"

// tcpTrouble is what only connections with loss, disorder or a shut window have.
type tcpTrouble struct{ side [2]sideTrouble }

type sideTrouble struct {
	retrans, outOfOrder, duplicates, gap uint32  // of the interval, as in TCPSide
	tLetters, gLetters, wLetters         uint16  // how often t, g and w could have been noted
	holes                                uint32  // how many of hole are used
	hole                                 [4]hole // sequence numbers that were skipped, ascending
}

// hole is a range of sequence numbers that were skipped at tick at. When the other side acknowledges it, it counts as a
// gap, which is taken back if its octets come after all (captures put an acknowledgement before its data).
type hole struct {
	from, to, at uint32
	gap          bool
}

// troubleOf returns the troubles of side dir.
func (c *tcpState) troubleOf(dir int, all *connections) *sideTrouble {
	if c.trouble == 0 {
		c.trouble = all.troubles.alloc() + 1
	}
	return &all.troubles.at(c.trouble - 1).side[dir]
}

// noteAgain notes the letter of something that happens often: the first, the 10th, the 100th ... time.
func (c *tcpState) noteAgain(letter byte, dir int, times *uint16) {
	if *times == 1<<16-1 {
		return
	}
	*times++
	switch *times {
	case 1, 10, 100, 1000, 10000:
		c.history.note(letter, dir)
	}
}

func (c *tcpState) windowShut(dir int, all *connections) {
	c.status |= TCPSrcWindowShut << dir
	c.noteAgain('w', dir, &c.troubleOf(dir, all).wLetters)
}

func (c *tcpState) addGap(octets uint32, dir int, t *sideTrouble) {
	if octets == 0 {
		return
	}
	t.gap += octets
	c.status |= TCPSrcGap << dir
	c.noteAgain('g', dir, &t.gLetters)
}

// open remembers a hole. When there is no room, a gap is forgotten, else the oldest hole: what fills it later counts as
// sent again, and if nothing does, its octets are in no gap.
func (t *sideTrouble) open(h hole) {
	if t.holes == uint32(len(t.hole)) {
		t.remove(max(0, slices.IndexFunc(t.hole[:], func(h hole) bool { return h.gap })))
	}
	t.hole[t.holes] = h
	t.holes++
}

func (t *sideTrouble) remove(i int) {
	copy(t.hole[i:], t.hole[i+1:t.holes])
	t.holes--
}

// fill takes [from, to) out of the holes. It returns how many octets that were and when the oldest hole was left.
func (t *sideTrouble) fill(from, to uint32) (octets, at uint32) {
	for i := 0; i < int(t.holes); i++ {
		h := &t.hole[i]
		first, last := h.from, h.to
		if seqAfter(from, first) {
			first = from
		}
		if seqAfter(last, to) {
			last = to
		}
		if !seqAfter(last, first) {
			continue
		}
		if octets == 0 {
			at = h.at
		}
		octets += last - first
		if h.gap {
			t.gap -= min(t.gap, last-first)
		}
		if t.cut(i, first, last) {
			i--
		}
	}
	return octets, at
}

// cut takes [first, last), which lies in hole i, out of it and tells whether nothing is left.
func (t *sideTrouble) cut(i int, first, last uint32) (gone bool) {
	h := &t.hole[i]
	switch {
	case first == h.from && last == h.to:
		t.remove(i)
		return true
	case first == h.from:
		h.from = last
	case last == h.to:
		h.to = first
	case t.holes < uint32(len(t.hole)):
		t.holes++
		copy(t.hole[i+2:t.holes], t.hole[i+1:])
		t.hole[i+1] = hole{last, h.to, h.at, h.gap}
		h.to = first
	default: // no room for two: the upper part is given up
		h.to = first
	}
	return false
}

// pass makes gaps of the holes before ack, as the other side has their octets. It returns how many those were, and whether
// holes are left of which nobody has heard.
func (t *sideTrouble) pass(ack uint32) (octets uint32, left bool) {
	for i := 0; i < int(t.holes); i++ {
		h := &t.hole[i]
		switch {
		case h.gap:
		case !seqAfter(ack, h.from):
			return octets, true
		case seqAfter(h.to, ack): // acknowledged in part
			octets += ack - h.from
			h.from = ack
			return octets, true
		default:
			octets += h.to - h.from
			h.gap = true
		}
	}
	return octets, false
}
