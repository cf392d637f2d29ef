package flow

// maxJump is the largest window that TCP has (RFC 7323 section 2.3): what lies farther from the last sequence number
// does not belong to it.
const maxJump = 1 << 30

// addSequence follows the sequence space of one side: new data, data seen before, holes and what fills them.
func (c *tcpState) addSequence(p *Packet, dir int, all *connections) {
	h, me := &p.TCP, &c.side[dir]
	length := p.PayloadLen
	end := h.Seq + length
	end += uint32(h.Flags & SYN >> 1)
	fin := h.Flags&FIN != 0
	end += uint32(h.Flags & FIN)
	ahead := int32(end - me.next)
	switch {
	case ahead > 0 && h.Seq == me.next:
		if length == 1 && !fin && h.Flags&SYN == 0 && c.windowIsShut(1-dir) {
			me.bits |= sideProbe // the octet counts when it is acknowledged
			return
		}
		if length <= strokeSize || c.side[1-dir].bits&sideStroke != 0 {
			c.addStroke(p, dir)
		} else {
			me.mark = tick(p.Time)
		}
		me.payload += length
		me.advance(end, fin)
	case isFar(ahead): // from elsewhere: a new begin, if it goes on there
		me.payload += length
		fin = false
		me.advance(end, fin)
	case end == h.Seq && ahead <= 0: // an acknowledgement overtaken by data, or a keep-alive
	case ahead > 0:
		c.addAhead(p, dir, all)
		me.advance(end, fin)
	case length <= 1 && !fin && h.Seq == me.next-1 && h.Flags&SYN == 0: // keep-alive (RFC 9293 section 3.8.4)
	default:
		c.addOld(p, end, dir, all)
	}
	if length > 0 && me.bits&sideSent == 0 {
		me.bits |= sideSent
		c.history.note('d', dir)
	}
	if fin && end == me.next && me.bits&sideFIN == 0 {
		c.sawFIN(p, dir, all)
	}
}

func (c *tcpState) sawFIN(p *Packet, dir int, all *connections) {
	c.side[dir].bits |= sideFIN
	c.status |= TCPSawFIN
	if peer := &c.side[1-dir]; peer.flags&ACK != 0 { // it may stand behind its acknowledgement
		c.acknowledged(peer.ack, tick(p.Time), dir, all)
	}
}

// isFar tells whether a sequence number that lies ahead by so much, or behind, is not of this connection.
func isFar(ahead int32) bool { return ahead > maxJump || ahead < -maxJump }

// advance moves the end of what was seen. A FIN that data follow was none.
func (me *tcpSide) advance(end uint32, fin bool) {
	me.next = end
	gone := sideProbe | sideFIN | sideFINDone
	if fin {
		gone = sideProbe
	}
	me.bits &^= gone
}

// windowIsShut tells whether side dir has said that it takes no data.
func (c *tcpState) windowIsShut(dir int) bool {
	s := &c.side[dir]
	return s.window == 0 && s.flags&ACK != 0
}

// addAhead counts a segment that does not begin at the end of what was seen, but reaches beyond it: it leaves a hole,
// or brings some octets again.
func (c *tcpState) addAhead(p *Packet, dir int, all *connections) {
	me, t := &c.side[dir], c.troubleOf(dir, all)
	h, length := &p.TCP, p.PayloadLen
	if seqAfter(h.Seq, me.next) {
		t.open(hole{from: me.next, to: h.Seq, at: tick(p.Time)})
		me.bits |= sideHoles
		me.payload += length
		return
	}
	filled, _ := t.fill(h.Seq, me.next)
	first := h.Seq // octet of data
	if h.Flags&SYN != 0 {
		first++
	}
	beyond := uint32(max(0, min(int32(first+length-me.next), int32(length))))
	me.payload += beyond + min(filled, length-beyond)
	if length > 0 {
		t.retrans += p.segmentsOf(length - beyond)
		c.status |= TCPSrcRetransmit << dir
	}
}

// segmentsOf returns how many of the segments that p stands for the last or first so many octets of its payload fill.
func (p *Packet) segmentsOf(octets uint32) uint32 {
	return max(1, uint32(uint64(p.Segments)*uint64(octets)/uint64(p.PayloadLen)))
}

