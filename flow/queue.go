package flow

// none is the number of no entry.
const none = ^uint32(0)

// The two queues that an entry stands in at any time.
const (
	byDue = iota // a slot of the wheel: the entries to look at when that second comes
	byAge        // the order in which entries would be evicted
	queues
)

// links is an entry's place in one queue.
type links struct{ prev, next uint32 }

// queue is a doubly linked list of entries.
type queue struct{ head, tail uint32 }

func (q *queue) empty() bool { return q.head == none }

func (q *queue) push(s *slab[entry], which int, n uint32) {
	s.at(n).links[which] = links{prev: q.tail, next: none}
	if q.tail == none {
		q.head = n
	} else {
		s.at(q.tail).links[which].next = n
	}
	q.tail = n
}

func (q *queue) remove(s *slab[entry], which int, n uint32) {
	l := s.at(n).links[which]
	if l.prev == none {
		q.head = l.next
	} else {
		s.at(l.prev).links[which].next = l.next
	}
	if l.next == none {
		q.tail = l.prev
	} else {
		s.at(l.next).links[which].prev = l.prev
	}
}

// tickShift makes ticks of nanoseconds: 2^30 ns, a little more than a second.
const tickShift = 30

// wheelSlots is a power of two, so that a tick finds its slot with a mask: 137 s ahead. What is due later waits in the
// farthest slot and is sent on when its time there comes.
const wheelSlots = 128

// wheel keeps entries by the tick at which they are due.
type wheel struct {
	slots [wheelSlots]queue
	now   int64 // the last tick that was looked at
}

func newWheel() wheel {
	var w wheel
	for i := range w.slots {
		w.slots[i] = queue{none, none}
	}
	return w
}

// put enters n for time due (ns, rounded up to a tick), at the earliest for the next tick.
func (w *wheel) put(s *slab[entry], n uint32, due int64) {
	tick := min(max(due>>tickShift+1, w.now+1), w.now+wheelSlots-1)
	e := s.at(n)
	e.slot = uint8(tick & (wheelSlots - 1)) // also of a tick before 1970, which is negative
	w.slots[e.slot].push(s, byDue, n)
}

// slot returns the queue of a tick, which is negative before 1970.
func (w *wheel) slot(tick int64) *queue { return &w.slots[tick&(wheelSlots-1)] }

func (w *wheel) take(s *slab[entry], n uint32) {
	w.slots[s.at(n).slot].remove(s, byDue, n)
}
