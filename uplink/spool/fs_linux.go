package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync writes a file's data and its size to disk, but not its times.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
