package flow

import (
	"iter"
	"math"
)

// Due lends a record for every flow that has one to give at time now (ns since 1970), and forgets the flows that are
// over. A record is valid until the next step of the iteration. Stopping early loses nothing: the rest comes next time.
func (t *Table) Due(now int64) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		if !t.drainReady(yield) {
			return
		}
		last := t.tick(now) >> tickShift
		t.wheel.now = max(t.wheel.now, last-wheelSlots) // every slot is looked at once
		for {
			slot := t.wheel.slot(t.wheel.now)
			for !slot.empty() {
				if t.visit(slot.head) && !yield(&t.lent) {
					return
				}
			}
			if t.wheel.now >= last {
				return
			}
			t.wheel.now++
			if t.wheel.now >= t.trimAt {
				t.trim()
			}
		}
	}
}

// trim returns memory that was not needed for two status intervals.
func (t *Table) trim() {
	t.trimAt = t.wheel.now + 2*t.status>>tickShift + 1
	t.entries.trim()
	t.sides.trim()
	t.data.trim(&t.sides)
	t.spreads.trim()
	t.extras.trim()
	t.tcps.trim()
}

func (t *Table) drainReady(yield func(*Record) bool) bool {
	for i := range t.nready {
		if yield(&t.ready[i]) {
			continue
		}
		if t.nready -= i + 1; t.nready > 0 { // a swap: each keeps the memory of its data
			t.ready[0], t.ready[1] = t.ready[1], t.ready[0]
		}
		return false
	}
	t.nready = 0
	return true
}

// visit looks at flow n, whose time in the wheel has come, and reports whether it left a record in t.lent.
func (t *Table) visit(n uint32) bool {
	e := t.entries.at(n)
	gives := false
	switch {
	case coarse(t.clock)-e.seen >= t.idle[e.class]:
		end := EndIdle
		if e.state&closed != 0 {
			end = EndDetected
		}
		if gives = e.unreported(); gives {
			t.record(e, &t.lent, CauseTimeout, end)
		}
		t.remove(n, e)
		return gives
	case !e.unreported():
	case e.state&closed != 0:
		t.record(e, &t.lent, CauseStatus, EndDetected)
		gives = true
	case coarse(t.clock)-e.begun >= coarse(t.status):
		t.record(e, &t.lent, CauseStatus, EndNone)
		gives = true
	default:
		t.requeue(n, e, t.after(e.begun, coarse(t.status)))
		return false
	}
	t.requeue(n, e, t.after(e.seen, t.idle[e.class]))
	return gives
}

// Flush lends the last record of every open flow that has something unreported, and forgets them all (EndForced).
func (t *Table) Flush(now int64) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		t.tick(now)
		if !t.drainReady(yield) {
			return
		}
		for _, q := range []*queue{&t.waiting, &t.over, &t.open} {
			for !q.empty() {
				e := t.entries.at(q.head)
				gives := e.unreported()
				if gives {
					end := EndForced
					if e.state&closed != 0 {
						end = EndDetected
					}
					t.record(e, &t.lent, CauseStatus, end)
				}
				t.remove(q.head, e)
				if gives && !yield(&t.lent) {
					return
				}
			}
		}
	}
}

// NextDue returns the earliest time (ns since 1970) at which Due may have something to do: until then, and without
// packets, a meter may sleep. It is math.MaxInt64 when no flow is open.
func (t *Table) NextDue() int64 {
	if t.nready > 0 || !t.wheel.slot(t.wheel.now).empty() {
		return t.clock - t.skew
	}
	for i := int64(1); i < wheelSlots; i++ {
		if !t.wheel.slot(t.wheel.now + i).empty() {
			return (t.wheel.now+i)<<tickShift - t.skew
		}
	}
	return math.MaxInt64
}

// finish ends flow n from within Add: what is unreported goes to the records that are ready.
func (t *Table) finish(n uint32, cause Cause, end End) {
	e := t.entries.at(n)
	if e.state&closed != 0 {
		end = EndDetected
	}
	if e.unreported() {
		t.record(e, &t.ready[t.nready], cause, end)
		t.nready++
	}
	t.remove(n, e)
}

func (t *Table) remove(n uint32, e *entry) {
	t.wheel.take(&t.entries, n)
	t.ageQueue(e).remove(&t.entries, byAge, n)
	t.index.remove(t.hasher.hash(&e.key), n)
	if e.tcp != none {
		t.tcps.free(e.tcp)
	}
	if e.extra != none {
		t.extras.free(e.extra)
	}
	t.entries.free(n)
	if t.stats.Open--; t.stats.Open == 0 { // there may be nothing to do for long
		t.trim()
		t.trim()
	}
}

// after returns the table's time at which wait (coarse) will have passed since then, a coarse time in the past.
func (t *Table) after(then, wait uint32) int64 {
	return t.clock + int64(int32(wait-(coarse(t.clock)-then)))<<coarseShift
}
