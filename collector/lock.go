package collector

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// ErrRunning tells that another collector owns the state folder.
var ErrRunning = errors.New("another collector is running")

// lock makes the state folder and takes it; closing the file gives it back. A crash does too.
func lock(state string) (*os.File, error) {
	if err := os.MkdirAll(state, 0o750); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := checkOwner(state); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(state, lockFile), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	switch err := platform.TryLock(f); {
	case errors.Is(err, platform.ErrLocked):
		owner, _ := io.ReadAll(io.LimitReader(f, 20)) // only for the message
		f.Close()
		return nil, fmt.Errorf("%w on the state folder %s (pid %s)", ErrRunning, state, strings.TrimSpace(string(owner)))
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("lock the state folder: %w", err)
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintln(f, os.Getpid())
	}
	return f, nil
}

// checkOwner refuses a state folder of somebody else, as of a service's user when root calls: what would be written there, he could not read.
func checkOwner(state string) error {
	info, err := os.Stat(state)
	if err == nil {
		err = platform.CheckFolder(info)
	}
	if err != nil {
		return fmt.Errorf("state folder %s: %w (if it is a service's, start that: systemctl start argus-collector)", state, err)
	}
	return nil
}
