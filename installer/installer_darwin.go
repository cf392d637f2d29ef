package installer

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

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
		own: func(path string, mode fs.FileMode) error {
			return errors.Join(os.Chown(path, 0, 0), os.Chmod(path, mode))
		},
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

// asRoot has what is made and run here be the system's, whoever's shell this came from: sudo of macOS keeps the path of a user, where
// another launchctl may lie, and a strict umask would close the program's folder to others.
func asRoot() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("a service of macOS is root's: run it with sudo: %w", fs.ErrPermission)
	}
	unix.Umask(0o022)
	return os.Setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
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
