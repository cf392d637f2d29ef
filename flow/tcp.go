package flow

// tcpState is what a table knows of a TCP connection, apart from the entry so that other flows stay small: 128 octets,
// two cache lines. What only lossy connections have stands in a tcpTrouble.
type tcpState struct {
	at             int64 // capture time of the first SYN, later of the first SYN/ACK, ns
	history        history
	status         uint32
	synAck, ackDat uint32 // in units of handshakeUnit
	trouble        uint32 // number of its tcpTrouble plus one, 0 without
	side           [2]tcpSide
}

// handshakeUnit is the resolution of the handshake times, ns: 32 bits are 429 s.
const handshakeUnit = 100

// tcpSide is one direction. Its sequence numbers are compared modulo 2^32 (RFC 9293 section 3.4).
type tcpSide struct {
	isn     uint32 // initial sequence number; seen mid-stream: the first one seen less 1
	base    uint32 // of the interval, as in TCPSide
	next    uint32 // one past the highest sequence number seen
	ack     uint32 // the highest acknowledgement number sent, valid with ACK in flags
	payload uint32
	turns   uint32
	mark    uint32 // tick of the last new data; after a RST its sequence number
	strokes uint16
	window  uint16
	mss     uint16
	ipid    uint16 // of the last packet: tells a frame captured twice from one sent twice
	options uint16 // TCPOption bits of its SYN >> optionShift
	bits    sideBits
	shift   uint8
	flags   uint8
	current uint8 // header flags of the interval
	stroke  uint8 // octets of the last data, valid with sideStroke
}

// optionShift drops the low bits of the TCPOption bits, which are all 0.
const optionShift = 16

// options returns the TCPOption bits of both SYNs.
func (c *tcpState) options() uint32 {
	return uint32(c.side[0].options|c.side[1].options) << optionShift
}

type sideBits uint16

const (
	sideStarted sideBits = 1 << iota // isn, base and next are set
	sideSYN                          // it sent a SYN
	sideSYNACK                       // it sent a SYN/ACK
	sideFIN                          // it sent a FIN, which is the octet before next
	sideFINDone                      // and the other side acknowledged it
	sideProbe                        // it probed a shut window with the octet at next
	sideAcked                        // a is in the history
	sideSent                         // d is in the history
	sideStroke                       // its last data may be a keystroke that awaits its echo
	sideHoles                        // sequence numbers of it were skipped
	sideIDMoves                      // its packets differ in their IP identification
)

// connections keeps the TCP states of a table.
type connections struct {
	slab[tcpState]
	troubles slab[tcpTrouble]
}

func (t *connections) free(n uint32) {
	if c := t.at(n); c.trouble != 0 {
		t.troubles.free(c.trouble - 1)
	}
	t.slab.free(n)
}

// memory returns the octets held.
func (t *connections) trim() {
	t.slab.trim()
	t.troubles.trim()
}

func (t *connections) memory() int { return t.slab.memory() + t.troubles.memory() }

// seqAfter tells whether sequence number a comes after b, modulo 2^32 (RFC 9293 section 3.4).
func seqAfter(a, b uint32) bool { return int32(a-b) > 0 }

// tick is a coarse time of 16 us that wraps after 19 hours: enough to tell the milliseconds between two segments.
func tick(ns int64) uint32 { return uint32(ns >> tickBits) }

const tickBits = 14

// newConnection tells whether p, a SYN on a known tuple, opens another connection than the one it knows. A repeated SYN
// has the initial sequence number of its side, also after a refusal; after both sides have closed none is repeated.
// A SYN/ACK speaks of a new connection only where the known one is over.
func (c *tcpState) newConnection(p *Packet, dir int) bool {
	if p.TCP.Flags&(SYN|RST|FIN) != SYN {
		return false
	}
	me := &c.side[dir]
	if me.bits&sideStarted != 0 && p.TCP.Seq == me.isn && c.status&TCPClosed == 0 {
		return false
	}
	if c.ended() {
		return p.TCP.Flags&ACK == 0 || me.bits&sideSYNACK != 0
	}
	return p.TCP.Flags&ACK == 0 && me.bits&sideStarted != 0 && (c.status&TCPEstablished != 0 || me.bits&sideSYN != 0)
}

// ended tells whether the connection is over: closed from both sides or reset.
func (c *tcpState) ended() bool { return c.status&(TCPClosed|TCPSrcReset|TCPDstReset) != 0 }

// closing tells whether both sides have sent a FIN: little more is to come, even where the last acknowledgement was lost.
func (c *tcpState) closing() bool { return c.side[0].bits&c.side[1].bits&sideFIN != 0 }

// add folds a segment in that goes from side dir to the other one.
func (c *tcpState) add(p *Packet, dir int, all *connections) {
	h, me := &p.TCP, &c.side[dir]
	if me.bits&sideStarted == 0 {
		c.start(p, dir)
	}
	if h.Flags&(SYN|FIN|RST) != 0 {
		c.addControl(p, dir)
	} else if p.PayloadLen == 0 && h.Flags&ACK != 0 && me.bits&sideAcked == 0 {
		me.bits |= sideAcked
		c.history.note('a', dir)
	}
	if h.Flags&(ECE|SYN) == ECE { // in a SYN it is an offer (RFC 3168 section 6.1)
		c.status |= TCPSrcECNMarked << dir
	}
	if h.Window == 0 && h.Flags&(SYN|FIN|RST) == 0 {
		c.windowShut(dir, all)
	}
	if h.Flags&RST == 0 && (p.PayloadLen != 0 || h.Flags&(SYN|FIN) != 0 || h.Seq != me.next) { // a RST carries no data (RFC 9293 section 3.5.3)
		c.addSequence(p, dir, all)
	}
	if h.Flags&ACK != 0 {
		c.addAck(p, dir, all)
	}
	me.current |= h.Flags
	me.window = h.Window
	if p.IPID != me.ipid && me.flags != 0 {
		me.bits |= sideIDMoves
	}
	me.ipid = p.IPID
	me.flags |= h.Flags
}

