package pack

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

var errXAR = errors.New("damaged package archive")

// maxTOC bounds the table of contents: one of ours has 6 kB, the certificates of a signature add 10 kB.
const maxTOC = 1 << 20

// xarReader reads the members of an archive, each of them checked.
type xarReader struct {
	from    io.ReaderAt
	heap    int64 // where it begins
	size    int64 // of the archive
	left    int64 // octets that may still be read or decompressed
	members []member
	created time.Time
}

// readXAR reads a whole archive of at most maxContent octets of content. A signature is not looked at.
func readXAR(from io.ReaderAt, size int64) ([]member, time.Time, error) {
	x := &xarReader{from: from, size: size, left: maxContent}
	toc, err := x.contents()
	if err != nil {
		return nil, x.created, fmt.Errorf("%w: %w", errXAR, err)
	}
	if x.created, err = time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(toc.TOC.Created, "Z")); err != nil {
		return nil, x.created, fmt.Errorf("%w: %w", errXAR, err)
	}
	if err := x.files("", toc.TOC.Files); err != nil {
		return nil, x.created, fmt.Errorf("%w: %w", errXAR, err)
	}
	return x.members, x.created, nil
}

// contents reads the header and the table of contents.
func (x *xarReader) contents() (*xarTOC, error) {
	var h [xarHeader]byte
	if _, err := x.from.ReadAt(h[:], 0); err != nil {
		return nil, fmt.Errorf("shorter than a header: %w", noEOF(err))
	}
	headerLen := int64(binary.BigEndian.Uint16(h[4:]))
	packed, plain := binary.BigEndian.Uint64(h[8:]), binary.BigEndian.Uint64(h[16:])
	if string(h[:4]) != xarMagic || binary.BigEndian.Uint16(h[6:]) != xarVersion || headerLen < xarHeader {
		return nil, errors.New("no xar archive of version 1")
	}
	if packed > maxTOC || plain > maxTOC || headerLen+int64(packed) > x.size {
		return nil, fmt.Errorf("a table of contents of %d octets, %d uncompressed, in a file of %d", packed, plain, x.size)
	}
	raw := make([]byte, packed)
	if _, err := x.from.ReadAt(raw, headerLen); err != nil {
		return nil, noEOF(err)
	}
	x.heap = headerLen + int64(packed)
	text, err := inflate(raw, int64(plain))
	if err != nil {
		return nil, fmt.Errorf("table of contents: %w", err)
	}
	var toc xarTOC
	if err := xml.Unmarshal(text, &toc); err != nil {
		return nil, fmt.Errorf("table of contents: %w", err)
	}
	return &toc, x.check(&toc, binary.BigEndian.Uint32(h[24:]), raw)
}

// check compares the checksum of the table of contents with the one on the heap.
func (x *xarReader) check(toc *xarTOC, algorithm uint32, raw []byte) error {
	style := map[uint32]string{xarSHA1: "sha1", xarSHA256: "sha256"}[algorithm]
	if c := toc.TOC.Checksum; style == "" || c.Style != style {
		return fmt.Errorf("checksum %d %q, neither SHA-1 nor SHA-256", algorithm, c.Style)
	}
	stored, err := x.stored(toc.TOC.Checksum.Offset, toc.TOC.Checksum.Size)
	if err != nil {
		return err
	}
	return verify(xarSum{style, hex.EncodeToString(stored)}, raw)
}

// stored reads from the heap.
func (x *xarReader) stored(offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 || offset > x.size-x.heap || length > x.size-x.heap-offset || length > x.left {
		return nil, fmt.Errorf("%d octets at %d of the heap, which has %d", length, offset, x.size-x.heap)
	}
	x.left -= length
	b := make([]byte, length)
	_, err := x.from.ReadAt(b, x.heap+offset)
	if errors.Is(err, io.EOF) && length == 0 {
		err = nil
	}
	return b, noEOF(err)
}

// files reads the members of a folder.
func (x *xarReader) files(dir string, list []xarFile) error {
	for _, f := range list {
		if f.Name == "" || strings.ContainsAny(f.Name, "/\x00") || f.Name == ".." || len(x.members) >= maxEntries {
			return fmt.Errorf("a member named %q", f.Name)
		}
		if f.Type == xarDirectory {
			if dir != "" {
				return fmt.Errorf("%s%s: a folder in a folder", dir, f.Name)
			}
			if err := x.files(f.Name+"/", f.Files); err != nil {
				return err
			}
			continue
		}
		if f.Type != xarRegular || f.Data == nil {
			return fmt.Errorf("%s%s is no file with data", dir, f.Name)
		}
		m := member{path: dir + f.Name, packed: f.Data.Encoding.Style == styleStored}
		var err error
		if m.data, err = x.content(f.Data); err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		x.members = append(x.members, m)
	}
	return nil
}

// content reads what d describes.
func (x *xarReader) content(d *xarData) ([]byte, error) {
	b, err := x.stored(d.Offset, d.Length)
	if err != nil {
		return nil, err
	}
	if err := verify(d.Archived, b); err != nil {
		return nil, err
	}
	switch d.Encoding.Style {
	case styleStored:
	case styleZlib:
		if d.Size > x.left {
			return nil, fmt.Errorf("more than %d MB of content", maxContent>>20)
		}
		if b, err = inflate(b, d.Size); err != nil {
			return nil, err
		}
		x.left -= d.Size
	default:
		return nil, fmt.Errorf("encoded as %q, neither zlib nor plain", d.Encoding.Style)
	}
	if int64(len(b)) != d.Size {
		return nil, fmt.Errorf("%d octets where %d were announced", len(b), d.Size)
	}
	return b, verify(d.Extracted, b)
}

func verify(want xarSum, b []byte) error {
	var sum []byte
	switch want.Style {
	case "sha1":
		s := sha1.Sum(b)
		sum = s[:]
	case "sha256":
		s := sha256.Sum256(b)
		sum = s[:]
	default:
		return fmt.Errorf("checksum of an unknown kind, %q", want.Style)
	}
	if hex.EncodeToString(sum) != strings.ToLower(strings.TrimSpace(want.Hex)) {
		return errors.New("the checksum does not match")
	}
	return nil
}

// inflate decompresses b, which must have size octets then.
func inflate(b []byte, size int64) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, noEOF(err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, size+1))
	if err == nil && int64(len(plain)) != size {
		err = fmt.Errorf("other than the %d octets announced", size)
	}
	return plain, noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
