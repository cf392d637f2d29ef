package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	magic       = "ARGUSSPL"
	version     = 1
	headerSize  = 48
	frameHeader = 8 + frameFixed
	frameFixed  = 12      // first and count
	maxFrame    = 1 << 20 // octets of a body
	suffix      = ".seg"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errTorn    = errors.New("the last frame is incomplete")
	errDamaged = errors.New("a frame is damaged")
	errNewer   = errors.New("written by a newer version")
	errHeader  = errors.New("header is damaged")
)

// segment is one file of the queue, or one piece of it in memory when the folder cannot be written.
type segment struct {
	epoch, owner uint64
	first, next  uint64    // sequences [first, next)
	size         int64     // octets that are valid
	safe         int64     // octets that are on disk for certain and may be leased
	done         uint64    // sequences below are durable at the collector
	gap          uint64    // sequences directly before first that never come
	from, to     time.Time // of the appends

	f       file   // open while written, dirty or read; nil otherwise and in memory
	mem     []byte // frames, in memory only
	inMem   bool
	fresh   bool // made since Open
	syncing bool // Sync holds f
	gone    bool // no longer part of the queue
	doubt   bool // a sync failed: what is on disk is not known
}

func (g *segment) name() string  { return segmentName(g.first) }
func (g *segment) dirty() bool   { return !g.inMem && !g.doubt && g.safe < g.size }
func (g *segment) spent() bool   { return g.done >= g.next }
func (g *segment) empty() bool   { return g.first == g.next }
func (g *segment) owing() uint64 { return g.next - max(g.done, g.first) + g.unreportedGap() }

// start is the offset of the first frame.
func (g *segment) start() int64 {
	if g.inMem {
		return 0
	}
	return headerSize
}

// unreportedGap is the gap before the segment unless the collector knows it already.
func (g *segment) unreportedGap() uint64 {
	if g.done > g.first {
		return 0
	}
	return g.gap
}

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, suffix) }

// parseName returns the first sequence that a segment's name gives.
func parseName(name string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 16, 64)
	return n, err == nil && segmentName(n) == name
}

func ownerOf(host string) uint64 {
	sum := sha256.Sum256([]byte(host))
	return binary.LittleEndian.Uint64(sum[:])
}

func (g *segment) header() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, g.epoch)
	b = binary.LittleEndian.AppendUint64(b, g.first)
	b = binary.LittleEndian.AppendUint64(b, g.owner)
	b = binary.LittleEndian.AppendUint64(b, uint64(g.from.UnixNano()))
	binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b, castagnoli))
	return b
}

// parseHeader reads what header wrote. It recognises the header of a newer version by magic and version alone.
func parseHeader(b []byte) (*segment, error) {
	if len(b) < headerSize || string(b[:8]) != magic {
		return nil, errHeader
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v > version {
		return nil, errNewer
	}
	b = bytes.Clone(b[:headerSize])
	sum := binary.LittleEndian.Uint32(b[12:])
	clear(b[12:16])
	if crc32.Checksum(b, castagnoli) != sum {
		return nil, errHeader
	}
	g := &segment{
		epoch: binary.LittleEndian.Uint64(b[16:]),
		first: binary.LittleEndian.Uint64(b[24:]),
		owner: binary.LittleEndian.Uint64(b[32:]),
		from:  time.Unix(0, int64(binary.LittleEndian.Uint64(b[40:]))),
		size:  headerSize,
	}
	if g.first == 0 || g.first > 1<<63 || g.epoch == 0 {
		return nil, errHeader
	}
	g.next = g.first
	return g, nil
}

// appendFrame appends a frame and returns the part of it that is the body.
func appendFrame(b []byte, first uint64, count int, records []byte) (frame, body []byte) {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(frameFixed+len(records)))
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, first)
	b = binary.LittleEndian.AppendUint32(b, uint32(count))
	b = append(b, records...)
	return b, b[at+frameHeader:]
}

func sealFrame(frame []byte) {
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[8:], castagnoli))
}

// frameInfo is a frame's header.
type frameInfo struct {
	body  int // octets
	sum   uint32
	first uint64
	count uint64
}

func (f *frameInfo) next() uint64 { return f.first + f.count }
func (f *frameInfo) size() int64  { return frameHeader + int64(f.body) }

// parseFrame reads a frame's header and checks it against what follows it in its segment: the sequence it must begin
// with and the octets left, header included.
func parseFrame(h []byte, want uint64, left int64) (f frameInfo, err error) {
	if left < frameHeader || len(h) < frameHeader {
		return f, errTorn
	}
	length := binary.LittleEndian.Uint32(h)
	f.sum = binary.LittleEndian.Uint32(h[4:])
	f.first = binary.LittleEndian.Uint64(h[8:])
	f.count = uint64(binary.LittleEndian.Uint32(h[16:]))
	if length < frameFixed || length > frameFixed+maxFrame || f.first != want || f.count == 0 || f.count > uint64(length) {
		return f, errDamaged
	}
	f.body = int(length) - frameFixed
	if f.size() > left {
		return f, errTorn
	}
	return f, nil
}

// check tells whether body is what the frame with header h was written with.
func (f *frameInfo) check(h, body []byte) bool {
	return crc32.Update(crc32.Checksum(h[8:frameHeader], castagnoli), castagnoli, body) == f.sum
}

// scan reads a segment of size octets as far as it is sound. With an error that says why it ends there, g.size is where.
func scan(r io.ReaderAt, size int64, buf []byte) (*segment, []byte, error) {
	var head [headerSize]byte
	n, err := r.ReadAt(head[:min(size, headerSize)], 0)
	if n < headerSize {
		if err != nil && err != io.EOF {
			return nil, buf, fmt.Errorf("read: %w", err)
		}
		return nil, buf, errHeader
	}
	g, err := parseHeader(head[:])
	if err != nil {
		return nil, buf, err
	}
	for g.size < size {
		f, body, err := readFrame(r, g.size, g.next, size-g.size, buf)
		buf = body[:0]
		if err != nil {
			return g, buf, err
		}
		g.size += f.size()
		g.next = f.next()
	}
	return g, buf, nil
}

// readFrame reads and checks the frame at an offset into buf, which grows as needed.
func readFrame(r io.ReaderAt, at int64, want uint64, left int64, buf []byte) (f frameInfo, body []byte, err error) {
	var h [frameHeader]byte
	return readFrameInto(r, at, want, left, buf, h[:])
}

func readFrameInto(r io.ReaderAt, at int64, want uint64, left int64, buf, h []byte) (f frameInfo, body []byte, err error) {
	if left < frameHeader {
		return f, buf, errTorn
	}
	if _, err := r.ReadAt(h, at); err != nil {
		return f, buf, fmt.Errorf("read: %w", err)
	}
	if f, err = parseFrame(h, want, left); err != nil {
		return f, buf, err
	}
	n := len(buf)
	if cap(buf)-n < f.body {
		buf = append(make([]byte, 0, n+max(f.body, 1<<14)), buf...)
	}
	body = buf[:n+f.body]
	if _, err := r.ReadAt(body[n:], at+frameHeader); err != nil {
		return f, buf, fmt.Errorf("read: %w", err)
	}
	if f.check(h, body[n:]) {
		return f, body, nil
	}
	if f.size() == left {
		return f, buf, errTorn
	}
	return f, buf, errDamaged
}
