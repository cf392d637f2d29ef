package agent

import (
	"sync/atomic"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

const (
	roomStep  = 1 << 10 // flows by which a table grows
	roomFloor = 1 << 9  // flows that every table may hold, whatever the others do
)

// room is what the tables of all interfaces may hold together.
type room struct{ left atomic.Int64 }

func newRoom(flows int) *room {
	r := &room{}
	r.left.Store(int64(flows))
	return r
}

// lease is one table's part of the room. The goroutine of its meter owns it.
type lease struct {
	room  *room
	table *flow.Table
	flows int
}

// newTable returns a table that takes what room it needs, step by step.
func newTable(c flow.Config, r *room) *lease {
	l := &lease{room: r, flows: roomFloor}
	r.left.Add(-roomFloor) // also where none is left: the floor of an interface is small
	c.MaxFlows, c.Grow = l.flows, l.grow
	l.table = flow.NewTable(c)
	return l
}

// grow takes another step, where there is one, and returns how many flows the table may hold.
func (l *lease) grow() int {
	if left := l.room.left.Load(); left > 0 {
		if n := min(left, roomStep); l.room.left.CompareAndSwap(left, left-n) {
			l.flows += int(n)
		}
	}
	return l.flows
}

// trim gives back what the table has not needed for a while.
func (l *lease) trim() {
	spare := l.flows - max(l.table.Stats().Open, roomFloor)
	if spare < 4*roomStep {
		return
	}
	n := spare - 2*roomStep
	l.flows -= n
	l.table.Limit(l.flows)
	l.room.left.Add(int64(n))
}

// end gives back all of it.
func (l *lease) end() {
	l.room.left.Add(int64(l.flows))
	l.flows = 0
}
