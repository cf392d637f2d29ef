package cli

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// release is set by the linker: -ldflags "-X …/internal/cli.release=1.2.3".
var release string

// Version names the release that runs, "development" for a program that make did not build: debug.ReadBuildInfo would tell more, for 9 kB.
func Version() string {
	if release != "" {
		return release
	}
	return "development"
}

// VersionCommand returns the command that prints a program's version.
func VersionCommand(program string) *ffcli.Command {
	return &ffcli.Command{
		Name:       "version",
		ShortUsage: program + " version",
		ShortHelp:  "print the version of this program",
		Exec: func(_ context.Context, args []string) error {
			if len(args) > 0 {
				return Usagef("version takes no argument, got %q", args[0])
			}
			_, err := fmt.Fprintf(os.Stdout, "%s %s, Argus record format 5.0, %s %s/%s\n",
				program, Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
