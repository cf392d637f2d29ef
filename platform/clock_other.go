//go:build !linux && !windows

package platform

import (
	"context"
	"errors"
)

func clockChanges(context.Context) (wait func() bool, err error) { return nil, errors.ErrUnsupported }
