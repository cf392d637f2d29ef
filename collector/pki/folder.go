package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// folder is the State of a collector on one machine: a file <name>.json a value. Commands work on it beside the running
// collector. A revision is the hash of what stands in the file.
type folder struct {
	root   *os.Root
	change sync.Mutex // held from begin to end
}

// maxValue bounds what is read of one file.
const maxValue = 1 << 20

// Folder returns the State in the folder dir, which it makes when there is none. It is refused when others may read or write in it, with
// the reason: the authority's key is there. Authority.Close releases it.
func Folder(dir string) (State, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return f, nil
}

func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{root: root}
	err = f.checkModes()
	if err == nil {
		err = f.takeOver()
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return f, nil
}

// oldCA is where the authority's key and certificate were before there could be two of them.
const oldCA = "ca.pem"

// takeOver brings the authority of an older version into the present form.
func (f *folder) takeOver() error {
	text, err := f.root.ReadFile(oldCA)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := parseCA(text, text)
	if err != nil {
		return fmt.Errorf("%s is damaged: %w; restore it from a backup: with a new one every monitor must enrol again", oldCA, err)
	}
	e, err := c.entry()
	if err == nil {
		err = store(f, caName, caValue{[]caEntry{e}}, 0)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) { // taken over before, or by another process
		return err
	}
	return f.root.Remove(oldCA)
}

// Close releases the folder.
func (f *folder) Close() error { return f.root.Close() }

func fileOf(name string) string { return name + ".json" }

func (f *folder) Get(name string) ([]byte, uint64, error) {
	file, err := f.root.Open(fileOf(name))
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxValue))
	if err != nil {
		return nil, 0, err
	}
	return b, revisionOf(b), nil
}

func revisionOf(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:]) | 1 // never 0
}

func (f *folder) Put(name string, value []byte, revision uint64) (uint64, error) {
	end, err := f.begin()
	if err != nil {
		return 0, err
	}
	defer end()
	_, present, err := f.Get(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if present != revision {
		return 0, fmt.Errorf("%s has changed: %w", name, fs.ErrExist)
	}
	if dir := path.Dir(name); dir != "." {
		if err := f.mkdir(dir); err != nil {
			return 0, err
		}
	}
	return revisionOf(value), f.replace(fileOf(name), value)
}

// mkdir makes a folder below the folder, of the same owner.
func (f *folder) mkdir(name string) error {
	if err := f.root.Mkdir(name, 0o700); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	d, err := f.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(platform.Inherit(d, f.root), d.Close())
}

// replace writes a file: after a crash there is the old content or the new.
func (f *folder) replace(name string, b []byte) error {
	temp := name + "." + rand.Text() + ".tmp"
	defer func() { _ = f.root.Remove(temp) }() // there after an error only
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err = errors.Join(err, platform.Inherit(file, f.root), file.Sync(), file.Close()); err == nil {
		err = f.root.Rename(temp, name)
	}
	if err != nil {
		return err
	}
	return f.syncDir(path.Dir(name))
}

func (f *folder) syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there; renames are ordered by NTFS's log
	}
	d, err := f.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *folder) Remove(name string) error {
	end, err := f.begin()
	if err != nil {
		return err
	}
	defer end()
	err = f.root.Remove(fileOf(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, f.syncDir(path.Dir(name)))
}

func (f *folder) List(prefix string) ([]string, error) {
	dir, err := f.root.Open(strings.TrimSuffix(prefix, "/"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	files, err := dir.Readdirnames(-1)
	var names []string
	for _, file := range files {
		if name, ok := strings.CutSuffix(file, fileOf("")); ok {
			names = append(names, prefix+name)
		}
	}
	return names, err
}

// begin makes what follows the only change of the folder, by this process or another, until end is called.
func (f *folder) begin() (end func(), err error) {
	f.change.Lock() // so that one thread at most waits for the lock
	file, err := f.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		if err = errors.Join(platform.Inherit(file, f.root), platform.Lock(file)); err != nil {
			file.Close()
		}
	}
	if err != nil {
		f.change.Unlock()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return func() { file.Close(); f.change.Unlock() }, nil
}

// checkModes refuses a folder or a file in it that others may read or write.
func (f *folder) checkModes() error {
	if runtime.GOOS == "windows" {
		return nil // access lists, inherited from the state folder
	}
	return fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // replaced meanwhile
		}
		if err != nil {
			return err
		}
		full := path.Join(f.root.Name(), name)
		switch {
		case info.Mode().Perm()&0o077 != 0:
			return fmt.Errorf("%s is open to others (mode %04o): others may have read it; if not, run chmod go= %q", full, info.Mode().Perm(), full)
		case !info.IsDir() && !info.Mode().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder: remove it", full)
		}
		return nil
	})
}
