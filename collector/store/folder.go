package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
)

// tempDir is where the objects of a folder are while they are written.
const tempDir = "tmp"

// folder is a bucket in the folder of that name.
type folder string

func (f folder) open() (*os.Root, error) { return os.OpenRoot(string(f)) }

// Put writes a file in tempDir, and links it to its name, which fails when there is one.
func (f folder) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if err := os.MkdirAll(string(f), 0o750); err != nil {
		return err
	}
	root, err := f.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir(tempDir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	temp := path.Join(tempDir, uuid.Must(uuid.NewV7()).String())
	defer func() { _ = root.Remove(temp) }() // what stays is swept
	if err := writeSynced(root, temp, size, r); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return linkTo(root, temp, name)
}

// linkTo links a file to its name for ever.
func linkTo(root *os.Root, temp, name string) error {
	for range 10 { // Remove may take away an empty folder
		if err := makeDirs(root, path.Dir(name)); err != nil {
			return err
		}
		switch err := root.Link(temp, name); {
		case err == nil:
			return syncDir(root, path.Dir(name))
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return fmt.Errorf("%s: its folder is removed again and again", name)
}

// makeDirs makes a folder in root, with those above it, and their names durable.
func makeDirs(root *os.Root, dir string) error {
	if _, err := root.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDirs(root, path.Dir(dir)); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(root, path.Dir(dir))
}

func writeSynced(root *os.Root, name string, size int64, r io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, r)
	if err == nil && size >= 0 && n != size {
		err = fmt.Errorf("%d octets came instead of %d", n, size)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (f folder) Open(_ context.Context, name string) (Object, error) {
	root, err := f.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Open(name)
}

// List leaves out what is in tempDir.
func (f folder) List(ctx context.Context, prefix string) (names []string, err error) {
	root, err := f.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), path.Clean(prefix), func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // nothing there, or removed meanwhile
			return nil
		case err != nil:
			return err
		case d.IsDir() && name == tempDir:
			return fs.SkipDir
		case !d.IsDir():
			names = append(names, name)
		}
		return ctx.Err()
	})
	slices.Sort(names)
	return names, err
}

// Remove removes the folder too in which the object was the last.
func (f folder) Remove(_ context.Context, name string) error {
	root, err := f.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if dir := path.Dir(name); strings.Contains(dir, "hour=") {
		_ = root.Remove(dir) // it fails while there are others
	}
	return nil
}

func (f folder) Sweep(_ context.Context, before time.Time) error {
	root, err := f.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), tempDir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			if err := root.Remove(path.Join(tempDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (folder) Close() error { return nil }
