//go:build !linux && !windows && !darwin

package platform

import (
	"context"
	"errors"
)

func subscribe(context.Context) (wait func() bool, err error) { return nil, errors.ErrUnsupported }
