package capture

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// blockSize is a compromise: at 100,000 frames of 300 octets a second the process spent 111 ns a frame with blocks
	// of 64 KiB, 71 with 128 KiB, 52 with 256 KiB and 37 with 1 MiB, whose two blocks dropped frames.
	blockSize = 256 << 10
	// retire is how long the kernel keeps a block that is not full. It bounds the delay of a frame and the
	// wake-ups a second; a silent interface causes none.
	retire = 100 * time.Millisecond
)

// ring is a packet socket whose frames the kernel writes to memory shared with us (Linux packet_mmap, TPACKET_V3).
// The waiting is the Go runtime's: no thread is held by a silent interface.
type ring struct {
	name  string
	index int
	link  LinkType
	file  *os.File
	conn  syscall.RawConn
	ready func(fd uintptr) bool // r.poll, made once

	mem    []byte
	blocks int
	vnet   bool  // the kernel tells the size of the segments
	at     int   // the block that is read, or the next one to wait for
	cur    block // what is left of it
	held   bool  // block at belongs to us

	stats   Stats
	downErr error     // the socket's error; reported when what the ring holds has been read
	downAt  time.Time // when nothing more can come

	deadline    sync.Mutex // of a wait: it and interrupted change together
	interrupted bool       // no Next has returned since an Interrupt
	closed      atomic.Bool
	close       sync.Once
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
			r.release()
		}
		if err := r.acquire(wait); err != nil {
			return nil, err
		}
	}
}

// acquire waits for the next block.
func (r *ring) acquire(wait time.Duration) error {
	if r.closed.Load() {
		return r.errClosed()
	}
	if !r.blockReady() {
		if err := r.wait(wait); err != nil {
			return err
		}
	}
	r.cur = openBlock(r.mem[r.at*blockSize:][:blockSize], r.vnet)
	r.held = true
	return nil
}

// wait returns when the next block is ready, or with the reason why it is not.
func (r *ring) wait(wait time.Duration) error {
	if r.downErr != nil {
		left := time.Until(r.downAt)
		if left <= 0 {
			return fmt.Errorf("capture on %s: %w", r.name, r.downErr)
		}
		wait = min(wait, left)
	}
	if wait <= 0 {
		return ErrTimeout
	}
	if err := r.allow(wait); err != nil {
		return err
	}
	err := r.conn.Read(r.ready)
	switch {
	case r.closed.Load():
		return r.errClosed()
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.deadline.Lock()
		r.interrupted = false
		r.deadline.Unlock()
		return ErrTimeout
	case err != nil:
		return fmt.Errorf("capture on %s: %w", r.name, err)
	case !r.blockReady():
		return ErrTimeout // the interface went down: what the ring holds comes yet
	}
	return nil
}

// allow sets the deadline of a wait, unless the wait was interrupted before it began. An Interrupt from here on moves
// the deadline.
func (r *ring) allow(wait time.Duration) error {
	r.deadline.Lock()
	defer r.deadline.Unlock()
	if r.interrupted {
		r.interrupted = false
		return ErrTimeout
	}
	if err := r.file.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return r.errClosed()
	}
	return nil
}

// poll tells whether waiting is over: a block is ready or the socket has an error.
func (r *ring) poll(fd uintptr) bool {
	if r.blockReady() {
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

func (r *ring) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.mem[r.at*blockSize+blockStatus]))
}

func (r *ring) blockReady() bool { return atomic.LoadUint32(r.status())&unix.TP_STATUS_USER != 0 }

// release gives the current block back to the kernel.
func (r *ring) release() {
	atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
	r.held = false
	r.at = (r.at + 1) % r.blocks
}

// Interrupt implements Source.
func (r *ring) Interrupt() {
	r.deadline.Lock()
	defer r.deadline.Unlock()
	r.interrupted = true
	_ = r.file.SetReadDeadline(time.Now())
}

// Stats implements Source.
func (r *ring) Stats() (Stats, error) {
	if r.closed.Load() {
		return r.stats, nil
	}
	var err error
	ctl := r.conn.Control(func(fd uintptr) {
		var s *unix.TpacketStatsV3
		if s, err = unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			r.stats.Dropped += uint64(s.Drops) // reading resets it
		}
	})
	if ctl != nil && !r.closed.Load() {
		err = ctl
	}
	if err != nil {
		return r.stats, fmt.Errorf("capture on %s: statistics: %w", r.name, err)
	}
	return r.stats, nil
}

// Close implements Source. The ring's pages go back at once: empty pages take their place, so that a frame still lent
// turns to zeros instead of a fault. The address range itself is given back when the source is collected.
func (r *ring) Close() error {
	r.close.Do(func() {
		r.closed.Store(true)
		r.file.Close()
		if r.mem != nil {
			_, _ = unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(r.mem)), uintptr(len(r.mem)),
				unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED)
		}
	})
	return nil
}

func (r *ring) errClosed() error {
	return fmt.Errorf("capture on %s: %w", r.name, net.ErrClosed)
}
