package installer

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

//go:embed files/org.argus-endpoint.agent.plist
var plistText string

// newLaunchd returns the service manager of this system.
func newLaunchd(o *Options) *launchd {
	return &launchd{
		program: "/usr/local/bin/" + name, plist: "/Library/LaunchDaemons/" + label + ".plist",
		state: platform.DefaultDirs().State, root: "/", text: plistText,
		output: output, configure: o.configure, loose: looseFolder,
		pause: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		},
	}
}

func asRoot() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("a service of macOS is root's: run it with sudo: %w", fs.ErrPermission)
	}
	return nil
}

func install(ctx context.Context, o Options) error {
	if err := asRoot(); err != nil {
		return err
	}
	return newLaunchd(&o).install(ctx, &o)
}

func uninstall(ctx context.Context, o Options, purge bool) error {
	if err := asRoot(); err != nil {
		return err
	}
	return newLaunchd(&o).uninstall(ctx, &o, purge)
}

func status() (State, error) {
	return newLaunchd(&Options{}).status(context.Background())
}

// run is the work: launchd wants its children to stay in the foreground and to end by SIGTERM, nothing else.
func run(ctx context.Context, work func(context.Context, func(func() error)) error) error {
	return work(ctx, func(func() error) {})
}
