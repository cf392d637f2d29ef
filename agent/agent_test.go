package agent

import (
	"context"
	"flag"
	"io"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// exitCode is the one with which a program ends that returns err.
func exitCode(err error) int {
	root := &ffcli.Command{Name: "x", FlagSet: flag.NewFlagSet("x", flag.ContinueOnError), Exec: func(context.Context, []string) error { return err }}
	return cli.Run(context.Background(), root, nil, io.Discard, io.Discard)
}
