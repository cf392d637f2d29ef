package flow

// ageQueue returns the eviction queue in which e stands.
func (t *Table) ageQueue(e *entry) *queue {
	switch {
	case e.state&closed != 0:
		return &t.over
	case e.state&answered != 0:
		return &t.open
	}
	return &t.waiting
}

// rank moves flow n to the end of the eviction queue that its state tells after gaining the given facts.
func (t *Table) rank(n uint32, e *entry, gained state) {
	t.ageQueue(e).remove(&t.entries, byAge, n)
	e.state = e.state&^touched | gained
	t.ageQueue(e).push(&t.entries, byAge, n)
}

// secondChances bounds the work of one eviction.
const secondChances = 32

// evict ends the flow of least value: of those that nobody answered, else of those that have closed, else of all, the
// longest silent one. Silence is told by the clock algorithm: a flow that had packets since it was last considered is
// passed over once, so that the busy ones go last.
func (t *Table) evict() {
	q := &t.open
	switch {
	case !t.waiting.empty():
		q = &t.waiting
	case !t.over.empty():
		q = &t.over
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
