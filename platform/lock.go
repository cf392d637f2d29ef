package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrLocked tells that another open file, of this process or another, holds a lock.
var ErrLocked = errors.New("locked by another process")

// TryLock takes the exclusive lock of f or fails with ErrLocked. Closing f gives it back; a crash does too.
// What stands in the first MiB of the file stays readable to others while it is locked.
func TryLock(f *os.File) error { return lock(f, false) }

// Lock waits until nobody else holds the exclusive lock of f and takes it. Closing f gives it back.
func Lock(f *os.File) error { return lock(f, true) }

// CheckFolder refuses a folder of state in which somebody else could put files of his own: one that belongs to another user (but root) or
// that everybody may write to. A symbolic link (of os.Lstat) and what is no folder are refused too. On Windows it trusts the
// access list, which comes from the folder above.
func CheckFolder(info fs.FileInfo) error {
	switch perm := info.Mode().Perm(); {
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link; name the folder itself")
	case !info.IsDir():
		return errors.New("it is not a folder; move it away, or name another one")
	case modesTell && perm&0o002 != 0:
		return fmt.Errorf("everybody may write to it (mode %04o); chmod 0750 it after looking at what is in it", perm)
	}
	return checkOwner(info)
}
