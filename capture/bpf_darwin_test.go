package capture

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The offsets that the walker has are those of the system's header: this compiles only when each difference is 0.
var (
	_ = [1]byte{}[unsafe.Offsetof(unix.BpfHdr{}.Tstamp)-bpfSec]
	_ = [1]byte{}[unsafe.Offsetof(unix.Timeval32{}.Usec)-bpfUsec]
	_ = [1]byte{}[unsafe.Offsetof(unix.BpfHdr{}.Caplen)-bpfCaptured]
	_ = [1]byte{}[unsafe.Offsetof(unix.BpfHdr{}.Datalen)-bpfWire]
	_ = [1]byte{}[unsafe.Offsetof(unix.BpfHdr{}.Hdrlen)-bpfHeaderLen]
	_ = [1]byte{}[unsafe.Sizeof(unix.BpfHdr{})-bpfHeader-2] // with its padding
)
