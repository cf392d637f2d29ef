package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a packet socket whose frames the kernel writes to memory shared with us (Linux packet_mmap, TPACKET_V3).
type socket struct {
	file *os.File
	conn syscall.RawConn

	mem    []byte
	block  int // octets of a block
	blocks int
	at     int  // the block that is read, or the next one to wait for
	vnet   bool // the kernel tells the size of the segments
}

// newSocket returns one that sees nothing yet, in the network namespace of the thread.
func newSocket(name string) (*socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			err = fmt.Errorf("%w: capturing needs root or CAP_NET_RAW (setcap cap_net_raw+ep, or AmbientCapabilities=CAP_NET_RAW in the unit)", err)
		}
		return nil, err
	}
	s := &socket{file: os.NewFile(uintptr(fd), "packet:"+name)}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		s.file.Close()
		return nil, err
	}
	return s, nil
}

// control calls do with the descriptor, which stays open meanwhile.
func (s *socket) control(do func(fd int) error) error {
	var err error
	if cerr := s.conn.Control(func(fd uintptr) { err = do(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// start prepares everything before the socket sees its first frame, so that none is foreign or lost: it is filtered
// until the socket is a member of the group, if there is one.
func (s *socket) start(fd, index int, snapLen int, loopback bool, join func(fd int) error) error {
	if err := attachFilter(fd, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err := s.mapRing(fd); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := socketError(fd); err != nil {
		return err
	}
	if err := join(fd); err != nil {
		return err
	}
	if err := attachFilter(fd, frameFilter(snapLen, loopback)...); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	return nil
}

func (s *socket) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&s.mem[s.at*s.block+blockStatus]))
}

// frames is how many the kernel has written to the block so far.
func (s *socket) frames() *uint32 {
	return (*uint32)(unsafe.Pointer(&s.mem[s.at*s.block+blockPackets]))
}

func (s *socket) ready() bool { return atomic.LoadUint32(s.status())&unix.TP_STATUS_USER != 0 }

// drained tells of a socket that gets no frames any more whether all that it got have been read.
func (s *socket) drained() bool { return !s.ready() && atomic.LoadUint32(s.frames()) == 0 }

// open begins to walk the block that is ready. It tells whether it was full; else it was handed over after its time.
func (s *socket) open() (b block, full bool) {
	full = atomic.LoadUint32(s.status())&unix.TP_STATUS_BLK_TMO == 0
	return openBlock(s.mem[s.at*s.block:][:s.block], s.vnet), full
}

// release gives the block that was read back to the kernel.
func (s *socket) release() {
	atomic.StoreUint32(s.frames(), 0)
	atomic.StoreUint32(s.status(), unix.TP_STATUS_KERNEL)
	s.at = (s.at + 1) % s.blocks
}

// drops returns how many frames the kernel had no room for since it was last asked.
func (s *socket) drops() (n uint64, err error) {
	err = s.control(func(fd int) error {
		st, err := unix.GetsockoptTpacketStatsV3(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			n = uint64(st.Drops)
		}
		return err
	})
	return n, err
}

// close gives the ring's pages back at once: empty pages take their place, so that a frame still lent turns to zeros
// instead of a fault. The address range itself is given back when the socket is collected.
func (s *socket) close() {
	s.file.Close()
	if s.mem != nil {
		_, _ = unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(s.mem)), uintptr(len(s.mem)),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED)
	}
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
	sa, err := syscall.Getsockname(fd) // not unix.Getsockname, which links every kind of address
	if err != nil {
		return 0, fmt.Errorf("getsockname: %w", err)
	}
	ll, ok := sa.(*syscall.SockaddrLinklayer)
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

// frameFilter keeps snapLen octets of each frame (classic BPF). A loopback device shows each frame twice, sent and
// received: there the copies that are sent are refused.
func frameFilter(snapLen int, loopback bool) []unix.SockFilter {
	const packetType = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
	keep := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: uint32(snapLen)}
	if !loopback {
		return []unix.SockFilter{keep}
	}
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: packetType},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: packetOutgoing},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		keep,
	}
}

// attachFilter replaces the socket's filter.
func attachFilter(fd int, prog ...unix.SockFilter) error {
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
}

func (s *socket) mapRing(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("packet ring: %w", err)
	}
	s.vnet = segmentSizes(fd)
	req := unix.TpacketReq3{
		Block_size:     uint32(s.block),
		Block_nr:       uint32(s.blocks),
		Frame_size:     2048, // of no meaning in version 3 but must divide the block
		Frame_nr:       uint32(s.blocks * (s.block / 2048)),
		Retire_blk_tov: uint32(retire.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("packet ring of %d KiB: %w", s.blocks*s.block>>10, err)
	}
	size := uintptr(s.blocks * s.block)
	p, err := unix.MmapPtr(fd, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("packet ring: mmap: %w", err)
	}
	s.mem = unsafe.Slice((*byte)(p), size)
	runtime.AddCleanup(s, unmap, s.mem)
	return nil
}

// segmentSizes asks for the size of the segments that a super-frame of TCP or UDP stands for, and tells whether it comes.
// Kernels before 6.2 would drop super-frames of UDP then: there it is left to the estimate of the flow table.
func segmentSizes(fd int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil || !kernelAtLeast(unix.ByteSliceToString(u.Release[:]), 6, 2) {
		return false
	}
	return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) == nil
}

// kernelAtLeast compares a release such as "6.1.0-18-amd64" with a version. One that it cannot read is older.
func kernelAtLeast(release string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
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

func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
