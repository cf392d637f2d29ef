package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

// File is an open file, decompressed as it is read. Close may be called while another goroutine reads: it ends the read.
type File struct {
	name  string
	in    *os.File
	out   io.Reader
	taken atomic.Int64
	size  int64
}

// Open opens a file, or with the name "-" the standard input. What gzip made, and bzip2, xz and zstd where Decompress says
// so, is told by how it begins and decompressed, all its members or streams; anything else is given as it is. A decompressor
// holds at most 128 MiB: files that would need more, as no program makes them by default, end with an error.
func Open(name string) (*File, error) {
	f := &File{name: name}
	var err error
	if name == "-" {
		f.name = "standard input"
		f.in = stdin()
	} else if f.in, err = os.Open(name); err != nil {
		return nil, err
	}
	info, err := f.in.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("it is a directory")}
	}
	if err == nil {
		if info.Mode().IsRegular() {
			f.size = info.Size()
		}
		err = f.detect()
	}
	if err != nil {
		_ = f.in.Close()
		return nil, err
	}
	return f, nil
}

// stdin returns the standard input. A pipe or terminal is opened once more where the system can do that: the runtime then
// waits for it, and closing it ends a read.
func stdin() *os.File {
	if i, err := os.Stdin.Stat(); err == nil && !i.Mode().IsRegular() {
		if f, err := os.OpenFile("/dev/stdin", os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			return f
		}
	}
	return os.Stdin
}

// detect chooses the decompressor.
func (f *File) detect() error {
	in := bufio.NewReaderSize(counter{f}, 1<<16)
	head, err := in.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	c := codecOf(head)
	if c == nil {
		f.out = in
		return nil
	}
	if f.out, err = c.reader(in); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// counter counts the octets that are taken from the file.
type counter struct{ f *File }

func (c counter) Read(p []byte) (int, error) {
	n, err := c.f.in.Read(p)
	c.f.taken.Add(int64(n))
	return n, err
}

// Read gives the content, decompressed.
func (f *File) Read(p []byte) (int, error) { return f.out.Read(p) }

// Close closes the file.
func (f *File) Close() error { return f.in.Close() }

// Name returns the name for messages.
func (f *File) Name() string { return f.name }

// Progress returns how many octets of the file were read, and how many it has: 0 when nobody knows, as of a pipe.
func (f *File) Progress() (read, size int64) { return f.taken.Load(), f.size }

// Files returns the names of the files to read: a directory is replaced by the regular files under it, in the order of their
// names, without those that begin with a dot and without links. A name that does not exist is an error.
func Files(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		if name == "-" {
			all = append(all, name)
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			all = append(all, name)
			continue
		}
		err = filepath.Walk(name, func(path string, d fs.FileInfo, err error) error { // WalkDir's sorting costs 20 kB
			switch {
			case err != nil:
				return err
			case path != name && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return fs.SkipDir
				}
			case d.Mode().IsRegular():
				all = append(all, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
