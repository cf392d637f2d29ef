package agent

import (
	"bytes"
	"sync"
)

// liveBacklog is how many blocks of records a local reader may be behind before it is dropped: at 16 KiB each, 1 MiB.
const liveBacklog = 64

// live hands the records that go to the spool to local readers too, a block at a time. It never waits for one.
type live struct {
	mu      sync.Mutex
	closed  bool
	readers map[chan []byte]struct{}
	dropped uint64 // readers that were too slow
}

// publish copies a block for whoever reads.
func (l *live) publish(records []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.readers) == 0 {
		return
	}
	block := bytes.Clone(records)
	for c := range l.readers {
		select {
		case c <- block:
		default:
			delete(l.readers, c)
			close(c)
			l.dropped++
		}
	}
}

// join returns a channel of blocks from now on. It is closed when the reader was too slow or the agent ends.
func (l *live) join() chan []byte {
	c := make(chan []byte, liveBacklog)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		close(c)
		return c
	}
	if l.readers == nil {
		l.readers = make(map[chan []byte]struct{})
	}
	l.readers[c] = struct{}{}
	return c
}

func (l *live) leave(c chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.readers, c)
}

func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.readers {
		close(c)
	}
	l.readers = nil
}

func (l *live) count() (readers int, dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.readers), l.dropped
}
