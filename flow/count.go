package flow

// count adds p to flow n.
func (t *Table) count(n uint32, e *entry, p *Packet, reversed bool, now int64) {
	dir := e.direction(reversed)
	e.seen = coarse(now)
	switch {
	case e.unreported():
		e.state |= touched
	case e.state&reported != 0: // it was silent: a status record is due again
		e.begun = e.seen
		e.state |= touched
		t.requeue(n, e, now+t.status)
	default:
		e.begun = e.seen
	}
	e.remember(p, dir)
	if p.Tunnel != nil || p.Has&HasMPLS != 0 || e.class == classOther || e.class == classARP {
		t.countExtra(e, p, dir)
	}
	if e.tcp != none && p.Has&HasLaterFragment == 0 {
		t.countTCP(n, e, p, dir)
		return
	}
	t.countSide(e, dir, p, true)
	e.state |= sawSrc << dir
	if p.PayloadLen > 0 {
		e.countData(dir)
	}
	if e.state&answered == 0 && e.tcp == none && e.isWorthKeeping() {
		t.rank(n, e, answered)
	}
}

// isWorthKeeping tells whether e had packets both ways, or has lasted for a status interval: it is worth keeping.
func (e *entry) isWorthKeeping() bool {
	return e.state&(sawSrc|sawDst) == sawSrc|sawDst || e.state&reported != 0
}

func (t *Table) countTCP(n uint32, e *entry, p *Packet, dir int) {
	c := t.tcps.at(e.tcp)
	if p.PayloadLen > leastMSS {
		c.estimate(p, dir)
	}
	t.countSide(e, dir, p, c.moves(p, dir) && e.side[dir] != none)
	e.state |= sawSrc << dir
	c.add(p, dir, &t.tcps)
	switch {
	case c.ended():
		if e.state&closed == 0 {
			e.class = classTCPClosed
			t.rank(n, e, closed)
			t.requeue(n, e, t.clock)
		}
	case c.closing():
		e.class = classTCP
	case e.state&answered != 0:
	case c.status&TCPEstablished != 0 && e.isWorthKeeping(): // not a scan's single ACK
		e.class = classTCPOpen
		t.rank(n, e, answered)
	case e.state&reported != 0 && p.PayloadLen > 0: // one side of a lasting transfer, the other goes elsewhere
		t.rank(n, e, answered)
	}
}
