package spool

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// memFS is a folder that remembers what a disk would hold after a power cut: a file's data since its last sync survives in
// pieces of 512 octets, each with some probability; so does a truncation; and what was done to names since the last sync of the folder survives in
// order up to some point, or (a disk without a journal) each with some probability.
type memFS struct {
	mu    sync.Mutex
	names map[string]*memFile
	disk  map[string]*memFile
	ops   []func(map[string]*memFile)
	space uint64
	fail  func(op, name string) error
	enter func(op, name string) // before open and sync
	syncs int
}

type memFile struct {
	data, disk []byte
	at         time.Time
}

type memHandle struct {
	d    *memFS
	f    *memFile
	name string
}

func newMemFS() *memFS {
	return &memFS{names: map[string]*memFile{}, disk: map[string]*memFile{}, space: 1 << 40}
}

// crash returns what the disk holds.
func (d *memFS) crash(r *rand.Rand) *memFS {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := newMemFS()
	kept := maps.Clone(d.disk)
	p, q := r.Float64(), r.Float64()
	if r.IntN(2) == 0 {
		for _, op := range d.ops[:r.IntN(len(d.ops)+1)] {
			op(kept)
		}
	} else {
		for _, op := range d.ops {
			if r.Float64() < q {
				op(kept)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		f := kept[name]
		data := slices.Clone(f.disk)
		if len(data) > len(f.data) && r.IntN(2) == 0 {
			data = data[:len(f.data)]
		}
		for at := 0; at < len(f.data); at += 512 {
			if r.Float64() >= p {
				continue
			}
			end := min(at+512, len(f.data))
			if len(data) < end {
				data = append(data, make([]byte, end-len(data))...)
			}
			copy(data[at:end], f.data[at:end])
		}
		c := &memFile{data: data, disk: slices.Clone(data), at: f.at}
		n.names[name], n.disk[name] = c, c
	}
	return n
}

func (d *memFS) err(op, name string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(op, name)
}

func (d *memFS) log(op func(map[string]*memFile)) {
	op(d.names)
	d.ops = append(d.ops, op)
}

func (d *memFS) open(name string, flag int) (file, error) {
	if d.enter != nil {
		d.enter("open", name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.err("open", name); err != nil {
		return nil, err
	}
	f, ok := d.names[name]
	switch {
	case ok && flag&os.O_EXCL != 0:
		return nil, fs.ErrExist
	case !ok && flag&os.O_CREATE == 0:
		return nil, fs.ErrNotExist
	case !ok:
		if err := d.err("create", name); err != nil {
			return nil, err
		}
		f = &memFile{at: time.Now()}
		d.log(func(m map[string]*memFile) { m[name] = f })
	case flag&os.O_TRUNC != 0:
		f.data = nil
	}
	return &memHandle{d, f, name}, nil
}

func (d *memFS) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.names[name]; !ok {
		return fs.ErrNotExist
	}
	if err := d.err("remove", name); err != nil {
		return err
	}
	d.log(func(m map[string]*memFile) { delete(m, name) })
	return nil
}

func (d *memFS) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.err("rename", from); err != nil {
		return err
	}
	if _, ok := d.names[from]; !ok {
		return fs.ErrNotExist
	}
	d.log(func(m map[string]*memFile) {
		if f, ok := m[from]; ok {
			m[to] = f
			delete(m, from)
		}
	})
	return nil
}

func (d *memFS) mkdir(string) error { return nil }

func (d *memFS) list(dir string) (out []fs.FileInfo, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.names {
		rest, ok := strings.CutPrefix(name, dir+"/")
		if dir == "." {
			rest, ok = name, !strings.Contains(name, "/")
		}
		if ok {
			out = append(out, memInfo{rest, int64(len(f.data)), f.at})
		}
	}
	return out, nil
}

func (d *memFS) syncDir() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.err("syncdir", ""); err != nil {
		return err
	}
	d.disk, d.ops = maps.Clone(d.names), nil
	return nil
}

func (d *memFS) free() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.space - min(d.space, d.used()), nil
}

func (d *memFS) used() (n uint64) {
	for _, f := range d.names {
		n += uint64(len(f.data))
	}
	return n
}

func (d *memFS) reopen() error { return d.err("reopen", "") }
func (d *memFS) close() error  { return nil }

func (h *memHandle) ReadAt(b []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.err("read", h.name); err != nil {
		return 0, err
	}
	if off >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *memHandle) WriteAt(b []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.err("write", h.name); err != nil {
		n := len(b) / 2 // a torn write
		h.put(b[:n], off)
		return n, err
	}
	if grow := off + int64(len(b)) - int64(len(h.f.data)); grow > 0 && h.d.used()+uint64(grow) > h.d.space {
		return 0, syscall.ENOSPC
	}
	h.put(b, off)
	return len(b), nil
}

func (h *memHandle) put(b []byte, off int64) {
	if end := int(off) + len(b); len(h.f.data) < end {
		h.f.data = append(h.f.data, make([]byte, end-len(h.f.data))...)
	}
	copy(h.f.data[off:], b)
}

func (h *memHandle) Truncate(size int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.err("truncate", h.name); err != nil {
		return err
	}
	h.f.data = h.f.data[:min(size, int64(len(h.f.data)))]
	return nil
}

func (h *memHandle) sync() error {
	if h.d.enter != nil {
		h.d.enter("sync", h.name)
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	h.d.syncs++
	if err := h.d.err("sync", h.name); err != nil {
		h.f.disk = h.f.disk[:len(h.f.disk):len(h.f.disk)]
		return err
	}
	h.f.disk = slices.Clone(h.f.data)
	return nil
}

func (h *memHandle) Close() error { return nil }

type memInfo struct {
	name string
	size int64
	at   time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return 0o600 }
func (i memInfo) ModTime() time.Time { return i.at }
func (i memInfo) IsDir() bool        { return false }
func (i memInfo) Sys() any           { return nil }
