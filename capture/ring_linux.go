package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
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
	at     int   // the block that is read, or the next one to wait for
	cur    block // what is left of it
	held   bool  // block at belongs to us

	stats   Stats
	downErr error     // the socket's error; reported when what the ring holds has been read
	downAt  time.Time // when nothing more can come

	closed atomic.Bool
	close  sync.Once
}

func open(name string, index int, o Options) (Source, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			err = fmt.Errorf("the privilege CAP_NET_RAW is missing, run as root or grant it: %w", err)
		}
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	r := &ring{name: name, index: index, file: os.NewFile(uintptr(fd), "packet:"+name)}
	r.ready = r.poll
	if err := r.setup(fd, o); err != nil {
		r.Close()
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	return r, nil
}

// setup prepares everything before the socket sees its first frame, so that none is foreign or lost.
func (r *ring) setup(fd int, o Options) error {
	kind, err := hardwareType(fd, r.index)
	if err != nil {
		return err
	}
	var ok bool
	if r.link, ok = linkOf(kind); !ok {
		return fmt.Errorf("hardware type %d has no decoder: %w", kind, errors.ErrUnsupported)
	}
	if err := attachFilter(fd, o.SnapLen, kind == unix.ARPHRD_LOOPBACK); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err := r.mapRing(fd, o); err != nil {
		return err
	}
	if r.conn, err = r.file.SyscallConn(); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: r.index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return socketError(fd)
}

// hardwareType binds to the interface without a protocol, which delivers nothing, and returns its ARPHRD type.
func hardwareType(fd, index int) (uint16, error) {
	if index <= 0 {
		return 0, fmt.Errorf("interface index %d: %w", index, ErrInterfaceDown)
	}
	err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index})
	if errors.Is(err, unix.ENODEV) {
		return 0, fmt.Errorf("%w: %w", ErrInterfaceDown, err)
	}
	if err != nil {
		return 0, fmt.Errorf("bind: %w", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("getsockname: %w", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if !ok {
		return 0, fmt.Errorf("getsockname: not a packet socket: %T", sa)
	}
	return ll.Hatype, nil
}

// linkOf returns how the frames of a hardware type begin on a raw packet socket. Tunnels and PPP devices deliver IP.
func linkOf(kind uint16) (LinkType, bool) {
	switch kind {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return LinkEthernet, true
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6,
		unix.ARPHRD_SIT, unix.ARPHRD_IPGRE, unix.ARPHRD_IP6GRE:
		return LinkRaw, true
	case unix.ARPHRD_IEEE80211:
		return LinkWLAN, true
	case unix.ARPHRD_IEEE80211_RADIOTAP:
		return LinkRadiotap, true
	}
	return 0, false
}

// attachFilter keeps snapLen octets of each frame (classic BPF). A loopback device shows each frame twice, sent and
// received: there the copies that are sent are refused.
func attachFilter(fd, snapLen int, loopback bool) error {
	const packetType = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
	keep := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: uint32(snapLen)}
	prog := []unix.SockFilter{keep}
	if loopback {
		prog = []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: packetType},
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: packetOutgoing},
			{Code: unix.BPF_RET | unix.BPF_K, K: 0},
			keep,
		}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
}

func (r *ring) mapRing(fd int, o Options) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("packet ring: %w", err)
	}
	r.blocks = max(2, (o.Ring+blockSize-1)/blockSize)
	req := unix.TpacketReq3{
		Block_size:     blockSize,
		Block_nr:       uint32(r.blocks),
		Frame_size:     2048, // of no meaning in version 3 but must divide the block
		Frame_nr:       uint32(r.blocks * (blockSize / 2048)),
		Retire_blk_tov: uint32(retire.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("packet ring of %d KiB: %w", r.blocks*blockSize>>10, err)
	}
	size := uintptr(r.blocks * blockSize)
	p, err := unix.MmapPtr(fd, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("packet ring: mmap: %w", err)
	}
	r.mem = unsafe.Slice((*byte)(p), size)
	runtime.AddCleanup(r, unmap, r.mem)
	return nil
}

// unmap gives back the address range of a ring that nobody can reach any more.
func unmap(mem []byte) {
	_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)))
}

// socketError reads and clears the socket's pending error, which the kernel reports once.
func socketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return fmt.Errorf("packet socket: %w", err)
	case n == 0:
		return nil
	case unix.Errno(n) == unix.ENETDOWN:
		return fmt.Errorf("%w: %w", ErrInterfaceDown, unix.ENETDOWN)
	}
	return fmt.Errorf("packet socket: %w", unix.Errno(n))
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
	r.cur = openBlock(r.mem[r.at*blockSize:][:blockSize])
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
	if err := r.file.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return r.errClosed()
	}
	err := r.conn.Read(r.ready)
	switch {
	case r.closed.Load():
		return r.errClosed()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	case err != nil:
		return fmt.Errorf("capture on %s: %w", r.name, err)
	case !r.blockReady():
		return ErrTimeout // the interface went down: what the ring holds comes yet
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

func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
