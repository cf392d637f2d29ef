package pack

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// The portable ASCII form of cpio archives: cpio(5), "odc"; POSIX.1-1997 calls it the octet-oriented cpio archive.
// All numbers are octal digits.
const (
	cpioMagic   = "070707"
	cpioHeader  = 76
	cpioTrailer = "TRAILER!!!"

	typeMask    = 0o170000 // st_mode's: POSIX, sys/stat.h
	typeFile    = 0o100000
	typeDir     = 0o040000
	typeSymlink = 0o120000
)

var errCPIO = errors.New("damaged cpio archive")

// posixMode is st_mode of the file.
func posixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm()) | typeFile
	switch m.Type() {
	case fs.ModeDir:
		mode = uint32(m.Perm()) | typeDir
	case fs.ModeSymlink:
		mode = uint32(m.Perm()) | typeSymlink
	}
	return mode
}

// fileMode is the inverse of posixMode.
func fileMode(mode uint32) (fs.FileMode, bool) {
	m := fs.FileMode(mode & 0o777)
	switch mode &^ 0o777 {
	case typeFile:
	case typeDir:
		m |= fs.ModeDir
	case typeSymlink:
		m |= fs.ModeSymlink
	default:
		return 0, false
	}
	return m, true
}

// writeCPIO returns an archive of the files, compressed with gzip. The root is "." in it.
func writeCPIO(files []File, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		if err := writeEntry(z, &f, i+1, at); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(z, cpioMagic+"%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o%s\x00", 0, 0, 0, 0, 0, 1, 0, 0, len(cpioTrailer)+1, 0, cpioTrailer)
	err = z.Close()
	return out.Bytes(), err
}

// writeEntry writes one file with the number that tells it from hard links.
func writeEntry(w io.Writer, f *File, number int, at time.Time) error {
	uid, gid, err := f.owner()
	if err != nil {
		return err
	}
	name, links := "."+strings.TrimSuffix(f.Path, "/"), 1
	if f.Mode.IsDir() {
		links = 2
	}
	content := f.Data
	if f.Link != "" {
		content = []byte(f.Link)
	}
	_, err = fmt.Fprintf(w, cpioMagic+"%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o%s\x00", 0, number, posixMode(f.Mode), uid, gid, links, 0,
		at.Unix(), len(name)+1, len(content), name)
	if err == nil {
		_, err = w.Write(content)
	}
	return err
}

// gunzip decompresses at most limit octets.
func gunzip(b []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err == nil && int64(len(plain)) > limit {
		err = fmt.Errorf("more than %d octets of content", limit)
	}
	return plain, err
}

// readCPIO reads what writeCPIO has written. The files share the memory of the archive.
func readCPIO(b []byte) (files []File, at time.Time, err error) {
	for len(files) < maxEntries {
		var e entry
		if b, err = e.read(b); err != nil {
			return nil, at, err
		}
		if e.name == cpioTrailer {
			return files, at, nil
		}
		f, err := e.file()
		if err != nil {
			return nil, at, err
		}
		files = append(files, f)
		at = time.Unix(int64(e.time), 0).UTC()
	}
	return nil, at, fmt.Errorf("%w: more than %d files", errCPIO, maxEntries)
}

// entry is one file of an archive as it stands there.
type entry struct {
	mode, uid, gid, links, device, time uint64
	name                                string
	content                             []byte
}

// read takes the first entry off the archive.
func (e *entry) read(b []byte) (rest []byte, err error) {
	if len(b) < cpioHeader || string(b[:6]) != cpioMagic {
		return nil, fmt.Errorf("%w: no entry where one must begin", errCPIO)
	}
	var nameLen, size uint64
	at := 6
	for _, field := range []struct {
		digits int
		to     *uint64
	}{{6, nil}, {6, nil}, {6, &e.mode}, {6, &e.uid}, {6, &e.gid}, {6, &e.links}, {6, &e.device}, {11, &e.time}, {6, &nameLen}, {11, &size}} {
		n, err := strconv.ParseUint(string(b[at:at+field.digits]), 8, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCPIO, err)
		}
		if field.to != nil {
			*field.to = n
		}
		at += field.digits
	}
	b = b[cpioHeader:]
	if nameLen == 0 || nameLen > uint64(len(b)) || size > uint64(len(b))-nameLen || b[nameLen-1] != 0 {
		return nil, fmt.Errorf("%w: an entry longer than the archive", errCPIO)
	}
	e.name, e.content = string(b[:nameLen-1]), b[nameLen:][:size:size]
	return b[nameLen+size:], nil
}

func (e *entry) file() (f File, err error) {
	mode, ok := fileMode(uint32(e.mode))
	name, relative := strings.CutPrefix(e.name, ".")
	f = File{Path: name, Mode: mode}
	if name == "" {
		f.Path = "/"
	}
	var known, knownGroup bool
	f.User, known = nameOf(macUsers, uint32(e.uid))
	f.Group, knownGroup = nameOf(macGroups, uint32(e.gid))
	switch {
	case !ok || !relative || path.Clean(f.Path) != f.Path:
		return f, fmt.Errorf("%w: %q of mode %o", errCPIO, e.name, e.mode)
	case !known || !knownGroup:
		return f, fmt.Errorf("%w: %s belongs to %d:%d", errCPIO, e.name, e.uid, e.gid)
	case mode.Type() == fs.ModeSymlink:
		f.Link = string(e.content)
	case mode.IsRegular():
		f.Data = e.content
	}
	return f, f.check()
}
