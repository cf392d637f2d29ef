package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// fsys is what a spool needs of a folder. Names are relative to it.
type fsys interface {
	open(name string, flag int) (file, error)
	remove(name string) error
	rename(from, to string) error
	mkdir(name string) error
	list(dir string) ([]fs.FileInfo, error)
	syncDir() error
	free() (uint64, error) // octets that may still be written
	reopen() error         // after the folder vanished: makes and checks it again
	close() error
}

// file is what a spool needs of a file. sync is fdatasync where there is one.
type file interface {
	ReadAt(b []byte, off int64) (int, error)
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Close() error
	sync() error
}

// osFS is a folder of the operating system, held open so that nothing in it leads out.
type osFS struct {
	dir  string
	root *os.Root
}

type osFile struct{ *os.File }

func (f osFile) sync() error { return datasync(f.File) }

// openDir makes the folder if it is missing and refuses one that others could have prepared or may change.
func openDir(dir string) (*osFS, error) {
	d := &osFS{dir: dir}
	return d, d.reopen()
}

func (d *osFS) reopen() error {
	if err := os.MkdirAll(filepath.Dir(d.dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(d.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := checkDir(d.dir); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return err
	}
	d.close()
	d.root = root
	return nil
}

// errRefused marks a folder that must not be used, in contrast to one that cannot be used now.
var errRefused = errors.New("spool folder refused")

func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%w: %s is a symbolic link; name the folder itself", errRefused, dir)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is not a folder; move it away", errRefused, dir)
	}
	if err := checkOwner(info); err != nil {
		return fmt.Errorf("%w: %s %w", errRefused, dir, err)
	}
	return nil
}

func (d *osFS) open(name string, flag int) (file, error) {
	if d.root == nil {
		return nil, fs.ErrNotExist
	}
	f, err := d.root.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d *osFS) remove(name string) error {
	if d.root == nil {
		return fs.ErrNotExist
	}
	return d.root.Remove(name)
}

func (d *osFS) rename(from, to string) error {
	if d.root == nil {
		return fs.ErrNotExist
	}
	return d.root.Rename(from, to)
}

func (d *osFS) mkdir(name string) error {
	if d.root == nil {
		return fs.ErrNotExist
	}
	if err := d.root.Mkdir(name, 0o700); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (d *osFS) list(dir string) ([]fs.FileInfo, error) {
	if d.root == nil {
		return nil, fs.ErrNotExist
	}
	f, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdir(-1)
}

func (d *osFS) free() (uint64, error) { return freeSpace(d.dir) }

func (d *osFS) syncDir() error {
	if d.root == nil {
		return fs.ErrNotExist
	}
	return syncDir(d.root)
}

func (d *osFS) close() error {
	if d.root == nil {
		return nil
	}
	return d.root.Close()
}
