package flow

// The measures of a keystroke. A segment is one when it carries PSH and at most strokeSize octets of new data, nothing
// of its side was waiting for an acknowledgement, its side had been silent for strokePause (no hand types faster, no
// protocol waits so long between the parts of one request), and the other side answers it as a terminal does: within
// echoTime, with a segment that acknowledges it and carries an echo of at most strokeSize octets.
// A segment that is an echo is no keystroke.
const (
	strokeSize  = 128
	strokePause = 20e6 >> tickBits
	echoTime    = 1e9 >> tickBits
)

// addStroke looks at a segment of new data, before its side's sequence space takes it in.
func (c *tcpState) addStroke(p *Packet, dir int) {
	me, peer := &c.side[dir], &c.side[1-dir]
	now, last := tick(p.Time), me.mark
	me.mark = now
	if peer.bits&sideStroke != 0 {
		peer.bits &^= sideStroke
		if p.PayloadLen <= strokeSize && p.TCP.Ack == peer.next && now-peer.mark <= echoTime {
			peer.strokes++
			return
		}
	}
	me.bits &^= sideStroke
	if p.PayloadLen <= strokeSize && p.TCP.Flags&(SYN|FIN|PSH) == PSH && now-last >= strokePause &&
		peer.flags&ACK != 0 && peer.ack == me.next {
		me.bits |= sideStroke
	}
}
