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
			slot := &t.wheel.slots[t.wheel.now%wheelSlots]
			for !slot.empty() {
				if t.visit(slot.head) && !yield(&t.lent) {
					return
				}
			}
			if t.wheel.now >= last {
				return
			}
			t.wheel.now++
		}
	}
}

func (t *Table) drainReady(yield func(*Record) bool) bool {
	for i := range t.nready {
		if !yield(&t.ready[i]) {
			t.nready = copy(t.ready[:], t.ready[i+1:t.nready])
			return false
		}
	}
	t.nready = 0
	return true
}

// visit looks at flow n, whose time in the wheel has come, and reports whether it left a record in t.lent.
func (t *Table) visit(n uint32) bool {
	e := t.entries.at(n)
	gives := false
	switch {
	case t.clock-e.seen >= idle[e.class]:
		end := EndIdle
		if e.state&closed != 0 {
			end = EndDetected
		}
		if gives = e.state&unreported != 0; gives {
			t.record(e, &t.lent, CauseTimeout, end)
		}
		t.remove(n, e)
		return gives
	case e.state&unreported == 0:
	case e.state&closed != 0:
		t.record(e, &t.lent, CauseStatus, EndDetected)
		gives = true
	case t.clock-e.begun >= t.status:
		t.record(e, &t.lent, CauseStatus, EndNone)
		gives = true
	default:
		t.requeue(n, e, e.begun+t.status)
		return false
	}
	t.requeue(n, e, e.seen+idle[e.class])
	return gives
}

// Flush lends the last record of every open flow that has something unreported, and forgets them all (EndForced).
func (t *Table) Flush(now int64) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		t.tick(now)
		if !t.drainReady(yield) {
			return
		}
		for _, q := range []*queue{&t.waiting, &t.open} {
			for !q.empty() {
				e := t.entries.at(q.head)
				gives := e.state&unreported != 0
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
	if t.nready > 0 || !t.wheel.slots[t.wheel.now%wheelSlots].empty() {
		return t.clock - t.skew
	}
	for i := int64(1); i < wheelSlots; i++ {
		if !t.wheel.slots[(t.wheel.now+i)%wheelSlots].empty() {
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
	if e.state&unreported != 0 {
		t.record(e, &t.ready[t.nready], cause, end)
		t.nready++
	}
	t.remove(n, e)
}

func (t *Table) remove(n uint32, e *entry) {
	t.wheel.take(&t.entries, n)
	t.ageQueue(e).remove(&t.entries, byAge, n)
	t.index.remove(e.hash, n)
	if e.tcp != none {
		t.tcps.free(e.tcp)
	}
	t.entries.free(n)
	t.stats.Open--
}

// ageQueue returns the eviction queue in which e stands.
func (t *Table) ageQueue(e *entry) *queue {
	if e.state&answered != 0 {
		return &t.open
	}
	return &t.waiting
}

// promote moves flow n among those that are worth keeping.
func (t *Table) promote(n uint32, e *entry) {
	t.waiting.remove(&t.entries, byAge, n)
	t.open.push(&t.entries, byAge, n)
	e.state |= answered
}

// demote moves flow n among those that go first when the table is full.
func (t *Table) demote(n uint32, e *entry) {
	t.ageQueue(e).remove(&t.entries, byAge, n)
	t.waiting.push(&t.entries, byAge, n)
	e.state &^= answered
}

// secondChances bounds the work of one eviction.
const secondChances = 32

// evict ends the flow of least value: the longest silent one that nobody answered or that has closed, else the longest
// silent of all. Silence is told by the clock algorithm: a flow that had packets since it was last considered is
// passed over once.
func (t *Table) evict() {
	q := &t.waiting
	if q.empty() {
		q = &t.open
	}
	for range secondChances {
		e := t.entries.at(q.head)
		if e.state&touched == 0 {
			break
		}
		e.state &^= touched
		n := q.head
		q.remove(&t.entries, byAge, n)
		q.push(&t.entries, byAge, n)
	}
	t.stats.Evicted++
	t.finish(q.head, CauseTimeout, EndResources)
}
