package main

import (
	"context"
	"flag"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/internal/reader"
)

var flowsHelp = `Without -r and -S the flows of this machine are printed as they happen, read from the running agent, or from a second
capture if none runs. With -r they come from files: pcap, pcapng or Argus records of version 3 or 5, told apart by what is in them, with
-S from any Argus sensor or radium. An active flow reports every 5 seconds; its lines are parts that add up: --aggregate adds them up.

` + reader.Help + `

Examples:
  sudo argus-endpoint flows                                  what happens now
  sudo argus-endpoint flows --top                            the same as a full screen, sorted
  sudo argus-endpoint flows -i eth0 tcp and port 443         on one interface, chosen by a filter
  argus-endpoint flows -r trace.pcapng --aggregate           one line a flow of a capture file
  argus-endpoint flows -r trace.pcap -s +sappbytes,dappbytes more columns, in the words of ra
  argus-endpoint flows -r trace.pcap --json | jq .saddr      for programs
  argus-endpoint flows -r /archive/2026/11/21 -m saddr --sort -bytes -N o10
                                                             who sent most that day
  argus-endpoint flows -r a.arg b.arg.gz - udp               several files; the filter stands behind the -
  argus-endpoint flows -S sensor:561 --bins 1m -m proto      by protocol and minute, from an Argus sensor
  tcpdump -w - | argus-endpoint flows -r -                   from a pipe
  argus-endpoint flows -r trace.pcap -w - --argus-version 3 | ra -r -
                                                             for the Argus tools
  sudo argus-endpoint flows -w '/archive/$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S.gz' --rotate 1h
                                                             an archive, as Argus sites keep it`

// flowsFlags is what was asked for.
type flowsFlags struct {
	reader.Options
	config agent.Config
	inf    string
}

func flowsCommand() *ffcli.Command {
	f := &flowsFlags{config: agent.DefaultConfig()}
	flags := flag.NewFlagSet("flows", flag.ContinueOnError)
	f.config.StateFlags(flags)
	f.config.MeterFlags(flags)
	f.Flags(flags)
	flags.StringVar(&f.inf, "i", "", "only flows of this `interface`")
	return &ffcli.Command{
		Name:       "flows",
		ShortUsage: "argus-endpoint flows [flags] [FILTER...]\nargus-endpoint flows -r FILE... [flags] [- FILTER...]",
		ShortHelp:  "print the flows of this machine as they happen, or those of files and servers",
		LongHelp:   flowsHelp,
		FlagSet:    flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := f.Args(flags, args); err != nil {
				return err
			}
			if err := f.config.Load(flags, func(string) {}); err != nil {
				return err
			}
			if f.Reading() && f.inf != "" {
				return cli.Usagef("-i chooses one of this machine's interfaces, and does not go with -r and -S: the filter inf %s does", f.inf)
			}
			return f.Run(ctx, reader.Sources{Default: f.readLive, Frames: f.meter})
		},
	}
}
