// Command argus-endpoint is the network flow sensor of a laptop or server: it meters every interface, with nothing to configure.
package main

import (
	"context"
	"flag"
	"os/signal"
	"syscall"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/internal/reader"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that went away is seen as an error of the write
	cli.Main(root())
}

// root is the command line. Without a command it runs the agent.
func root() *ffcli.Command {
	config := agent.DefaultConfig()
	flags := flag.NewFlagSet("argus-endpoint", flag.ContinueOnError)
	config.Flags(flags)
	r := &ffcli.Command{
		Name:       "argus-endpoint",
		ShortUsage: "argus-endpoint [flags] [run]\nargus-endpoint COMMAND [flags]",
		ShortHelp:  "what this host says to the network, as Argus flow records",
		FlagSet:    flags,
		LongHelp:   runHelp,
		Exec:       runExec(&config, flags),
	}
	run, install, uninstall := runCommand(&config, flags), installCommand(), uninstallCommand()
	for _, c := range []*ffcli.Command{r, run, install, uninstall} { // services and packages run them
		exec := c.Exec
		c.Exec = func(ctx context.Context, args []string) error {
			err := exec(ctx, args)
			logEnd(err)
			return err
		}
	}
	r.Subcommands = []*ffcli.Command{run, flowsCommand(), statusCommand(), doctorCommand(), install, uninstall, cli.VersionCommand("argus-endpoint")}
	r.Subcommands = append(r.Subcommands, cli.Completion(r, map[string][]string{"flows": reader.FilterWords()}))
	return r
}
