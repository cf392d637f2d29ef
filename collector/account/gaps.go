package account

import "time"

// gap takes a hole in the sequences. When its records were made is bounded by the status records around it, and how many of them the
// agent knows that it gave up is told by the totals after it: until then it is held.
func (f *fold) gap(g *Gap) {
	n := add(g.Last-g.First, 1)
	if g.Last < g.First {
		return
	}
	h := held{first: g.First, last: g.Last, reported: min(g.Reported, n), from: f.c.Last, seen: f.e.Sent}
	h.unreported = n - h.reported
	if h.seen.IsZero() {
		h.seen = f.e.Received
	}
	h.seen = f.at(h.seen)
	if f.late() { // of an old life: nothing more will be told
		h.from, h.to = f.e.Previous, f.e.Received
		f.settle(&h, SpoolFull)
		return
	}
	c := &f.c
	if f.cut() { // no status record between two gaps: one
		last := &c.held[len(c.held)-1]
		last.last, last.seen = h.last, h.seen
		last.reported, last.unreported = add(last.reported, h.reported), add(last.unreported, h.unreported)
		return
	}
	if len(c.held) == maxHeld {
		f.settle(&c.held[0], c.gaveUp())
		c.held = c.held[1:]
	}
	c.held = append(c.held, h)
}

// bound ends the latest gap at the first status record behind it.
func (f *fold) bound(now time.Time) {
	if !f.cut() {
		return
	}
	c := &f.c
	h := &c.held[len(c.held)-1]
	if h.to = now; h.from.IsZero() { // the first that was ever heard
		h.from = now
	}
	f.arrivedNever(h)
	if h.reported == 0 {
		c.held = c.held[:len(c.held)-1]
	}
}

// arrivedNever is the part of a gap that the agent has not said it gave up.
func (f *fold) arrivedNever(h *held) {
	if h.unreported > 0 {
		f.row(Missing{From: h.from, To: h.to, Records: h.unreported, First: h.first, Last: h.last}, NeverArrived)
		h.unreported = 0
	}
}

// settle is the part of a gap that the agent gave up.
func (f *fold) settle(h *held, reason Reason) {
	if h.to.IsZero() {
		if h.to = f.c.Last; h.from.IsZero() || h.to.IsZero() {
			h.from, h.to = f.e.Previous, f.e.Received
		}
	}
	f.arrivedNever(h)
	if h.reported > 0 {
		f.row(Missing{From: h.from, To: h.to, Records: h.reported, First: h.first, Last: h.last}, reason)
	}
}

// gaveUp is why the agent gives records up now.
func (c *Condition) gaveUp() Reason {
	if c.Degraded != "" {
		return Lost
	}
	return SpoolFull
}

// discards holds what the agent has given up against the gaps that showed it: totals that were made after a gap's batch was sent count it.
// What they count beside that had come, and the agent did not know it yet, unless it is the end of an old life of the spool, which no gap shows.
func (f *fold) discards(t *totals, now time.Time) {
	c := &f.c
	more := rise(&c.discarded, t.Discarded)
	c.debt = add(c.debt, more)
	reason := c.gaveUp()
	if aside := rise(&c.quarantined, t.Quarantined); aside > 0 && aside == more {
		reason = Lost
	}
	for len(c.held) > 0 && !c.held[0].to.IsZero() && (c.debt >= c.held[0].reported || now.After(c.held[0].seen)) {
		h := c.held[0]
		c.debt -= min(c.debt, h.reported)
		if h.from.Equal(h.to) && t.DroppedFrom != nil { // the first that was ever heard: the agent knows since when
			h.from = f.at(*t.DroppedFrom)
		}
		f.settle(&h, reason)
		c.held = c.held[1:]
	}
	if len(c.held) > 0 {
		return
	}
	if c.turned && c.debt > 0 {
		m := Missing{From: c.told, To: now, Records: c.debt}
		if t.DroppedFrom != nil && t.DroppedTo != nil {
			m.From, m.To = f.at(*t.DroppedFrom), f.at(*t.DroppedTo)
		}
		f.row(m, reason)
	}
	c.debt, c.turned = 0, false
}
