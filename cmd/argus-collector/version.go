package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// release is set by the linker for a released program: -ldflags "-X main.release=1.2.3".
var release string

// version names this program: the release, else the version or revision that it was built from.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "development"
}

func versionCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:       "version",
		ShortUsage: "argus-collector version",
		ShortHelp:  "print the version of this program",
		Exec: func(_ context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("version takes no argument, got %q", args[0])
			}
			_, err := fmt.Printf("argus-collector %s, Argus record format 5.0, %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