// start takes the first segment of a side for the begin of its sequence space, unless it is a RST, whose number may be 0.
func (c *tcpState) start(p *Packet, dir int) {
	me := &c.side[dir]
	if c.history == (history{}) && dir == 1 { // the entry took the receiver for the initiator
		c.history.flip()
	}
	if p.TCP.Flags&RST != 0 {
		return
	}
	me.bits |= sideStarted
	me.isn, me.next = p.TCP.Seq-1, p.TCP.Seq
	if p.TCP.Flags&SYN != 0 {
		me.isn = p.TCP.Seq
	}
	me.base = me.isn
}

// addControl looks at a segment with SYN, FIN or RST.
func (c *tcpState) addControl(p *Packet, dir int) {
	h, me := &p.TCP, &c.side[dir]
	if h.Flags&SYN != 0 && h.Flags&(FIN|RST) != 0 && !c.history.has('q', dir) {
		c.history.note('q', dir)
	}
	if h.Flags&(FIN|RST) == FIN|RST && !c.history.has('i', dir) {
		c.history.note('i', dir)
	}
	if h.Flags&SYN != 0 {
		c.addSYN(p, dir)
	}
	if end := h.Seq + p.PayloadLen + 1; h.Flags&(SYN|FIN|RST) == FIN && !isFar(int32(end-me.next)) && (me.bits&sideFIN == 0 || end != me.next) {
		c.history.note('f', dir)
	}
	if h.Flags&RST != 0 {
		if me.flags&RST == 0 || h.Seq != me.mark {
			me.mark = h.Seq
			c.history.note('r', dir)
		}
		if c.believesReset(p, dir) {
			c.status |= TCPSrcReset << dir
		}
	}
}

func (c *tcpState) addSYN(p *Packet, dir int) {
	h, me := &p.TCP, &c.side[dir]
	if h.Seq != me.isn && c.status&TCPEstablished == 0 { // what came before was not of this connection (split handshake)
		me.isn, me.base, me.next, me.bits = h.Seq, h.Seq, h.Seq, me.bits&^(sideFIN|sideFINDone)
	}
	kind, letter := sideSYN, byte('s')
	if h.Flags&ACK != 0 {
		kind, letter = sideSYNACK, 'h'
	}
	if me.bits&kind == 0 || h.Seq != me.isn {
		c.history.note(letter, dir)
	}
	me.options |= uint16(h.Options >> optionShift)
	me.mss, me.shift = h.MSS, h.WindowShift
	switch {
	case h.Flags&ACK == 0:
		switch c.status & (TCPSawSYN | TCPSawSYNACK) {
		case 0:
			c.at = p.Time
		case TCPSawSYNACK: // captured before it, on another queue: the times tell
			c.synAck = handshakeTime(c.at - p.Time)
		}
		c.status |= TCPSawSYN
		if h.Flags&(ECE|CWR) == ECE|CWR { // RFC 3168 section 6.1.1
			me.options |= TCPSrcECN >> optionShift
		}
	case c.status&TCPSawSYNACK == 0:
		if c.status&TCPSawSYN != 0 {
			c.synAck = handshakeTime(p.Time - c.at)
		}
		c.at = p.Time
		c.status |= TCPSawSYNACK
		if h.Flags&(ECE|CWR) == ECE {
			me.options |= TCPDstECN >> optionShift
		}
	}
	me.bits |= kind
}

// handshakeTime rounds ns to handshakeUnits.
func handshakeTime(ns int64) uint32 { return uint32(min(max(ns, 0)/handshakeUnit, 1<<32-1)) }

// believesReset tells whether the receiver of a RST would close for it: its sequence number must lie near what its sender
// has sent last, as far as the receiver's window reaches (RFC 5961 section 3.2; not exactly, as segments may have been
// lost before us). Of a side that sent nothing else one is believed that speaks of what the other side sent
// (RFC 9293 section 3.5.3).
func (c *tcpState) believesReset(p *Packet, dir int) bool {
	me, peer := &c.side[dir], &c.side[1-dir]
	expected := me.next
	if me.flags == 0 {
		switch ack := p.TCP.Ack; {
		case peer.flags&ACK != 0:
			expected = peer.ack
		case p.TCP.Flags&ACK != 0 && peer.bits&sideStarted != 0: // it refuses a SYN
			return seqAfter(ack, peer.isn) && !seqAfter(ack, peer.next)
		default:
			return true
		}
	}
	reach := max(int32(peer.window)<<min(peer.shift, 14), 0xffff)
	d := int32(p.TCP.Seq - expected)
	return -reach <= d && d <= reach
}

// establish looks at an ACK of a connection that is not established yet: it is when a side acknowledges the other's SYN.
// Of a connection whose begin nobody saw any ACK tells.
func (c *tcpState) establish(p *Packet, dir int) {
	me, peer := c.side[dir].bits, c.side[1-dir].bits
	switch {
	case peer&sideSYNACK != 0:
		c.ackDat = handshakeTime(p.Time - c.at)
	case me&sideSYNACK != 0: // the other side's turn
		return
	case peer&sideSYN != 0 && me&sideSYN == 0: // acknowledges without a SYN of its own (RFC 5961 section 4.2)
		return
	}
	c.status |= TCPEstablished
}
