package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

const flowsHelp = `Without -r the flows of this machine are printed as they happen, read from the running agent, or from a second
capture if none runs. With -r they come from a file: pcap, pcapng or an Argus stream, told apart by what is in it.
An active flow reports every 5 seconds; its lines are parts that add up. --aggregate adds them up.

The filter chooses flows: host, net and port (with src or dst before them), proto or the name of a protocol, and, or, not, ( ).

Examples:
  sudo argus-endpoint flows                                  what happens now
  sudo argus-endpoint flows -i eth0 tcp and port 443         on one interface, chosen by a filter
  argus-endpoint flows -r trace.pcapng --aggregate           one line a flow of a capture file
  argus-endpoint flows -r trace.pcap -s +sappbytes,dappbytes more columns, in the words of ra
  argus-endpoint flows -r trace.pcap --json | jq .saddr      for programs
  tcpdump -w - | argus-endpoint flows -r -                   from a pipe
  argus-endpoint flows -r trace.pcap -w - | ra -r -          for the Argus tools`

// flowsFlags is what was asked for.
type flowsFlags struct {
	config     agent.Config
	read       string
	write      string
	fields     string
	inf        string
	json, csv  bool
	aggregate  bool
	count      int
	argusMajor int
	filter     []string
}

func flowsCommand() *ffcli.Command {
	f := &flowsFlags{config: agent.DefaultConfig()}
	flags := flag.NewFlagSet("flows", flag.ContinueOnError)
	f.config.StateFlags(flags)
	f.config.MeterFlags(flags)
	flags.StringVar(&f.read, "r", "", "read this capture or Argus `file`; - is the standard input")
	flags.StringVar(&f.write, "w", "", "write an Argus stream to this `file` instead of lines; - is the standard output")
	flags.StringVar(&f.fields, "s", "", "print these `fields`, in the words of ra: name[:width],... ; +name adds one, -name takes one away")
	flags.StringVar(&f.inf, "i", "", "only flows of this `interface`")
	flags.BoolVar(&f.json, "json", false, "print one JSON object a line")
	flags.BoolVar(&f.csv, "csv", false, "print comma separated values")
	flags.BoolVar(&f.aggregate, "aggregate", false, "one line a flow, at the end, instead of one a report")
	flags.IntVar(&f.count, "n", 0, "stop after `count` flows")
	flags.IntVar(&f.count, "N", 0, "the same as -n")
	flags.IntVar(&f.argusMajor, "argus-version", int(argus.V5), "hidden: record version of what is metered here, 3 or 5")
	return &ffcli.Command{
		Name:       "flows",
		ShortUsage: "argus-endpoint flows [flags] [FILTER...]",
		ShortHelp:  "print the flows of this machine as they happen, or those of a file",
		LongHelp:   flowsHelp,
		FlagSet:    flags,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 && args[0] == "-" { // ra puts this before its filter
				args = args[1:]
			}
			f.filter = args
			if err := f.check(flags); err != nil {
				return err
			}
			return f.run(ctx)
		},
	}
}

func (f *flowsFlags) check(flags *flag.FlagSet) error {
	if err := f.config.Load(flags, func(string) {}); err != nil {
		return err
	}
	given := map[string]bool{}
	flags.Visit(func(g *flag.Flag) { given[g.Name] = true })
	switch v := argus.Version(f.argusMajor); {
	case f.json && f.csv:
		return cli.Usagef("--json and --csv do not go together")
	case given["w"] && (f.json || f.csv || given["s"]):
		return cli.Usagef("-w writes an Argus stream: --json, --csv and -s print lines, and do not go with it")
	case given["w"] && f.aggregate:
		return cli.Usagef("-w writes the records as they were made: --aggregate does not go with it")
	case given["r"] && f.inf != "":
		return cli.Usagef("-i chooses one of this machine's interfaces, and does not go with -r")
	case f.count < 0:
		return cli.Usagef("-n %d: want a number of flows", f.count)
	case v != argus.V3 && v != argus.V5:
		return cli.Usagef("--argus-version %d: want 3 or 5", f.argusMajor)
	}
	return nil
}

// errEnough ends a source when what was asked for has been printed.
var errEnough = errors.New("enough flows")

func (f *flowsFlags) run(ctx context.Context) error {
	out, err := f.open()
	if err != nil {
		return err
	}
	if f.read != "" {
		err = f.readFile(ctx, out)
	} else {
		err = f.readLive(ctx, out)
	}
	if errors.Is(err, errEnough) || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	if cerr := out.close(err == nil); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	return nil
}
