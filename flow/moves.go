package flow

// moves tells whether p, which side dir is about to send on connection c, is a step of data in motion: new payload while
// payload of that side waits for its acknowledgement. What an Argus sensor calls active is this; handshakes, requests
// after a rest, acknowledgements, keep-alives and retransmissions are idle.
func (c *tcpState) moves(p *Packet, dir int) bool {
	me, peer := &c.side[dir], &c.side[1-dir]
	return p.PayloadLen > 0 && me.bits&peer.bits&sideStarted != 0 && seqAfter(me.next, peer.ack) && seqAfter(p.TCP.Seq+p.PayloadLen, me.next)
}

// A TCP frame with more payload than leastMSS may be several segments of which nobody told (RFC 9293 section 3.7.1).
const leastMSS = 536

// Without a known MSS a frame longer than jumbo is taken for segments of commonMSS.
const (
	jumbo     = 9000
	commonMSS = 1448 // Ethernet's, with timestamps
)

// timestampLen is what the timestamp option takes from every segment (RFC 7323 section 3.2).
const timestampLen = 12

// estimate sets the segments that p stands for, when the kernel did not tell them and its payload is more than the
// receiver takes at once: it was captured before segmentation or after reassembly in the host.
func (c *tcpState) estimate(p *Packet, dir int) {
	if p.Segments != 1 || p.Has&HasSegments != 0 {
		return
	}
	mss := uint32(c.side[1-dir].mss)
	switch {
	case mss == 0 && p.PayloadLen <= jumbo:
		return
	case mss == 0:
		mss = commonMSS
	case p.PayloadLen <= mss:
		return
	case c.options()&TCPTimestamp != 0 && mss > leastMSS:
		mss -= timestampLen
	}
	mss = max(mss, 64)
	p.Segments = (p.PayloadLen + mss - 1) / mss
}
