package codec

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const xzMagic = "\xfd7zXZ\x00"

// XZ decompresses the .xz file format, all its streams.
func XZ(in io.Reader) (io.Reader, error) { return &xz{in: bufio.NewReader(in)}, nil }

var (
	errXZ      = errors.New("damaged, or not of the xz format")
	errXZCheck = errors.New("the check of a block does not fit: the file is damaged")
)

var crc64Table = crc64.MakeTable(crc64.ECMA)

// xz reads the container of the .xz file format, version 1.2.1 (tukaani.org/xz/xz-file-format.txt): streams of blocks,
// each of them LZMA2. It is here because a block's header claims how large a dictionary is, up to 4 GiB, and that is to be
// seen before one is made. Of the index behind the blocks only the length is used.
type xz struct {
	in    *bufio.Reader
	count int64     // octets read since the stream began
	check byte      // kind of the blocks' checks
	block io.Reader // nil between blocks
	sum   hash.Hash // nil for none
	begun bool      // in a stream
	any   bool      // a stream was there
	err   error
}

func (x *xz) ReadByte() (byte, error) {
	b, err := x.in.ReadByte()
	if err == nil {
		x.count++
	}
	return b, err
}

// source is the file as a block sees it.
type source struct{ x *xz }

func (s source) ReadByte() (byte, error) { return s.x.ReadByte() }

func (s source) Read(p []byte) (int, error) {
	n, err := s.x.in.Read(p)
	s.x.count += int64(n)
	return n, err
}

func (x *xz) full(p []byte) error {
	n, err := io.ReadFull(x.in, p)
	x.count += int64(n)
	return unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (x *xz) Read(p []byte) (int, error) {
	for x.err == nil && len(p) > 0 {
		if x.block == nil {
			x.err = x.next()
			continue
		}
		n, err := x.block.Read(p)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if err == io.EOF {
			x.block = nil
			err = x.endBlock()
		}
		x.err = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// next goes to the next block: over the begin or the end of a stream if need be.
func (x *xz) next() error {
	if !x.begun {
		return x.beginStream()
	}
	size, err := x.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if size == 0 {
		return x.endStream()
	}
	return x.beginBlock(size)
}

// beginStream reads a stream header (section 2.1.1), after padding.
func (x *xz) beginStream() error {
	var head [12]byte
	for {
		n, err := io.ReadFull(x.in, head[:4])
		if err == io.EOF && n == 0 && x.any {
			return io.EOF
		}
		if err != nil {
			return unexpected(err)
		}
		if [4]byte(head[:4]) != [4]byte{} {
			break
		}
	}
	if err := x.full(head[4:]); err != nil {
		return err
	}
	if string(head[:6]) != xzMagic || head[6] != 0 || head[7]&0xf0 != 0 || crc32.ChecksumIEEE(head[6:8]) != binary.LittleEndian.Uint32(head[8:]) {
		return errXZ
	}
	x.check, x.begun, x.any, x.count = head[7], true, true, 0
	return nil
}

// beginBlock reads a block header (section 3.1), whose only filter must be LZMA2.
func (x *xz) beginBlock(size byte) error {
	var buf [1024]byte
	head := buf[:(int(size)+1)*4]
	head[0] = size
	if err := x.full(head[1:]); err != nil {
		return err
	}
	end := len(head) - 4
	if crc32.ChecksumIEEE(head[:end]) != binary.LittleEndian.Uint32(head[end:]) {
		return errXZ
	}
	flags, rest := head[1], head[2:end]
	if flags&0x3f != 0 {
		return errors.New("it has filters other than LZMA2, which are not read: give it through xz -dc and -r -")
	}
	for bit := byte(0x40); bit != 0; bit <<= 1 { // compressed and uncompressed size
		if flags&bit != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return errXZ
			}
			rest = rest[n:]
		}
	}
	if len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 || rest[2] > 40 {
		return errors.New("it has filters other than LZMA2, which are not read: give it through xz -dc and -r -")
	}
	window := (2 | int64(rest[2]&1)) << (rest[2]/2 + 11) // section 5.3.1
	if window > maxWindow {
		return fmt.Errorf("it needs a dictionary of %d MiB, more than the %d MiB that are allowed", window>>20, maxWindow>>20)
	}
	return x.open(int(window))
}

func (x *xz) open(window int) (err error) {
	switch x.check {
	case 0:
		x.sum = nil
	case 1:
		x.sum = crc32.NewIEEE()
	case 4:
		x.sum = crc64.New(crc64Table)
	case 10:
		x.sum = sha256.New()
	default:
		return fmt.Errorf("check of kind %d, known are 1, 4 and 10", x.check)
	}
	x.block, err = lzma.Reader2Config{DictCap: window}.NewReader2(source{x})
	return unexpected(err)
}

// endBlock reads a block's padding and check (sections 3.3 and 3.4).
func (x *xz) endBlock() error {
	if err := x.pad(); err != nil || x.sum == nil {
		return err
	}
	var stored [sha256.Size]byte
	size := x.sum.Size()
	if err := x.full(stored[:size]); err != nil {
		return err
	}
	sum := x.sum.Sum(nil)
	for i, b := range sum {
		j := i
		if x.check != 10 { // the CRCs are little-endian
			j = size - 1 - i
		}
		if stored[j] != b {
			return errXZCheck
		}
	}
	return nil
}

// pad reads zero octets up to a multiple of four.
func (x *xz) pad() error {
	for x.count%4 != 0 {
		if b, err := x.ReadByte(); err != nil || b != 0 {
			return errors.Join(errXZ, unexpected(err))
		}
	}
	return nil
}

// endStream reads the index, whose first octet was taken, and the footer (sections 4 and 2.1.2).
func (x *xz) endStream() error {
	records, err := binary.ReadUvarint(x)
	for ; err == nil && records > 0; records-- {
		if _, err = binary.ReadUvarint(x); err == nil {
			_, err = binary.ReadUvarint(x)
		}
	}
	if err == nil {
		err = x.pad()
	}
	var tail [4 + 12]byte // the index's CRC, and the footer
	if err == nil {
		err = x.full(tail[:])
	}
	if err != nil {
		return unexpected(err)
	}
	if string(tail[14:]) != "YZ" || tail[13] != x.check {
		return errXZ
	}
	x.begun = false
	return nil
}
