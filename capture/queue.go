package capture

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// queue is the Source of frames that the system hands to a thread instead of writing them to memory shared with us. The
// feeder puts copies, cut to the snap length, into one buffer while Next lends from the other; they change places when
// Next has come to its end. A frame for which the buffer has no room is dropped and counted.
type queue struct {
	name   string
	index  int
	method string
	snap   int
	limit  int                    // octets of one buffer
	stop   func()                 // ends the feeding, waits for it, gives everything back
	lost   func() (uint64, error) // frames that the system had no room for since the queue was made; nil: it does not tell

	read  []byte // what is left to lend
	spare []byte // the buffer that read is a part of
	large time.Time
	timer *time.Timer
	stats Stats

	closed  atomic.Bool
	closing sync.Once
	wake    chan struct{} // one value: Next is to look again

	mu          sync.Mutex // guards what follows
	fill        []byte
	dropped     uint64
	err         error // why nothing more comes
	interrupted bool
}

// note is what a feeder knows of a frame beside its octets.
type note struct {
	at          int64 // ns since 1970
	length      uint32
	link        LinkType
	outgoing    bool
	notVerified bool // Frame.ChecksumNotReady
}

// A frame in a buffer begins with its note: time, octets kept, length on the wire, link type, flags.
const (
	noteSize        = 20
	flagOutgoing    = 1
	flagNotVerified = 2
)

// leastBuffer is what a quiet interface keeps.
const leastBuffer = 64 << 10

func newQueue(name string, index int, method string, o Options) *queue {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &queue{
		name: name, index: index, method: method, snap: o.SnapLen, limit: max(o.Ring/2, noteSize+maxSnapLen),
		timer: t, wake: make(chan struct{}, 1), stats: Stats{Method: method}, stop: func() {},
	}
}

// put copies a frame, of which data was captured.
func (q *queue) put(n *note, data []byte) {
	data = data[:min(len(data), q.snap)]
	var b [noteSize]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n.at))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(data)))
	binary.LittleEndian.PutUint32(b[12:], max(n.length, uint32(len(data))))
	binary.LittleEndian.PutUint16(b[16:], uint16(n.link))
	if n.outgoing {
		b[18] = flagOutgoing
	}
	if n.notVerified {
		b[18] |= flagNotVerified
	}
	q.mu.Lock()
	if len(q.fill)+noteSize+len(data) > q.limit {
		q.dropped++
	} else {
		q.fill = append(append(q.fill, b[:]...), data...)
	}
	many := len(q.fill) > q.limit/2
	q.mu.Unlock()
	if many {
		q.signal()
	}
}

// drop counts n frames that were lost on their way to put.
func (q *queue) drop(n uint64) {
	q.mu.Lock()
	q.dropped += n
	q.mu.Unlock()
}

// flush tells Next of what was put: the feeder has no more for now.
func (q *queue) flush() {
	q.mu.Lock()
	any := len(q.fill) > 0
	q.mu.Unlock()
	if any {
		q.signal()
	}
}

// fail ends the source with err when all that was put has been lent.
func (q *queue) fail(err error) {
	err = fmt.Errorf("capture on %s: %s: %w", q.name, q.method, err)
	q.mu.Lock()
	q.err = cmp.Or(q.err, err)
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Next implements Source.
func (q *queue) Next(f *Frame, wait time.Duration) ([]byte, error) {
	if q.closed.Load() {
		return nil, q.errClosed()
	}
	if len(q.read) == 0 {
		if err := q.acquire(wait); err != nil {
			return nil, err
		}
	}
	b := q.read
	size := int(binary.LittleEndian.Uint32(b[8:]))
	setFrame(f, LinkType(binary.LittleEndian.Uint16(b[16:])), uint32(size), binary.LittleEndian.Uint32(b[12:]))
	f.Timestamp = time.Unix(0, int64(binary.LittleEndian.Uint64(b)))
	f.InterfaceIndex = q.index
	f.Outgoing, f.ChecksumNotReady = b[18]&flagOutgoing != 0, b[18]&flagNotVerified != 0
	q.read = b[noteSize+size:]
	q.stats.Received++
	return b[noteSize : noteSize+size : noteSize+size], nil
}

// acquire takes the buffer that is filled, and waits until there is something in it.
func (q *queue) acquire(wait time.Duration) error {
	waiting := false
	for {
		if ok, err := q.turn(wait > 0); ok || err != nil {
			return err
		}
		if !waiting {
			waiting = true
			q.timer.Reset(wait)
			defer q.timer.Stop()
		}
		select {
		case <-q.wake:
		case <-q.timer.C:
			wait = 0
		}
	}
}

// turn changes the buffers, unless nothing was put. An error says why there is nothing to wait for.
func (q *queue) turn(mayWait bool) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed.Load():
		return false, q.errClosed()
	case len(q.fill) > 0:
		q.read, q.spare, q.fill = q.fill, q.fill, q.empty()
		return true, nil
	case q.err != nil:
		return false, q.err
	case !mayWait:
		return false, ErrTimeout
	case q.interrupted:
		q.interrupted = false
		return false, ErrTimeout
	}
	return false, nil
}

// empty returns the buffer that was lent for filling, or lets it go when a minute of little traffic has not needed its size.
func (q *queue) empty() []byte {
	now := time.Now()
	if len(q.fill) > leastBuffer {
		q.large = now
	}
	if cap(q.spare) > 2*leastBuffer && now.Sub(q.large) > quietTime {
		return nil
	}
	return q.spare[:0]
}

// quietTime is how long a buffer is kept larger than it needs to be.
const quietTime = time.Minute

// Interrupt implements Source.
func (q *queue) Interrupt() {
	q.mu.Lock()
	q.interrupted = true
	q.mu.Unlock()
	q.signal()
}

// Stats implements Source.
func (q *queue) Stats() (Stats, error) {
	s := q.stats
	q.mu.Lock()
	s.Dropped = q.dropped
	q.mu.Unlock()
	if q.lost == nil || q.closed.Load() {
		return s, nil
	}
	n, err := q.lost()
	if err != nil {
		return s, fmt.Errorf("capture on %s: %s: statistics: %w", q.name, q.method, err)
	}
	s.Dropped += n
	return s, nil
}

// Close implements Source.
func (q *queue) Close() error {
	q.closing.Do(func() {
		q.closed.Store(true)
		q.stop()
		q.signal()
	})
	return nil
}

func (q *queue) errClosed() error { return fmt.Errorf("capture on %s: %w", q.name, net.ErrClosed) }
