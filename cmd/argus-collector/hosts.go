package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
)

func hostsCommand() *ffcli.Command {
	list := hostsList()
	return &ffcli.Command{
		Name:       "hosts",
		ShortUsage: "argus-collector hosts [list|approve|reject|revoke] [flags]",
		ShortHelp:  "print the hosts that send, approve those that wait, revoke others",
		LongHelp: `Without a command it prints the list: name, monitor UUID, state, when its last batch came, records in the store,
and records that are known to be missing. A host is pending when it asked without a token, or with another key than before.

Examples:
  argus-collector hosts
  argus-collector hosts --json | jq 'select(.lost > 0)'
  argus-collector hosts approve 0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a`,
		FlagSet:     list.FlagSet,
		Exec:        list.Exec,
		Subcommands: append([]*ffcli.Command{hostsList()}, hostsChanges()...),
	}
}

func hostsList() *ffcli.Command {
	fs, place := placeFlags("list")
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	return &ffcli.Command{
		Name:       "list",
		ShortUsage: "argus-collector hosts list [--json]",
		ShortHelp:  "print all hosts",
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("hosts knows list, approve, reject and revoke, not %q", args[0])
			}
			hosts, err := collector.Hosts(ctx, place)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(hosts)
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tMONITOR\tSTATE\tLAST\tRECORDS\tLOST")
			for _, h := range hosts {
				last := "never"
				if !h.Last.IsZero() {
					last = h.Last.Local().Format(time.DateTime)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\n", h.Name, h.Monitor, h.State, last, h.Records, h.Lost)
			}
			return w.Flush()
		},
	}
}

func printJSON[T any](list []T) error {
	enc := json.NewEncoder(os.Stdout)
	for _, v := range list {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
