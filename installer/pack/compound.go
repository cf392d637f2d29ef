package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

// compound is a compound file ([MS-CFB]) in memory, such as a Windows Installer package. Its streams are read and, as long as they
// are, overwritten in place.
type compound struct {
	file    []byte
	sector  int      // octets of one
	fat     []uint32 // of a sector, the next one of its chain
	miniFAT []uint32
	mini    stream // the root's: what short streams are cut from, in sectors
	cutoff  uint32 // streams below are short
	entries []byte // of the directory
}

// stream is a stream's content, in pieces of the file.
type stream [][]byte

// Numbers of [MS-CFB] sections 2.1, 2.2 and 2.6.
const (
	miniSector   = 64
	entrySize    = 128
	headerFATs   = 109 // of the sectors that hold the FAT, these are in the header
	maxSector    = 0xfffffffa
	streamObject = 2
	rootObject   = 5
)

var errCompound = errors.New("this is no Windows Installer package, or a damaged one")

// openCompound reads the structure of a file, which the compound keeps and changes.
func openCompound(file []byte) (*compound, error) {
	c := &compound{file: file}
	if len(file) < 512 || !bytes.HasPrefix(file, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) {
		return nil, errCompound
	}
	shift := binary.LittleEndian.Uint16(file[30:])
	if shift != 9 && shift != 12 || binary.LittleEndian.Uint16(file[32:]) != 6 {
		return nil, fmt.Errorf("%w: sectors of 2^%d octets", errCompound, shift)
	}
	c.sector, c.cutoff = 1<<shift, binary.LittleEndian.Uint32(file[56:])
	if err := c.readFAT(); err != nil {
		return nil, err
	}
	directory, err := c.chain(binary.LittleEndian.Uint32(file[48:]), -1)
	if err != nil || len(directory) == 0 {
		return nil, fmt.Errorf("%w: its directory", errCompound)
	}
	c.entries = directory.bytes()
	miniFAT, err := c.chain(binary.LittleEndian.Uint32(file[60:]), -1)
	if err != nil {
		return nil, err
	}
	c.miniFAT = numbers(miniFAT.bytes())
	if c.entries[66] != rootObject {
		return nil, fmt.Errorf("%w: its directory has no root", errCompound)
	}
	c.mini, err = c.chain(binary.LittleEndian.Uint32(c.entries[116:]), -1)
	return c, err
}

// readFAT gathers the FAT from the sectors that the header, and what it is continued by, name.
func (c *compound) readFAT() error {
	list := numbers(c.file[76 : 76+4*headerFATs])
	perSector := c.sector/4 - 1 // the last number of a sector of the list names the next
	next := binary.LittleEndian.Uint32(c.file[68:])
	for sectors := len(c.file) / c.sector; next < maxSector; sectors-- {
		s, err := c.at(next)
		if err != nil || sectors == 0 {
			return fmt.Errorf("%w: the list of its FAT", errCompound)
		}
		more := numbers(s)
		list, next = append(list, more[:perSector]...), more[perSector]
	}
	for _, n := range list {
		if n >= maxSector {
			continue
		}
		s, err := c.at(n)
		if err != nil || 4*len(c.fat) > len(c.file) {
			return fmt.Errorf("%w: its FAT", errCompound)
		}
		c.fat = append(c.fat, numbers(s)...)
	}
	return nil
}

func numbers(b []byte) []uint32 {
	all := make([]uint32, len(b)/4)
	for i := range all {
		all[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return all
}

// at returns a sector.
func (c *compound) at(n uint32) ([]byte, error) {
	off := (int64(n) + 1) * int64(c.sector)
	if off+int64(c.sector) > int64(len(c.file)) {
		return nil, fmt.Errorf("%w: it ends before sector %d", errCompound, n)
	}
	return c.file[off:][:c.sector:c.sector], nil
}

// chain returns count sectors from the first on; -1: all there are.
func (c *compound) chain(n uint32, count int) (stream, error) {
	var s stream
	for ; count != len(s) && (count > 0 || n < maxSector); n = c.fat[n] {
		piece, err := c.at(n)
		if err != nil || int64(n) >= int64(len(c.fat)) || len(s) > len(c.file)/c.sector {
			return nil, fmt.Errorf("%w: a stream does not end", errCompound)
		}
		s = append(s, piece)
	}
	return s, nil
}

// miniChain returns count short sectors from the first on.
func (c *compound) miniChain(n uint32, count int) (stream, error) {
	var s stream
	perSector := c.sector / miniSector
	for ; count != len(s); n = c.miniFAT[n] {
		if int64(n) >= int64(len(c.miniFAT)) || int64(n) >= int64(len(c.mini)*perSector) {
			return nil, fmt.Errorf("%w: a short stream does not end", errCompound)
		}
		s = append(s, c.mini[int(n)/perSector][int(n)%perSector*miniSector:][:miniSector:miniSector])
	}
	return s, nil
}

// find returns the stream of that name, nil if there is none.
func (c *compound) find(name string) (stream, error) {
	var want []byte
	for _, unit := range utf16.Encode([]rune(name + "\x00")) {
		want = binary.LittleEndian.AppendUint16(want, unit)
	}
	for e := c.entries; len(e) >= entrySize; e = e[entrySize:] {
		if e[66] == streamObject && int(binary.LittleEndian.Uint16(e[64:])) == len(want) && bytes.HasPrefix(e, want) {
			return c.content(binary.LittleEndian.Uint32(e[116:]), binary.LittleEndian.Uint32(e[120:]))
		}
	}
	return nil, nil
}

// content returns a stream of that size.
func (c *compound) content(first, size uint32) (s stream, err error) {
	if int64(size) > int64(len(c.file)) {
		return nil, fmt.Errorf("%w: a stream is longer than the file", errCompound)
	}
	unit, chain := c.sector, c.chain
	if size < c.cutoff {
		unit, chain = miniSector, c.miniChain
	}
	s, err = chain(first, (int(size)+unit-1)/unit)
	if rest := int(size) % unit; err == nil && rest > 0 {
		s[len(s)-1] = s[len(s)-1][:rest]
	}
	return s, err
}

func (s stream) bytes() []byte { return bytes.Join(s, nil) }

// overwrite puts data at an offset of the stream. What does not fit is an error, and nothing is written.
func (s stream) overwrite(off int, data []byte) error {
	size := 0
	for _, p := range s {
		size += len(p)
	}
	if off < 0 || off+len(data) > size {
		return fmt.Errorf("%w: %d octets do not fit at %d of a stream of %d", errCompound, len(data), off, size)
	}
	for _, p := range s {
		if off < len(p) {
			data = data[copy(p[off:], data):]
		}
		off = max(off-len(p), 0)
	}
	return nil
}
