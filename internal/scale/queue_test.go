//go:build linux

package scale

import (
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/chaos"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

// recordOctets is about what one record takes.
const recordOctets = 220

// queue is an agent's spool without a disk: it makes the records when they are sent, the same ones each time.
type queue struct {
	monitor uuid.UUID
	ready   chan struct{}

	mu                  sync.Mutex
	made, sent, durable uint64 // sequences
	buf                 []byte
	begun               time.Time
}

func newQueue(monitor uuid.UUID) *queue {
	return &queue{monitor: monitor, ready: make(chan struct{}, 1), begun: time.Now()}
}

// add makes n more records wait.
func (q *queue) add(n uint64) {
	q.mu.Lock()
	q.made += n
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// state returns how many records are not durable, and how many are.
func (q *queue) state() (pending, durable uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.made - q.durable, q.durable
}

func (q *queue) Epoch() uint64         { return 1 }
func (q *queue) Wait() <-chan struct{} { return q.ready }

func (q *queue) Ready() (records uint64, octets int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.made - q.sent, int64(q.made-q.sent) * recordOctets
}

func (q *queue) Lease(maxBytes, maxRecords int) (b spool.Batch, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.made == q.sent {
		return b, false
	}
	n := min(q.made-q.sent, uint64(maxRecords))
	e := argus.Encoder{Monitor: q.monitor, Interface: "eth0"}
	q.buf = q.buf[:0]
	for i := range n {
		seq := q.sent + 1 + i
		r := chaos.Record(seq, q.begun.Add(time.Duration(seq)*time.Millisecond))
		if q.buf = e.AppendFlow(q.buf, &r); len(q.buf) > maxBytes {
			n = i + 1
			break
		}
	}
	if _, err := argus.Number(q.buf, q.sent+1); err != nil {
		panic(err) // our own encoder's
	}
	b = spool.Batch{Epoch: 1, First: q.sent + 1, Last: q.sent + n, Records: q.buf}
	q.sent += n
	return b, true
}

func (q *queue) Commit(_, durable uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.durable = min(max(q.durable, durable), q.made)
	q.sent = max(q.sent, q.durable)
	return nil
}

func (q *queue) Rewind() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent = q.durable
}

func (q *queue) Resume(_, durable uint64) bool { _ = q.Commit(0, durable); return false }

func (q *queue) Quarantine(b spool.Batch, _ []byte) error { return q.Commit(0, b.Last) }

func (q *queue) Unacknowledged() (epoch uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return 1, q.sent > q.durable
}

func (q *queue) Stats() spool.Stats { return spool.Stats{Epoch: 1} }

func (q *queue) preamble(b []byte) []byte {
	e := argus.Encoder{Monitor: q.monitor, Interface: "man0"}
	now := q.begun.UnixNano()
	return e.AppendManagement(b, &argus.Management{Cause: flow.CauseStart, Start: now, Now: now})
}
