// Command argus-collector receives, keeps and shows the flow records of many argus-endpoint sensors.
package main

import (
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/internal/reader"
	"github.com/peterbourgon/ff/v3/ffcli"
)

func main() { cli.Main(root()) }

func root() *ffcli.Command {
	r := &ffcli.Command{
		Name:       "argus-collector",
		ShortUsage: "argus-collector COMMAND [flags]",
		ShortHelp:  "receives, keeps and shows the flow records of argus-endpoint sensors",
		LongHelp: `Examples:
  argus-collector run                            collect; agents come to port 4561
  argus-collector token create                   print a token: give it to argus-endpoint --token
  argus-collector package --token TOKEN          installers of argus-endpoint that enrol by themselves
  argus-collector hosts                          who sends, how complete, and what is wrong
  argus-collector gaps --since 1h                when nobody was looking, and why
  argus-collector flows --follow                 what happens now
  argus-collector flows --since 1h port 443      what happened in the last hour
  argus-collector import /var/log/argus/archive  bring files of Argus or Zeek into the store
  argus-collector radium 192.0.2.10              collect from Argus sensors and radiums too

Exit codes: 0 done, 1 failed, 2 wrong flag or configuration, 3 another collector owns the state folder.`,
	}
	r.Subcommands = []*ffcli.Command{runCommand(), receiveCommand(), writeCommand(), tokenCommand(), caCommand(), hostsCommand(), gapsCommand(), eventsCommand(), flowsCommand(), feedCommand(), filesCommand(), importCommand(), radiumCommand(), packageCommand(), cli.VersionCommand("argus-collector")}
	r.Subcommands = append(r.Subcommands, cli.Completion(r, map[string][]string{"flows": reader.FilterWords(), "feed": reader.FilterWords()}))
	return r
}
