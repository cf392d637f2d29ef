//go:build !linux

package platform

import (
	"errors"
	"fmt"
	"runtime"
)

func (l *Listeners) readSockets() error {
	return fmt.Errorf("not known on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
