package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// stream is one file that is being written.
type stream struct {
	name    string // as the pattern gave it; that of the file may have a number behind it
	file    *os.File
	regular bool
	gzip    bool
	size    int64     // of the file
	buf     []byte    // whole records that are not in the file yet
	since   time.Time // when the first of them came
	begun   bool      // a START record is in the file or in buf
	used    uint64
	monitor argus.ID
	inf     [4]byte
}

// openStream opens a file to continue it, or, when it has size octets already, the next one behind it.
func openStream(name string, inputs []os.FileInfo, size int64) (*stream, error) {
	if name == "-" {
		return &stream{name: name, file: os.Stdout}, nil
	}
	if dir := filepath.Dir(name); dir != "." {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	for n := 0; ; n++ {
		s, err := openNumber(name, n, inputs)
		if err != nil || size == 0 || s.size < size {
			return s, err
		}
		if err := s.file.Close(); err != nil {
			return nil, err
		}
	}
}

func openNumber(name string, n int, inputs []os.FileInfo) (*stream, error) {
	s := &stream{name: name, gzip: strings.HasSuffix(name, ".gz")}
	if n > 0 {
		base, zipped := strings.CutSuffix(name, ".gz")
		name = base + "." + strconv.Itoa(n)
		if zipped {
			name += ".gz"
		}
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil { // a pipe that nobody may read
		if file, err = os.OpenFile(name, os.O_WRONLY, 0o666); err != nil {
			return nil, err
		}
	}
	s.file = file
	if err := s.resume(inputs); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// resume goes to the end of what is sound in an existing file.
func (s *stream) resume(inputs []os.FileInfo) error {
	info, err := s.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	for _, in := range inputs {
		if os.SameFile(info, in) {
			return errors.New("it is being read: write to another file")
		}
	}
	s.regular = true
	if info, err = s.lock(); err != nil || info.Size() == 0 {
		return err
	}
	if s.size, err = sound(s.file, s.gzip); err != nil {
		return err
	}
	if s.size < info.Size() {
		if err := s.file.Truncate(s.size); err != nil {
			return err
		}
	}
	s.begun = s.size > 0
	_, err = s.file.Seek(s.size, io.SeekStart)
	return err
}

// lock keeps other writers away, and returns how the file is then. On Windows readers would be kept away too; where a file system
// knows no locks, nobody is.
func (s *stream) lock() (os.FileInfo, error) {
	if runtime.GOOS != "windows" {
		if err := platform.TryLock(s.file); errors.Is(err, platform.ErrLocked) {
			return nil, errors.New("another program writes to it: write to another file")
		}
	}
	return s.file.Stat()
}

var errForeign = errors.New("the file exists and does not hold Argus records: write to another one")

// sound returns the length of the whole records, or whole members of gzip, that a file begins with.
func sound(file io.Reader, zipped bool) (int64, error) {
	in := &counted{r: bufio.NewReaderSize(file, 1<<16)}
	if !zipped {
		head, _ := in.r.Peek(16)
		if !argus.IsStream(head) {
			return 0, errForeign
		}
		return wholeRecords(in.r)
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return 0, errForeign
	}
	for end := int64(0); ; {
		z.Multistream(false)
		if end == 0 {
			var head [16]byte
			if _, err := io.ReadFull(z, head[:]); err != nil {
				return 0, nil // its first member is not whole
			}
			if !argus.IsStream(head[:]) {
				return 0, errForeign
			}
		}
		if _, err := io.Copy(io.Discard, z); err != nil {
			return end, nil
		}
		if end = in.n; z.Reset(in) != nil {
			return end, nil
		}
	}
}

// counted counts octets as gzip takes them: one by one where it must not take too many.
type counted struct {
	r *bufio.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func wholeRecords(in *bufio.Reader) (end int64, err error) {
	for {
		head, err := in.Peek(4)
		if err != nil {
			return end, nil
		}
		n := (int(head[2])<<8 | int(head[3])) * 4
		if n == 0 {
			return end, nil
		}
		if got, err := in.Discard(n); err != nil || got < n {
			return end, nil
		}
		end += int64(n)
	}
}

// limit is how much is written at once: more of what is compressed, which each time begins anew.
func (s *stream) limit() int {
	if s.gzip {
		return 1 << 18
	}
	return 1 << 16
}

func (s *stream) add(records []byte) {
	if len(s.buf) == 0 {
		s.since = time.Now()
	}
	s.buf = append(s.buf, records...)
}

// write writes octets whole, or, to a file, not at all.
func (s *stream) write(octets []byte) error {
	_, err := s.file.Write(octets)
	if err == nil {
		s.size += int64(len(octets))
		return nil
	}
	if s.regular {
		err = errors.Join(err, s.file.Truncate(s.size))
	}
	return err
}

// member makes members of gzip.
type member struct {
	out bytes.Buffer
	z   *gzip.Writer
}

func (m *member) compress(octets []byte) []byte {
	m.out.Reset()
	if m.z == nil {
		m.z = gzip.NewWriter(&m.out)
	} else {
		m.z.Reset(&m.out)
	}
	_, _ = m.z.Write(octets) // a buffer takes all
	_ = m.z.Close()
	return m.out.Bytes()
}