// addOld counts a segment all of whose octets lie before the end of what was seen. Those that fill a hole came out of
// order when they come within a round trip of the segment that left it (or 3 ms where no handshake told); later ones were
// lost before we saw them and sent again.
func (c *tcpState) addOld(p *Packet, end uint32, dir int, all *connections) {
	me, t := &c.side[dir], c.troubleOf(dir, all)
	h, length := &p.TCP, p.PayloadLen
	if h.Flags&(SYN|ACK) == SYN|ACK && me.bits&sideSYN != 0 && me.flags&ACK == 0 { // simultaneous open (RFC 9293 section 3.5)
		return
	}
	if c.isSameFrame(p, dir) {
		return
	}
	if length > 0 { // Zeek's t is both: what comes late and what comes again
		c.noteAgain('t', dir, &t.tLetters)
	}
	filled, at := t.fill(h.Seq, end)
	me.payload += min(filled, length)
	trip := tick(int64(c.synAck+c.ackDat) * handshakeUnit)
	if trip == 0 {
		trip = tick(3e6)
	}
	if filled > 0 && int32(tick(p.Time)-at) <= int32(trip) {
		t.outOfOrder += p.Segments
		c.status |= TCPSrcOutOfOrder << dir
		return
	}
	t.retrans += p.Segments
	c.status |= TCPSrcRetransmit << dir
}

// addAck follows what one side acknowledges.
func (c *tcpState) addAck(p *Packet, dir int, all *connections) {
	h, me, peer := &p.TCP, &c.side[dir], &c.side[1-dir]
	advance := int32(h.Ack - me.ack)
	switch {
	case h.Flags&RST != 0: // may say anything
		if me.flags&ACK == 0 {
			me.ack = h.Ack
		}
		return
	case me.flags&ACK == 0 || isFar(advance):
		me.ack = h.Ack
	case advance > 0:
		me.ack = h.Ack
		me.turns++
		if p.PayloadLen == 0 {
			peer.bits &^= sideStroke // acknowledged without an echo
		}
	case advance == 0:
		if c.isDuplicateACK(p, dir) {
			c.troubleOf(dir, all).duplicates++
			c.status |= TCPSrcDuplicate << dir
		}
	}
	if peer.bits&sideStarted != 0 && (seqAfter(me.ack, peer.next) || peer.bits&(sideFIN|sideHoles) != 0) {
		c.acknowledged(me.ack, tick(p.Time), 1-dir, all)
	}
	if h.Flags&SYN == 0 && c.status&TCPEstablished == 0 {
		c.establish(p, dir)
	}
}

// acknowledged tells that everything of side dir before ack arrived at the other side: what was not seen here is a gap.
// One octet beyond is none: it is that of a probe, or a FIN that stands behind its acknowledgement.
func (c *tcpState) acknowledged(ack, now uint32, dir int, all *connections) {
	s := &c.side[dir]
	ahead := int32(ack - s.next)
	if ahead == 1 && s.bits&sideProbe != 0 {
		s.payload++
		s.advance(ack, false)
	} else if ahead > 1 && ahead <= maxJump {
		c.troubleOf(dir, all).open(hole{from: s.next, to: ack, at: now})
		s.bits |= sideHoles
		s.advance(ack, false)
	}
	if s.bits&sideHoles != 0 {
		t := c.troubleOf(dir, all)
		octets, left := t.pass(ack)
		c.addGap(octets, dir, t)
		if !left {
			s.bits &^= sideHoles
		}
	}
	if s.bits&(sideFIN|sideFINDone) == sideFIN && !seqAfter(s.next, ack) {
		s.bits |= sideFINDone
		c.status |= TCPSawFINACK
		if c.side[1-dir].bits&sideFINDone != 0 {
			c.status |= TCPClosed
		}
	}
}

// isDuplicateACK tells whether p says only what its side said before while data wait for an answer (RFC 5681 section 2).
func (c *tcpState) isDuplicateACK(p *Packet, dir int) bool {
	h, me, peer := &p.TCP, &c.side[dir], &c.side[1-dir]
	return p.PayloadLen == 0 && h.Flags&(SYN|FIN) == 0 &&
		seqAfter(peer.next, h.Ack) && h.Seq == me.next &&
		(h.Window == me.window || h.Options&TCPSACK != 0) &&
		!c.isSameFrame(p, dir)
}

// isSameFrame tells whether p, which says nothing new, is the frame before it of the same side once more, captured twice
// as on the ports of a bridge: whoever sends again counts a new IP identification. That is no sign where the
// identification never moves; before it can move the two SYNs must lie closer than any sender repeats them.
func (c *tcpState) isSameFrame(p *Packet, dir int) bool {
	me := &c.side[dir]
	if p.IPID == 0 || p.IPID != me.ipid {
		return false
	}
	return me.bits&sideIDMoves != 0 || p.TCP.Flags&SYN != 0 && p.Time-c.at < 10e6
}
