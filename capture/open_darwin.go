package capture

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// bpfRetire is how long the kernel keeps frames before it hands over a buffer that is not full. It bounds the delay of a frame and the
// wake-ups a second; a silent interface causes none.
const bpfRetire = 100 * time.Millisecond

// The kernel has two buffers of this size for each device, and we one: 10 ms of 50,000 frames a second at the full snap length.
const bpfBufferLen = 256 << 10

// bpfDevices bounds the search for a free device: debug.bpf_maxdevices is 256.
const bpfDevices = 256

func open(name string, index int, o Options) (Source, error) {
	fd, err := openBPF()
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	d := &bpfFile{fd: fd}
	size, link, err := d.start(name, o)
	if err == nil {
		err = d.pipe()
	}
	if err != nil {
		d.close()
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	var mac net.HardwareAddr
	if in, err := net.InterfaceByName(name); err == nil {
		mac = in.HardwareAddr
	}
	return newBPFSource(name, index, link, mac, d, size), nil
}

// openBPF opens the first device that nobody uses. The system makes another one when the last is opened (bpf(4)).
func openBPF() (int, error) {
	for n := range bpfDevices {
		path := fmt.Sprintf("/dev/bpf%d", n)
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch {
		case err == nil && fd < unix.FD_SETSIZE:
			return fd, nil
		case err == nil:
			unix.Close(fd)
			return -1, fmt.Errorf("%s: too many files are open: %w", path, unix.EMFILE)
		case errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, os.ErrPermission):
			return -1, fmt.Errorf("%s: run as root: %w", path, err)
		case errors.Is(err, unix.ENOENT) && n > 0:
			return -1, fmt.Errorf("all %d BPF devices are in use: %w", n, unix.EBUSY)
		default:
			return -1, fmt.Errorf("%s: %w", path, err)
		}
	}
	return -1, fmt.Errorf("all %d BPF devices are in use: %w", bpfDevices, unix.EBUSY)
}

// bpfFile is a device that the program has opened, and a pipe to end a wait with. It is waited for with select(2), which bpf(4)
// supports: poll(2) does not know devices, and a blocking read would have to wake up ten times a second on a silent interface.
type bpfFile struct {
	fd      int
	piped   bool
	out, in int // the pipe's ends
}

// start binds the device to the interface. The filter comes last: it empties the buffers of what is longer than the snap length.
func (d *bpfFile) start(name string, o Options) (size int, link LinkType, err error) {
	length, one, kind := uint32(min(o.Ring, bpfBufferLen)), uint32(1), uint32(0)
	var ifr struct {
		name [unix.IFNAMSIZ]byte
		_    [16]byte
	}
	if len(name) >= len(ifr.name) {
		return 0, 0, fmt.Errorf("the name is longer than %d octets", len(ifr.name)-1)
	}
	copy(ifr.name[:], name)
	retire := unix.NsecToTimeval(bpfRetire.Nanoseconds())
	keep := unix.BpfInsn{Code: unix.BPF_RET | unix.BPF_K, K: uint32(o.SnapLen)}
	program := unix.BpfProgram{Len: 1, Insns: &keep}
	for _, step := range []struct {
		what string
		code uint
		arg  unsafe.Pointer
		skip bool
	}{
		{"buffer length", unix.BIOCSBLEN, unsafe.Pointer(&length), false},
		{"interface", unix.BIOCSETIF, unsafe.Pointer(&ifr), false},
		{"buffer length", unix.BIOCGBLEN, unsafe.Pointer(&length), false}, // a read must ask for just as much
		{"read timeout", unix.BIOCSRTIMEOUT, unsafe.Pointer(&retire), false},
		{"frames of this host", unix.BIOCSSEESENT, unsafe.Pointer(&one), false},
		{"promiscuous mode", unix.BIOCPROMISC, nil, !o.Promiscuous},
		{"link type", unix.BIOCGDLT, unsafe.Pointer(&kind), false},
		{"filter", unix.BIOCSETF, unsafe.Pointer(&program), false},
	} {
		if step.skip {
			continue
		}
		if err := platform.Ioctl(d.fd, step.code, step.arg); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", step.what, downOr(err))
		}
	}
	link, known := linkOfDLT(kind)
	if !known {
		return 0, 0, fmt.Errorf("frames of link type %d cannot be read: %w", kind, errors.ErrUnsupported)
	}
	return int(length), link, nil
}

// linkOfDLT is the LINKTYPE of a DLT of macOS, of those that interfaces of a Mac have.
func linkOfDLT(kind uint32) (LinkType, bool) {
	switch l := LinkType(kind); l {
	case LinkNull, LinkEthernet, LinkPPP, LinkRawBSD, LinkRaw, LinkWLAN, LinkRadiotap:
		return l, kind <= 0xffff
	}
	return 0, false
}

// pipe makes the pipe that ends a wait.
func (d *bpfFile) pipe() error {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return err
	}
	d.piped, d.out, d.in = true, ends[0], ends[1]
	for _, fd := range ends {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
	}
	if d.out >= unix.FD_SETSIZE {
		return unix.EMFILE
	}
	return nil
}

// wait implements bpfDevice. Select starts the device's timer: it returns when a buffer is full, when bpfRetire has passed and there is
// a frame, or with the first frame after that.
func (d *bpfFile) wait(wait time.Duration) (bool, error) {
	var set unix.FdSet
	set.Set(d.fd)
	set.Set(d.out)
	timeout := unix.NsecToTimeval(wait.Nanoseconds())
	_, err := unix.Select(max(d.fd, d.out)+1, &set, nil, nil, &timeout)
	switch {
	case errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, downOr(err)
	}
	if set.IsSet(d.out) {
		var woken [64]byte
		_, _ = unix.Read(d.out, woken[:])
	}
	return set.IsSet(d.fd), nil
}

func (d *bpfFile) read(b []byte) (int, error) {
	n, err := unix.Read(d.fd, b)
	if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		return 0, nil
	}
	return max(n, 0), downOr(err)
}

func (d *bpfFile) drops() (uint32, error) {
	var st unix.BpfStat
	err := platform.Ioctl(d.fd, unix.BIOCGSTATS, unsafe.Pointer(&st))
	return st.Drop, err
}

// wake ends a wait, if need be by a full pipe.
func (d *bpfFile) wake() { _, _ = unix.Write(d.in, []byte{0}) }

func (d *bpfFile) close() {
	unix.Close(d.fd)
	if d.piped {
		unix.Close(d.out)
		unix.Close(d.in)
	}
}

// downOr tells an interface that is down, or is there no more, from other faults.
func downOr(err error) error {
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENETDOWN) {
		return fmt.Errorf("%w: %w", ErrInterfaceDown, err)
	}
	return err
}
