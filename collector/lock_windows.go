package collector

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset lies behind the pid in the file, which stays readable.
const lockOffset = 1 << 20

func flock(f *os.File) error {
	at := windows.Overlapped{Offset: lockOffset}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
}
