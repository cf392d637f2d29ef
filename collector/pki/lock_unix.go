//go:build unix

package pki

import (
	"os"
	"syscall"
)

// flock waits until no other open file, of this process or another, holds the lock.
func flock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return err
		}
	}
}
