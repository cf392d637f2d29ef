package capture

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// largeBlock is a compromise: at 100,000 frames of 300 octets a second the process spent 111 ns a frame with blocks
	// of 64 KiB, 71 with 128 KiB, 52 with 256 KiB and 37 with 1 MiB, whose two blocks dropped frames.
	largeBlock = 256 << 10

	// The small ring holds the longest frame in a block, and 9 ms of 100,000 frames a second at the full snap length until
	// the large one is there.
	smallBlock  = 128 << 10
	smallBlocks = 4

	// quiet is how long no block may have been full before the small ring comes back.
	quiet = time.Minute
)

// sizes is what the change between the rings of an interface needs. Both sockets are members of a fanout group
// (packet(7), PACKET_FANOUT_CBPF), whose program names the one that gets the frames: member 0 is the small one.
type sizes struct {
	snapLen  int
	promisc  bool
	loopback bool
	size     int           // octets of the large ring
	group    int           // the number of the fanout group
	quiet    time.Duration // constant but in tests
	full     time.Time     // when a block was last full
}

func open(name string, index int, o Options) (Source, error) {
	r := &ring{name: name, index: index, stats: Stats{Method: "ring"}, sizes: sizes{snapLen: o.SnapLen, promisc: o.Promiscuous, size: o.Ring, quiet: quiet}}
	s, err := newSocket(name)
	if err == nil {
		if err = s.control(r.identify); err == nil && o.Ring > smallBlock*smallBlocks {
			err = r.openSmall(s)
		} else if err == nil {
			err = r.openLarge(s)
		}
		if err != nil {
			s.close()
		}
	}
	if errors.Is(err, errNoGroup) {
		if s, err = newSocket(name); err == nil {
			if err = r.openLarge(s); err != nil {
				s.close()
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	r.from, r.to, r.ready = s, s, r.poll
	return r, nil
}

// identify finds out what kind of interface it is.
func (r *ring) identify(fd int) error {
	kind, err := hardwareType(fd, r.index)
	if err != nil {
		return err
	}
	var ok bool
	if r.link, ok = linkOf(kind); !ok {
		return fmt.Errorf("hardware type %d has no decoder: %w", kind, errors.ErrUnsupported)
	}
	r.loopback = kind == unix.ARPHRD_LOOPBACK
	return nil
}

// errNoGroup means that the kernel has no fanout groups with a program (before Linux 4.12) or none to give.
var errNoGroup = errors.New("no fanout group")

// openSmall begins with the small ring, as the first member of a group.
func (r *ring) openSmall(s *socket) error {
	r.small, s.block, s.blocks = s, smallBlock, smallBlocks
	err := r.start(s, func(fd int) error {
		const kind = (unix.PACKET_FANOUT_CBPF | unix.PACKET_FANOUT_FLAG_UNIQUEID) << 16
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, kind); err != nil {
			return fmt.Errorf("%w: %w", errNoGroup, err)
		}
		group, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
		if err != nil {
			return fmt.Errorf("%w: %w", errNoGroup, err)
		}
		r.group = group & 0xffff
		return aim(fd, 0)
	})
	if err != nil {
		r.small = nil
	}
	return err
}

// openLarge begins with the large ring, to stay.
func (r *ring) openLarge(s *socket) error {
	r.large, s.block, s.blocks = s, largeBlock, max(2, (r.size+largeBlock-1)/largeBlock)
	return r.start(s, func(int) error { return nil })
}

func (r *ring) start(s *socket, join func(fd int) error) error {
	return s.control(func(fd int) error {
		if err := s.start(fd, r.index, r.snapLen, r.loopback, join); err != nil || !r.promisc {
			return err
		}
		all := unix.PacketMreq{Ifindex: int32(r.index), Type: unix.PACKET_MR_PROMISC} // as long as some socket has it
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &all); err != nil {
			return fmt.Errorf("promiscuous mode: %w", err)
		}
		return nil
	})
}

// aim makes one member of the group get the frames. When it returns, no other is getting one any more: the kernel waits for
// all that use the program before (synchronize_net in net/packet/af_packet.c).
func aim(fd, member int) error {
	prog := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: uint32(member)}}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, &unix.SockFprog{Len: 1, Filter: &prog[0]})
	if err != nil {
		return fmt.Errorf("%w: program: %w", errNoGroup, err)
	}
	return nil
}

// busy notes that a block was full, for which the small ring is too small.
func (r *ring) busy() {
	if r.small == nil {
		return
	}
	r.full = time.Now()
	if r.from == r.small && r.mayChange(r.full) {
		r.grow()
	}
}

// quietAt is when the small ring is to come back if nothing happens, zero for never. From then on it is on its way.
func (r *ring) quietAt() time.Time {
	if r.small == nil || r.from == r.small {
		return time.Time{}
	}
	at, now := r.full.Add(r.quiet), time.Now()
	if now.Before(at) {
		return at
	}
	if r.mayChange(now) {
		r.change(r.small, func() error { return r.small.control(func(fd int) error { return aim(fd, 0) }) })
	}
	return time.Time{}
}

// grow begins to change to the large ring.
func (r *ring) grow() {
	s, err := newSocket(r.name) // in this thread's network namespace
	if err != nil {
		return
	}
	s.block, s.blocks = largeBlock, (r.size+largeBlock-1)/largeBlock
	r.change(s, func() error {
		err := r.start(s, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, r.group|unix.PACKET_FANOUT_CBPF<<16)
		})
		if err != nil {
			return err
		}
		return r.small.control(func(fd int) error { return aim(fd, 1) })
	})
}

// change makes s get the frames, and Next then go on with s. It takes the kernel some ten milliseconds, in which Next goes
// on reading.
func (r *ring) change(s *socket, do func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		if s != r.small {
			s.close()
		}
		return
	}
	r.changing = true
	r.changes.Go(func() {
		err := do()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changing = false
		if err != nil {
			r.failed = time.Now()
		}
		if err != nil || r.closed.Load() {
			if s != r.small {
				s.close()
			}
			return
		}
		if s != r.small {
			r.large = s
		}
		r.to = s
		r.wake()
	})
}

// mayChange tells whether no change is under way, and none has failed for a while.
func (r *ring) mayChange(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.changing && r.to == r.from && now.Sub(r.failed) > r.quiet
}

func (r *ring) isChanging() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changing || r.to != r.from
}

// turn goes on with the ring that gets the frames when what the other one holds has been read.
func (r *ring) turn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.to == r.from || !r.from.drained() || r.closed.Load() {
		return
	}
	if r.downErr != nil {
		r.downAt = time.Now().Add(2 * retire)
	}
	left := r.from
	if r.from = r.to; left == r.small {
		return
	}
	if n, err := left.drops(); err == nil {
		r.stats.Dropped += n
	}
	r.large, r.changing = nil, true
	r.changes.Go(func() {
		left.close() // which leaves the group: until then the next large one would not be its member 1
		r.mu.Lock()
		r.changing = false
		r.mu.Unlock()
	})
}
