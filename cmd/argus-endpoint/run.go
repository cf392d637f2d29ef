package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"
	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/installer"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

const runHelp = `Without a command, and with nothing configured, the agent meters every interface, keeps the records in its
spool and delivers them to the collector of its enrolment token: --token, ARGUS_TOKEN, or the file "token"
in the state folder or beside the configuration file. Without a token it asks to be approved by the collector of
--collector, or of the SRV records _argus-collector._tcp in this host's search domains (--discover no: it does not),
and meters into the spool until an operator has approved it.

Every flag is also a variable of the environment and a line of the configuration file, in the words of argus.conf:
--flow-status-interval 5 is ARGUS_FLOW_STATUS_INTERVAL=5. The command line goes before the environment, and that
before the file.

Examples:
  sudo argus-endpoint                                      meter everything, as a service would
  sudo argus-endpoint --token argus1.AAAA...               enrol at the collector that made the token
  sudo argus-endpoint --collector siem.example.org:4561    wait to be approved there (argus-collector hosts)
  sudo argus-endpoint --interface eth0,wlan0 --state ./s   two interfaces only, state in a folder of one's own
  sudo argus-endpoint --config /etc/argus.conf             with the settings of an Argus sensor
  sudo argus-endpoint flows                                the flows of this machine as they happen
  argus-endpoint flows -r trace.pcap --json                the flows of a capture file
  sudo argus-endpoint doctor                               what is wrong, and what to do about it

Exit codes: 0 done, 1 failed, 2 wrong flag or configuration, 3 another agent owns the state folder.`

// runCommand is the root's own work under a name. It shares the root's flags.
func runCommand(config *agent.Config, flags *flag.FlagSet) *ffcli.Command {
	return &ffcli.Command{
		Name:       "run",
		ShortUsage: "argus-endpoint [run] [flags]",
		ShortHelp:  "meter, keep and deliver until stopped (what happens without a command)",
		FlagSet:    flags,
		LongHelp:   runHelp,
		Exec:       runExec(config, flags),
	}
}

func runExec(config *agent.Config, flags *flag.FlagSet) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			return cli.Usagef("unknown command %q", args[0])
		}
		var warnings []string
		if err := config.Load(flags, func(message string) { warnings = append(warnings, message) }); err != nil {
			return err
		}
		log := openLog(config.LogLevel, config.State)
		for _, w := range warnings {
			log.Warn(w, zap.String("code", "config"))
		}
		err := installer.Run(ctx, func(ctx context.Context, ready func(func() error)) error {
			config.Ready = ready
			return agent.New(*config, cli.Version(), log).Run(ctx)
		})
		if err != nil {
			return fmt.Errorf("run: %w", err)
		}
		return nil
	}
}
