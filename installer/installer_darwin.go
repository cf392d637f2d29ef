package installer

import (
	"context"
	"errors"
	"fmt"
)

var errUnsupported = fmt.Errorf("a service of this system: %w", errors.ErrUnsupported)

func install(context.Context, Options) error         { return errUnsupported }
func uninstall(context.Context, Options, bool) error { return errUnsupported }
func status() (State, error)                         { return State{}, errUnsupported }

func run(ctx context.Context, work func(context.Context, func(func() error)) error) error {
	return work(ctx, func(func() error) {})
}
