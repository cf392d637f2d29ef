package installer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// source returns the file to install.
func (o *Options) source() (string, error) {
	path := o.Program
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			return "", fmt.Errorf("which program is this: %w", err)
		}
	}
	if runtime.GOOS == "windows" { // where the name is all that is wanted
		return path, nil
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("the program to install: %w", err)
	}
	return path, nil
}

// refuseNewer returns an error where a newer version than the one to install is at path. installed is "" for none that says what it is.
func (o *Options) refuseNewer(ctx context.Context, path string) (installed string, err error) {
	if _, err := os.Stat(path); err != nil {
		return "", nil
	}
	installed, err = versionOf(ctx, path)
	if err != nil {
		return "", nil // it does not run: anything is better
	}
	if newer(installed, o.Version) && !o.Downgrade {
		return "", fmt.Errorf("version %s is installed as %s, this one is older: %s. Nothing was changed; give --downgrade to install it all the same", installed, path, o.Version)
	}
	return installed, nil
}

// copyProgram makes to what from is, at once or not at all, and tells whether it was something else.
func copyProgram(from, to string) (changed bool, err error) {
	if same, err := sameContent(from, to); same || err != nil {
		return false, err
	}
	in, err := os.Open(from)
	if err != nil {
		return false, fmt.Errorf("copy the program: %w", err)
	}
	defer func() { _ = in.Close() }()
	return true, replaceFile(to, in, 0o755)
}

// sameContent tells whether both files hold the same. The second one may be missing; a link is not what it leads to.
func sameContent(a, b string) (bool, error) {
	if info, err := os.Lstat(b); err == nil && !info.Mode().IsRegular() {
		return false, nil
	}
	x, err := contentOf(a)
	if err != nil {
		return false, fmt.Errorf("read the program: %w", err)
	}
	y, err := contentOf(b)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read what is installed: %w", err)
	}
	return err == nil && bytes.Equal(x, y), nil
}

func contentOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}

// replaceFile puts content into the place of path, at once or not at all.
func replaceFile(path string, content io.Reader, mode fs.FileMode) error {
	sweep(path)
	f, err := os.CreateTemp(filepath.Dir(path), begun(path)+"*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = io.Copy(f, content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// begun is how the names of files begin that are to take the place of path.
func begun(path string) string { return "." + filepath.Base(path) + "-" }

// sweep removes what a replaceFile has left that was killed.
func sweep(path string) {
	dir := filepath.Dir(path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), begun(path)) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// remove deletes files and folders with all that is in them, where they are there.
func (o *Options) remove(paths ...string) error {
	for _, path := range paths {
		sweep(path)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove %s: %w", path, err)
		}
		o.Note("removed " + path)
	}
	return nil
}
