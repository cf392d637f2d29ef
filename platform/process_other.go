//go:build !linux

package platform

import (
	"errors"
	"fmt"
	"runtime"
)

func owners([]Listener) (map[uint64]Process, error) {
	return nil, fmt.Errorf("the processes of sockets are not known on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
