package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/google/rpmpack"
)

// rpmHeader is what a header of an rpm says, by tags.
type rpmHeader map[int]rpmEntry

// rpmEntry is a value: kind is rpm's type of it.
type rpmEntry struct {
	kind, count uint32
	data        []byte
}

// Types of values.
const (
	rpmInt16   = 3
	rpmInt32   = 4
	rpmString  = 6
	rpmBinary  = 7
	rpmStrings = 8
	rpmI18N    = 9
)

const (
	rpmLead    = 96
	rpmTagSize = 16
)

// openRPM divides a package into the header that says what it is and the plain payload.
func openRPM(rpm []byte) (rpmHeader, []byte, error) {
	if len(rpm) < rpmLead || !bytes.HasPrefix(rpm, []byte{0xed, 0xab, 0xee, 0xdb}) {
		return nil, nil, errors.New("it does not begin as one")
	}
	_, rest, err := readHeader(rpm[rpmLead:]) // signatures, which are made anew
	if err != nil {
		return nil, nil, err
	}
	padding := -(len(rpm) - rpmLead - len(rest)) & 7
	if len(rest) < padding {
		return nil, nil, errCut
	}
	h, payload, err := readHeader(rest[padding:])
	if err != nil {
		return nil, nil, err
	}
	if c := h.text(rpmPayloadCompressor); c != "gzip" || h.text(rpmPayloadFormat) != "cpio" {
		return nil, nil, fmt.Errorf("its payload is %q, not gzip", c)
	}
	plain, err := gunzip(payload, maxContent)
	return h, plain, err
}

var errCut = errors.New("it is cut off")

// readHeader reads one header and returns what follows it.
func readHeader(b []byte) (h rpmHeader, rest []byte, err error) {
	if len(b) < 16 || !bytes.HasPrefix(b, []byte{0x8e, 0xad, 0xe8, 1}) {
		return nil, nil, errCut
	}
	tags, size := uint64(binary.BigEndian.Uint32(b[8:])), uint64(binary.BigEndian.Uint32(b[12:]))
	b = b[16:]
	if tags*rpmTagSize+size > uint64(len(b)) {
		return nil, nil, errCut
	}
	index, values, rest := b[:tags*rpmTagSize], b[tags*rpmTagSize:tags*rpmTagSize+size], b[tags*rpmTagSize+size:]
	h = rpmHeader{}
	left := len(values)
	for ; len(index) > 0; index = index[rpmTagSize:] {
		tag, kind := binary.BigEndian.Uint32(index), binary.BigEndian.Uint32(index[4:])
		off, count := binary.BigEndian.Uint32(index[8:]), binary.BigEndian.Uint32(index[12:])
		if uint64(off) > size || uint64(count) > size-uint64(off) || tag > 1<<16 { // a value of each type has an octet at least
			return nil, nil, errCut
		}
		e := rpmEntry{kind, count, values[off:]}
		if kind != rpmInt16 && kind != rpmInt32 && (kind < rpmString || kind > rpmI18N) {
			return nil, nil, fmt.Errorf("tag %d is of type %d, which is not in use", tag, kind)
		}
		n := e.size()
		if n > len(e.data) || n > left { // no two tags share a value
			return nil, nil, errCut
		}
		left -= n
		e.data = e.data[:n]
		h[int(tag)] = e
	}
	return h, rest, nil
}

// size is what a value takes: more than there is for one that is cut off.
func (e rpmEntry) size() int {
	switch e.kind {
	case rpmInt16:
		return int(e.count) * 2
	case rpmInt32:
		return int(e.count) * 4
	case rpmBinary:
		return int(e.count)
	}
	n := 0
	for range e.count {
		end := bytes.IndexByte(e.data[n:], 0)
		if end < 0 {
			return len(e.data) + 1
		}
		n += end + 1
	}
	return n
}

// texts returns the texts of a tag.
func (h rpmHeader) texts(tag int) (list []string) {
	e := h[tag]
	if e.kind != rpmString && e.kind != rpmStrings && e.kind != rpmI18N {
		return nil
	}
	for range e.count {
		text, rest, _ := bytes.Cut(e.data, []byte{0})
		list = append(list, string(text))
		e.data = rest
	}
	return list
}

func (h rpmHeader) text(tag int) string { return strings.Join(h.texts(tag), "") }

// numbers returns the numbers of a tag.
func (h rpmHeader) numbers(tag int) (list []uint32) {
	e := h[tag]
	for i := range int(e.count) {
		switch e.kind {
		case rpmInt16:
			list = append(list, uint32(binary.BigEndian.Uint16(e.data[2*i:])))
		case rpmInt32:
			list = append(list, binary.BigEndian.Uint32(e.data[4*i:]))
		}
	}
	return list
}

// packed returns the value as it is written.
func (e rpmEntry) packed() rpmpack.IndexEntry {
	h := rpmHeader{0: e}
	switch e.kind {
	case rpmInt16:
		var short []uint16
		for _, n := range h.numbers(0) {
			short = append(short, uint16(n))
		}
		return rpmpack.EntryUint16(short)
	case rpmInt32:
		return rpmpack.EntryUint32(h.numbers(0))
	case rpmString:
		return rpmpack.EntryString(h.text(0))
	case rpmStrings, rpmI18N:
		return rpmpack.EntryStringSlice(h.texts(0))
	}
	return rpmpack.EntryBytes(e.data)
}
