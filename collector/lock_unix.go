//go:build unix

package collector

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkFolder refuses a state folder in which anybody could put another certificate authority.
func checkFolder(info fs.FileInfo) error {
	if perm := info.Mode().Perm(); perm&0o002 != 0 {
		return fmt.Errorf("everybody may write to it (mode %04o); chmod 0750 it after looking at what is in it", perm)
	}
	return nil
}

func flock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
