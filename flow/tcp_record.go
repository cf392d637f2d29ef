package flow

// intervalStatus are the status bits that tell of the record's interval only.
const intervalStatus = TCPSrcRetransmit | TCPDstRetransmit | TCPSrcWindowShut | TCPDstWindowShut |
	TCPSrcECNMarked | TCPDstECNMarked | TCPSrcOutOfOrder | TCPDstOutOfOrder |
	TCPSrcDuplicate | TCPDstDuplicate | TCPSrcGap | TCPDstGap | TCPPortReuse

// record fills r.TCP, which is zero, and r.History with the state and begins a new interval. Fields are set one by one:
// a literal would be built elsewhere and copied.
func (c *tcpState) record(r *Record, all *connections) {
	r.TCP.Status, r.TCP.Options = c.status, c.options()
	r.TCP.SynAck, r.TCP.AckDat = int64(c.synAck)*handshakeUnit, int64(c.ackDat)*handshakeUnit
	c.history.expand(&r.History)
	c.status &^= intervalStatus
	for i := range c.side {
		s, out := &c.side[i], &r.TCP.Side[i]
		out.Base, out.Next, out.Ack, out.Payload = s.base, s.next, s.ack, s.payload
		out.Turns, out.InFlight, out.Keystrokes = s.turns, c.inFlight(i), uint32(s.strokes)
		out.Window, out.MSS, out.Shift = s.window, s.mss, s.shift
		out.Flags, out.Interval = s.flags, s.current
		if c.trouble != 0 {
			t := c.troubleOf(i, all)
			out.Retrans, out.OutOfOrder, out.Duplicates, out.Gap = t.retrans, t.outOfOrder, t.duplicates, t.gap
			t.retrans, t.outOfOrder, t.duplicates, t.gap = 0, 0, 0, 0
		}
		s.base, s.payload, s.turns, s.strokes, s.current = s.next, 0, 0, 0, 0
		if s.bits&sideFIN != 0 { // which is no octet of data
			s.base--
		}
	}
}

// inFlight returns how many sequence numbers of side dir wait for an acknowledgement, 0 where the other side sent none.
func (c *tcpState) inFlight(dir int) uint32 {
	s, peer := &c.side[dir], &c.side[1-dir]
	if peer.flags&ACK == 0 || s.bits&sideStarted == 0 {
		return 0
	}
	if n := s.next - peer.ack; n <= maxJump {
		return n
	}
	return 0
}
