//go:build !linux && !windows && !darwin

package capture

import (
	"errors"
	"fmt"
	"runtime"
)

func open(name string, _ int, _ Options) (Source, error) {
	return nil, fmt.Errorf("capture on %s: %s has no live capture source yet; capture files can be read: %w",
		name, runtime.GOOS, errors.ErrUnsupported)
}
