package pki

import (
	"os"

	"golang.org/x/sys/windows"
)

// flock waits until no other open file, of this process or another, holds the lock.
func flock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &windows.Overlapped{})
}
