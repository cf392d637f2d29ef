package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

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
	r.vnet = segmentSizes(fd)
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
