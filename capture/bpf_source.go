package capture

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// bpfDevice is an opened /dev/bpf. Only wake may be called while another call runs.
type bpfDevice interface {
	// wait returns at once when there is something to read, else after d, or when it was woken, or earlier.
	wait(d time.Duration) (ready bool, err error)
	read(b []byte) (int, error)
	drops() (uint32, error) // since it was opened, modulo 2^32
	wake()
	close()
}

// bpfSource is the source of an interface of macOS.
type bpfSource struct {
	name  string
	index int
	link  LinkType
	mac   net.HardwareAddr // of the interface: BPF does not say who sent a frame

	buf         []byte // as long as the kernel's, which reads nothing into a shorter one
	cur         bpfBuffer
	stats       Stats
	dropped     uint32      // when the device was last asked
	interrupted atomic.Bool // no Next has had to wait since an Interrupt

	busy   sync.Mutex // held while the device is used
	mu     sync.Mutex // guards what follows, and that nobody wakes a device that is closed
	closed bool
	dev    bpfDevice
}

// newBPFSource returns the source of a device with buffers of size octets.
func newBPFSource(name string, index int, link LinkType, mac net.HardwareAddr, dev bpfDevice, size int) *bpfSource {
	return &bpfSource{name: name, index: index, link: link, mac: mac, dev: dev, buf: make([]byte, size), stats: Stats{Method: "bpf"}}
}

// Next implements Source.
func (s *bpfSource) Next(f *Frame, wait time.Duration) ([]byte, error) {
	for {
		if data, ok := s.cur.next(f, s.link); ok {
			f.InterfaceIndex = s.index
			f.Outgoing = s.link == LinkEthernet && len(data) >= 12 && len(s.mac) == 6 && bytes.Equal(data[6:12], s.mac)
			s.stats.Received++
			return data, nil
		}
		if err := s.fill(wait); err != nil {
			return nil, err
		}
	}
}

// fill waits for a buffer and reads it.
func (s *bpfSource) fill(wait time.Duration) error {
	s.busy.Lock()
	defer s.busy.Unlock()
	for end := time.Now().Add(wait); ; {
		if s.isClosed() {
			return s.fault(net.ErrClosed)
		}
		left := max(0, time.Until(end))
		if s.interrupted.Load() {
			left = 0
		}
		ready, err := s.dev.wait(left)
		switch {
		case s.isClosed():
			return s.fault(net.ErrClosed)
		case err != nil:
			return s.fault(err)
		case !ready && (s.interrupted.Swap(false) || !time.Now().Before(end)):
			return ErrTimeout
		case !ready:
			continue
		}
		n, err := s.dev.read(s.buf)
		if err != nil {
			return s.fault(err)
		}
		if n > 0 {
			s.cur = bpfBuffer{mem: s.buf[:n]}
			return nil
		}
	}
}

// Interrupt implements Source.
func (s *bpfSource) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.interrupted.Store(true)
		s.dev.wake()
	}
}

// Stats implements Source.
func (s *bpfSource) Stats() (Stats, error) {
	s.busy.Lock()
	defer s.busy.Unlock()
	if s.isClosed() {
		return s.stats, nil
	}
	n, err := s.dev.drops()
	if err != nil {
		return s.stats, s.fault(fmt.Errorf("statistics: %w", err))
	}
	s.stats.Dropped += uint64(n - s.dropped)
	s.dropped = n
	return s.stats, nil
}

// Close implements Source.
func (s *bpfSource) Close() error {
	s.mu.Lock()
	was := s.closed
	if s.closed = true; !was {
		s.dev.wake()
	}
	s.mu.Unlock()
	if !was {
		s.busy.Lock()
		defer s.busy.Unlock()
		s.dev.close()
	}
	return nil
}

func (s *bpfSource) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *bpfSource) fault(err error) error {
	return fmt.Errorf("capture on %s: %w", s.name, err)
}
