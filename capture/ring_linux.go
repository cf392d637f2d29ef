package capture

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// retire is how long the kernel keeps a block that is not full. It bounds the delay of a frame and the
// wake-ups a second; a silent interface causes none.
const retire = 100 * time.Millisecond

// ring is the source of an interface: a small ring, whose place a large one takes while the interface is busy (size_linux.go).
// The waiting is the Go runtime's: no thread is held by a silent interface.
type ring struct {
	name  string
	index int
	link  LinkType

	cur   block // what is left of the block that is read
	held  bool  // it belongs to us
	from  *socket
	stats Stats
	ready func(fd uintptr) bool // r.poll, made once
	sizes

	downErr error     // the socket's error; reported when what the ring holds has been read
	downAt  time.Time // when nothing more can come

	closed atomic.Bool
	close  sync.Once

	mu          sync.Mutex // guards what follows, and the deadline of a wait changes with it
	interrupted bool       // no Next has returned since an Interrupt
	small       *socket    // nil where there is no large one to change to
	large       *socket    // nil while it is not needed
	to          *socket    // gets the frames of the interface: from, or after a change the one that is read next
	changing    bool
	failed      time.Time // the last change that the kernel refused
	changes     sync.WaitGroup
}

// Next implements Source.
func (r *ring) Next(f *Frame, wait time.Duration) ([]byte, error) {
	for {
		if r.held {
			f.Link, f.InterfaceIndex = r.link, r.index
			if data, ok := r.cur.next(f); ok {
				r.stats.Received++
				return data, nil
			}
			r.from.release()
			r.held = false
		}
		if err := r.acquire(wait); err != nil {
			return nil, err
		}
	}
}

// acquire waits for the next block.
func (r *ring) acquire(wait time.Duration) error {
	var end time.Time
	for {
		if r.closed.Load() {
			return r.errClosed()
		}
		r.turn()
		if r.from.ready() {
			break
		}
		if wait > 0 && end.IsZero() {
			end = time.Now().Add(wait)
		}
		if err := r.wait(end); err != nil {
			return err
		}
	}
	var full bool
	r.cur, full = r.from.open()
	r.held = true
	if full {
		r.busy()
	}
	return nil
}

// wait returns when the next block may be ready or the ring has changed, or with the reason why not.
func (r *ring) wait(end time.Time) error {
	if r.downErr != nil {
		if !time.Now().Before(r.downAt) && !r.isChanging() {
			return fmt.Errorf("capture on %s: %w", r.name, r.downErr)
		}
		end = earlier(end, time.Now().Add(retire))
	}
	if end.IsZero() {
		return ErrTimeout
	}
	if ok, err := r.allow(earlier(end, r.quietAt())); !ok {
		return err
	}
	err := r.from.conn.Read(r.ready)
	switch {
	case r.closed.Load():
		return r.errClosed()
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.interrupted || !time.Now().Before(end) {
			r.interrupted = false
			return ErrTimeout
		}
	case err != nil:
		return fmt.Errorf("capture on %s: %w", r.name, err)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// allow sets the deadline of a wait, unless the wait was interrupted before it began or there is another ring to go on
// with. An Interrupt or a change from here on moves the deadline.
func (r *ring) allow(end time.Time) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.interrupted:
		r.interrupted = false
		return false, ErrTimeout
	case r.to != r.from && r.from.drained():
		return false, nil
	case r.from.file.SetReadDeadline(end) != nil:
		return false, r.errClosed()
	}
	return true, nil
}

// poll tells whether waiting is over: a block is ready or the socket has an error.
func (r *ring) poll(fd uintptr) bool {
	if r.from.ready() {
		return true
	}
	if r.downErr == nil {
		if r.downErr = socketError(int(fd)); r.downErr != nil {
			r.downAt = time.Now().Add(2 * retire)
			return true
		}
	}
	return false
}

// Interrupt implements Source.
func (r *ring) Interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.interrupted = true
	r.wake()
}

// wake ends the wait of a Next. The caller holds the lock.
func (r *ring) wake() {
	for s := range r.sockets {
		_ = s.file.SetReadDeadline(time.Now())
	}
}

// sockets yields those that are open. The caller holds the lock.
func (r *ring) sockets(yield func(*socket) bool) {
	if r.small == nil || yield(r.small) {
		_ = r.large == nil || yield(r.large)
	}
}

// Stats implements Source.
func (r *ring) Stats() (Stats, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sockets {
		n, err := s.drops()
		switch {
		case r.closed.Load():
			return r.stats, nil
		case err != nil:
			return r.stats, fmt.Errorf("capture on %s: statistics: %w", r.name, err)
		}
		r.stats.Dropped += n
	}
	return r.stats, nil
}

// Close implements Source.
func (r *ring) Close() error {
	r.close.Do(func() {
		r.mu.Lock()
		r.closed.Store(true)
		open := slices.Collect(r.sockets)
		r.mu.Unlock()
		for _, s := range open {
			s.close()
		}
		r.changes.Wait()
	})
	return nil
}

func (r *ring) errClosed() error {
	return fmt.Errorf("capture on %s: %w", r.name, net.ErrClosed)
}
