package flow

// tcpState is what a table knows of a TCP connection, apart from the entry so that other flows stay small.
type tcpState struct {
	status, options uint32
	synAt, synAckAt int64 // capture times of the first SYN and SYN/ACK, 0 when not seen
	synAck, ackDat  int64
	side            [2]tcpSide
}

type tcpSide struct {
	base, next, ack  uint32
	payload, retrans uint32
	hole, holeEnd    uint32 // sequence numbers that were skipped, until they are filled
	fin              uint32 // the sequence number after the FIN
	window, mss      uint16
	shift            uint8
	flags, interval  uint8
	started          bool // base and next are set
	finSeen, finDone bool
}

// seqAfter tells whether sequence number a comes after b, modulo 2^32 (RFC 9293 section 3.4).
func seqAfter(a, b uint32) bool { return int32(a-b) > 0 }

// newConnection tells whether p, a SYN on a known tuple, opens another connection than the one it knows.
func (c *tcpState) newConnection(p *Packet, dir int) bool {
	if p.TCP.Flags&(SYN|ACK|RST) != SYN {
		return false
	}
	me := &c.side[dir]
	if c.status&(TCPClosed|TCPSrcReset|TCPDstReset) != 0 {
		return true
	}
	return me.started && p.TCP.Seq != me.base && (c.status&TCPEstablished != 0 || me.flags&SYN != 0)
}

// add folds a segment in that goes from side dir to the other one.
func (c *tcpState) add(p *Packet, dir int) {
	h, me := &p.TCP, &c.side[dir]
	if h.Flags&SYN != 0 {
		c.addSYN(p, me)
	} else if !me.started {
		me.base, me.next, me.started = h.Seq-1, h.Seq, true
	}
	me.flags |= h.Flags
	me.interval |= h.Flags
	me.window = h.Window
	if h.Window == 0 && h.Flags&(SYN|FIN|RST) == 0 {
		c.status |= TCPSrcWindowShut << dir
	}
	c.addSequence(p, dir)
	if h.Flags&ACK != 0 {
		c.addAck(p, dir)
	}
	if h.Flags&RST != 0 {
		c.status |= TCPSrcReset << dir
	}
}

func (c *tcpState) addSYN(p *Packet, me *tcpSide) {
	h := &p.TCP
	if !me.started {
		me.base, me.next, me.started = h.Seq, h.Seq, true
	}
	c.options |= h.Options
	me.mss, me.shift = h.MSS, h.WindowShift
	if h.Flags&ACK == 0 {
		if c.synAt == 0 {
			c.synAt = p.Time
		}
		c.status |= TCPSawSYN
		return
	}
	if c.synAckAt == 0 {
		c.synAckAt = p.Time
		if c.synAt != 0 {
			c.synAck = max(p.Time-c.synAt, 0)
		}
	}
	c.status |= TCPSawSYNACK
}

// addSequence follows the sequence space of one side: new data, data seen before, holes and what fills them.
func (c *tcpState) addSequence(p *Packet, dir int) {
	h, me := &p.TCP, &c.side[dir]
	length := p.PayloadLen
	end := h.Seq + length
	if h.Flags&SYN != 0 {
		end++
	}
	if h.Flags&FIN != 0 {
		end++
		c.status |= TCPSawFIN
		me.finSeen, me.fin = true, end
	}
	switch {
	case end == h.Seq: // no sequence number used: nothing to follow
	case seqAfter(end, me.next):
		if seqAfter(h.Seq, me.next) {
			me.hole, me.holeEnd = me.next, h.Seq
			me.payload += length
		} else {
			me.payload += min(length, end-me.next)
		}
		me.next = end
	case length <= 1 && h.Flags&(SYN|FIN) == 0 && h.Seq == me.next-1: // keep-alive
	case me.hole != me.holeEnd && !seqAfter(me.hole, h.Seq) && !seqAfter(end, me.holeEnd):
		c.status |= TCPSrcOutOfOrder << dir
		me.payload += length
		if h.Seq == me.hole {
			me.hole = end
		} else {
			me.holeEnd = h.Seq
		}
	default:
		c.status |= TCPSrcRetransmit << dir
		me.retrans++
	}
}

func (c *tcpState) addAck(p *Packet, dir int) {
	h, me, peer := &p.TCP, &c.side[dir], &c.side[1-dir]
	me.ack = h.Ack
	if peer.finSeen && !peer.finDone && !seqAfter(peer.fin, h.Ack) {
		peer.finDone = true
		c.status |= TCPSawFINACK
		if me.finDone {
			c.status |= TCPClosed
		}
	}
	if h.Flags&(SYN|RST) != 0 || c.status&TCPEstablished != 0 {
		return
	}
	if c.synAckAt != 0 && dir == 0 {
		c.ackDat = max(p.Time-c.synAckAt, 0)
	}
	if c.status&TCPSawSYN == 0 || dir == 0 {
		c.status |= TCPEstablished
	}
}

// ended tells whether the connection is over: closed from both sides or reset.
func (c *tcpState) ended() bool { return c.status&(TCPClosed|TCPSrcReset|TCPDstReset) != 0 }

// intervalStatus are the status bits that tell of the record's interval only.
const intervalStatus = TCPSrcRetransmit | TCPDstRetransmit | TCPSrcWindowShut | TCPDstWindowShut |
	TCPSrcOutOfOrder | TCPDstOutOfOrder | TCPPortReuse

// record copies the state to r and begins a new interval.
func (c *tcpState) record(r *TCP) {
	*r = TCP{Status: c.status, Options: c.options, SynAck: c.synAck, AckDat: c.ackDat}
	c.status &^= intervalStatus
	for i := range c.side {
		s := &c.side[i]
		r.Side[i] = TCPSide{
			Base: s.base, Next: s.next, Ack: s.ack, Payload: s.payload, Retrans: s.retrans,
			Window: s.window, MSS: s.mss, Shift: s.shift, Flags: s.flags, Interval: s.interval,
		}
		s.base, s.payload, s.retrans, s.interval = s.next, 0, 0, 0
		if s.finSeen { // which is no octet of data
			s.base--
		}
	}
}
