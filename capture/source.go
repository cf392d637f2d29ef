package capture

import (
	"errors"
	"time"

	"github.com/google/gopacket"
)

// ErrTimeout is what Next returns when no frame came within its wait.
var ErrTimeout = errors.New("no frame within the waiting time")

// ErrInterfaceDown is wrapped by the error of Open and Next when the interface is down or was removed.
// A source that returned it stays silent for ever: close it and open another when the interface is up.
var ErrInterfaceDown = errors.New("interface is down or was removed")

// Frame is what is known of a frame beside its octets: gopacket's capture information and what only
// a live capture or a pcapng file knows. The caller owns and reuses it; Next sets every field but AncillaryData.
type Frame struct {
	gopacket.CaptureInfo // Length is the length on the wire, without a tag that the kernel took out

	Link             LinkType // pcapng files mix them
	VLANTCI          uint16   // the tag that the kernel took out of the frame, valid with HasVLAN;
	VLANTPID         uint16   // the Decoder, and nobody else, adds its 4 octets to the frame's length
	GSOSize          uint16   // payload octets of each packet on the wire that this frame stands for; 0 when unknown
	HasVLAN          bool
	Outgoing         bool // sent by this host
	ChecksumNotReady bool // the checksum is left to the hardware: it must not be verified
}

// Stats counts what a Source has done since it was opened.
type Stats struct {
	Received uint64 // frames lent by Next
	Dropped  uint64 // frames that the kernel had no room for
	Method   string // how they are taken: "ring" (Linux), "bpf" (macOS), "npcap", "ndis-etw" or "rcvall: IP only" (Windows); "" for a file
}

// Source is a stream of frames. Only Interrupt and Close may be called from another goroutine than the one that calls Next.
type Source interface {
	// Next lends the octets of the next frame until the next call of Next or Close and describes it in f.
	// It blocks for at most wait and then returns ErrTimeout; wait has no meaning for a file.
	// At the end of a file it returns io.EOF, of a file that ends inside a record an error that wraps
	// io.ErrUnexpectedEOF, after Close one that wraps net.ErrClosed. Every error but ErrTimeout is final.
	Next(f *Frame, wait time.Duration) ([]byte, error)

	// Interrupt makes the Next that waits return ErrTimeout at once, or else the next one that would have to wait.
	Interrupt()

	// Stats returns the counters.
	Stats() (Stats, error)

	// Close ends the source and unblocks Next. It may be called more than once.
	Close() error
}

// Options tunes a live source. The zero value is what a sensor that nobody has configured uses.
type Options struct {
	SnapLen     int  // octets kept of each frame; 0 means 512: every header and the beginning of the payload
	Promiscuous bool // also the frames for others, as a sensor on a mirror port wants
	Ring        int  // octets of memory for frames not yet read while the interface is busy, in steps of 256 KiB; 0 means 2 MiB
}

// A 2 MiB ring holds 35 ms of 100,000 frames a second at the full snap length: long enough for a meter to drain its table.
// An interface that is not busy has a ring of 512 KiB.
const (
	defaultSnapLen = 512
	maxSnapLen     = 1 << 16
	defaultRing    = 2 << 20
)

func (o Options) withDefaults() Options {
	if o.SnapLen <= 0 {
		o.SnapLen = defaultSnapLen
	}
	if o.Ring <= 0 {
		o.Ring = defaultRing
	}
	o.SnapLen = min(o.SnapLen, maxSnapLen)
	return o
}

// Open begins to capture on one interface, named for messages and chosen by its index (net.Interface.Index).
// It needs CAP_NET_RAW on Linux, an administrator elsewhere: without, the error wraps fs.ErrPermission and says what to do. Where no way to
// capture is there it wraps errors.ErrUnsupported.
func Open(name string, index int, o Options) (Source, error) {
	return open(name, index, o.withDefaults())
}
