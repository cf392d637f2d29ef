package pki

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// readJSON reads a small state file. A file that is not there is fs.ErrNotExist.
func (a *Authority) readJSON(name string, v any) error {
	b, err := a.root.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s is damaged: %w; remove it to start over with that entry", name, err)
	}
	return nil
}

func (a *Authority) writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.write(name, append(b, '\n'))
}

// write replaces a file: after a crash there is the old content or the new.
func (a *Authority) write(name string, b []byte) error { return a.place(name, b, a.root.Rename) }

// place writes a file of its own beside name, which no other process writes, and moves it there: by Rename, which
// replaces what is there, or by Link, which does not.
func (a *Authority) place(name string, b []byte, move func(from, to string) error) error {
	temp := name + "." + rand.Text() + ".tmp"
	defer func() { _ = a.root.Remove(temp) }()
	f, err := a.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = move(temp, name)
	}
	if err != nil {
		return err
	}
	return a.syncDir(path.Dir(name))
}

func (a *Authority) syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there; renames are ordered by NTFS's log
	}
	d, err := a.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// begin makes what follows the only change of the folder, by this process or another, until end is called: an operator's
// revocation must not be undone by a certificate that the running collector renews at that moment.
func (a *Authority) begin() (end func(), err error) {
	a.change.Lock() // so that one thread at most waits for the lock
	f, err := a.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		if err = platform.Lock(f); err != nil {
			f.Close()
		}
	}
	if err != nil {
		a.change.Unlock()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return func() { f.Close(); a.change.Unlock() }, nil
}

// each calls fn with the name, without extension, of every entry of a folder.
func (a *Authority) each(dir string, fn func(id string) error) error {
	entries, err := fs.ReadDir(a.root.FS(), dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			if err := fn(id); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// checkModes refuses a folder or a file in it that others may read or write: the authority's key is there.
func (a *Authority) checkModes() error {
	if runtime.GOOS == "windows" {
		return nil // access lists, inherited from the state folder
	}
	return fs.WalkDir(a.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
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
		full := path.Join(a.root.Name(), name)
		switch {
		case info.Mode().Perm()&0o077 != 0:
			return fmt.Errorf("%s is open to others (mode %04o): others may have read it; if not, run chmod go= %q", full, info.Mode().Perm(), full)
		case !info.IsDir() && !info.Mode().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder: remove it", full)
		}
		return nil
	})
}
