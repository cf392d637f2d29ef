package agent

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset lies behind the text of the file, so that the owner's pid stays readable while the file is locked.
const lockOffset = 1 << 20

func flock(f *os.File) error {
	at := windows.Overlapped{Offset: lockOffset}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
}

// checkFolder trusts what the folder above it passes on: Windows has no mode that tells who may write.
func checkFolder(fs.FileInfo) error { return nil }
