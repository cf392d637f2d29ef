//go:build !linux

package platform

import (
	"errors"
	"fmt"
	"runtime"
)

func (l *Listeners) readPorts() error {
	return fmt.Errorf("not known on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
