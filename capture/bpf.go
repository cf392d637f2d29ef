package capture

import (
	"encoding/binary"
	"time"
)

// bpfBuffer walks the frames that one read of a BPF device returned, as macOS lays them out (bpf(4), net/bpf.h): before each a struct
// bpf_hdr in the host's byte order with a time of 32 bits, and each begins at a multiple of 4 octets. Nothing in it is trusted.
type bpfBuffer struct {
	mem []byte
	off int // of the next header
}

// Offsets in struct bpf_hdr. The kernel pads it so that the network header is aligned: bh_hdrlen says where the frame begins.
const (
	bpfSec       = 0
	bpfUsec      = 4
	bpfCaptured  = 8
	bpfWire      = 12
	bpfHeaderLen = 16
	bpfHeader    = 18
	bpfAlignment = 4 // BPF_ALIGNMENT; other BSDs have 8
)

// next lends the next frame of the buffer. It reports false at its end, or where the buffer makes no sense.
func (b *bpfBuffer) next(f *Frame, link LinkType) ([]byte, bool) {
	if len(b.mem)-b.off < bpfHeader {
		return nil, false
	}
	h := b.mem[b.off:]
	captured := uint64(binary.NativeEndian.Uint32(h[bpfCaptured:]))
	begin := uint64(binary.NativeEndian.Uint16(h[bpfHeaderLen:]))
	end := begin + captured
	if begin < bpfHeader || end > uint64(len(h)) {
		b.off = len(b.mem)
		return nil, false
	}
	setFrame(f, link, uint32(captured), binary.NativeEndian.Uint32(h[bpfWire:]))
	usec := time.Duration(binary.NativeEndian.Uint32(h[bpfUsec:])) * time.Microsecond
	f.Timestamp = time.Unix(int64(binary.NativeEndian.Uint32(h[bpfSec:])), int64(usec))
	b.off = min(b.off+int(end+bpfAlignment-1)&^(bpfAlignment-1), len(b.mem))
	return h[begin:end:end], true
}
