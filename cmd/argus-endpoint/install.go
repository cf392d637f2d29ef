package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/installer"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/uplink"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

func installCommand() *ffcli.Command {
	o := installer.Options{Version: cli.Version()}
	flags := flag.NewFlagSet("install", flag.ContinueOnError)
	flags.StringVar(&o.Token, "token", "", "enrol with this `token`: it names the collector and proves the right to join")
	file := flags.String("token-file", "", "read the token from this `file`, - for standard input: other users see what is on a command line")
	flags.StringVar(&o.Collector, "collector", "", "without a token, ask `host:port` for approval")
	flags.BoolVar(&o.Downgrade, "downgrade", false, "also over a newer version")
	flags.BoolVar(&o.Packaged, "packaged", false, "for the scripts of packages: user, folders, token and configuration only")
	return &ffcli.Command{
		Name:       "install",
		ShortUsage: "argus-endpoint install [--token T | --token-file F] [--collector C]",
		ShortHelp:  "make this program a service that starts with the system, and start it",
		FlagSet:    flags,
		LongHelp: `Copies the program to its place, makes a user for it where the system's services have one, and a service that
runs now and after every start of the system; over an older version it is an upgrade. What is as it should be is left
alone. Without a token the service meters into its spool until there is one: a file named token in the folder of the
configuration is used as soon as it is there.

Examples:
  sudo ./argus-endpoint install --token argus1.AAAA...
  sudo ./argus-endpoint install --token-file - <token.txt
  sudo ./argus-endpoint install --collector siem.example.org:4561
  sudo ./argus-endpoint install                              upgrade to this version, or meter and wait for a token`,
		Exec: func(ctx context.Context, args []string) (err error) {
			if len(args) > 0 {
				return cli.Usagef("install takes no arguments, not %q", args[0])
			}
			if o.Token, err = tokenToInstall(o.Token, *file); err != nil {
				return err
			}
			if o.Collector = strings.TrimSpace(o.Collector); o.Collector != "" {
				if err := wire.CheckAddress(o.Collector); err != nil {
					return cli.Exit(cli.ExitUsage, err)
				}
			}
			return install(ctx, o, os.Stdout)
		},
	}
}

// tokenToInstall returns the token of the flags: the one that was given, or what the file holds.
func tokenToInstall(token, file string) (string, error) {
	if token != "" && file != "" {
		return "", cli.Usagef("give --token or --token-file, not both")
	}
	if file != "" {
		in := os.Stdin
		if file != "-" {
			f, err := os.Open(file)
			if err != nil {
				return "", fmt.Errorf("read the token: %w", err)
			}
			defer func() { _ = f.Close() }()
			in = f
		}
		b, err := io.ReadAll(io.LimitReader(in, 16<<10))
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		token = string(b)
		if strings.TrimSpace(token) == "" {
			return "", cli.Usagef("there is no token in %s", file)
		}
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", nil
	}
	if _, err := wire.ParseToken(token); err != nil {
		return "", cli.Exit(cli.ExitUsage, err)
	}
	return token, nil
}

func install(ctx context.Context, o installer.Options, out io.Writer) error {
	steps := notes(&o, out)
	slow := time.AfterFunc(2*time.Second, func() { fmt.Fprintln(os.Stderr, "waiting for the service to meter ...") })
	err := installer.Install(ctx, o)
	slow.Stop()
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if o.Packaged {
		return nil
	}
	if *steps == 0 {
		fmt.Fprintf(out, "nothing to do: version %s is installed, and runs\n", o.Version)
	}
	return enrolled(ctx, out, o.Token != "")
}

// notes has what is done printed and counted.
func notes(o *installer.Options, out io.Writer) *int {
	n := new(int)
	o.Note = func(step string) {
		*n++
		fmt.Fprintln(out, step)
	}
	return n
}

const (
	answerTime = 10 * time.Second // to reach the agent, and for it to reach its collector
	answerEach = 200 * time.Millisecond
)

// enrolled says how the new service stands with its collector. One that ran before takes a moment to see its token. A collector that
// is not reached is no failure of the installation.
func enrolled(ctx context.Context, out io.Writer, token bool) error {
	late := time.After(answerTime)
	slow := time.AfterFunc(2*time.Second, func() { fmt.Fprintln(os.Stderr, "waiting for the collector ...") })
	defer slow.Stop()
	t := time.NewTicker(answerEach)
	defer t.Stop()
	for {
		s, err := agent.ReadStatus(ctx, agent.DefaultConfig().State)
		if err == nil && settled(&s.Uplink, token) {
			return writeEnrolled(out, s, nil)
		}
		select {
		case <-ctx.Done():
			return writeEnrolled(out, s, err)
		case <-late:
			return writeEnrolled(out, s, err)
		case <-t.C:
		}
	}
}

// settled tells whether more will not be known soon. One that is enrolled may take its time after an upgrade: a fleet does not
// come back at once.
func settled(u *agent.UplinkStatus, token bool) bool {
	switch uplink.State(u.State) {
	case uplink.StateNoCollector, uplink.StatePending:
		return !token
	case uplink.StateConnecting: // with a reason it waits for its turn
		return !u.Certificate.IsZero() || u.Reason != ""
	case uplink.StateWaiting:
		return !u.Certificate.IsZero()
	}
	return true
}

func writeEnrolled(out io.Writer, s *agent.Status, err error) error {
	if err != nil {
		return fmt.Errorf("install: the service was started, but does not answer: %w; its log says why", err)
	}
	u, metered := &s.Uplink, 0
	for _, in := range s.Interfaces {
		if in.Metered {
			metered++
		}
	}
	fmt.Fprintf(out, "metering %d interfaces\n", metered)
	switch uplink.State(u.State) {
	case uplink.StateUp:
		fmt.Fprintf(out, "enrolled: delivering to %s\n", u.Collector)
	case uplink.StatePending:
		fmt.Fprintf(out, "waiting for approval at %s: compare the key %s (argus-collector hosts)\n", u.Collector, u.Key)
	case uplink.StateNoCollector:
		fmt.Fprintf(out, "not enrolled: %s. Flows are kept in the spool until then\n", u.Reason)
	case uplink.StateConnecting, uplink.StateWaiting:
		if !u.Certificate.IsZero() {
			fmt.Fprintln(out, "enrolled: "+uplinkText(u))
			break
		}
		fallthrough
	default:
		fmt.Fprintf(out, "not enrolled yet: %s. Flows are kept in the spool, and it goes on trying\n", uplinkText(u))
	}
	return nil
}

// uplinkText says how it stands with the collector, and why where that is known.
func uplinkText(u *agent.UplinkStatus) string {
	text := u.State
	if !strings.HasPrefix(u.Reason, u.Collector) { // which most of them begin with
		text += " " + u.Collector
	}
	if u.Reason != "" {
		text += ": " + u.Reason
	}
	return text
}

func uninstallCommand() *ffcli.Command {
	var o installer.Options
	flags := flag.NewFlagSet("uninstall", flag.ContinueOnError)
	purge := flags.Bool("purge", false, "also remove identity, records that wait, configuration and the user")
	flags.BoolVar(&o.Packaged, "packaged", false, "for the scripts of packages: not the program, not the service")
	return &ffcli.Command{
		Name:       "uninstall",
		ShortUsage: "argus-endpoint uninstall [--purge]",
		ShortHelp:  "stop the service, and remove it and the program",
		FlagSet:    flags,
		LongHelp: `State and configuration stay, so that a new installation goes on as the same host, unless --purge is given: then
nothing is left. What a package has brought the package manager removes.

Examples:
  sudo argus-endpoint uninstall
  sudo argus-endpoint uninstall --purge`,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("uninstall takes no arguments, not %q", args[0])
			}
			steps := notes(&o, os.Stdout)
			if err := installer.Uninstall(ctx, o, *purge); err != nil {
				return fmt.Errorf("uninstall: %w", err)
			}
			if *steps == 0 && !o.Packaged {
				fmt.Println("nothing to do: it is not installed")
			}
			return nil
		},
	}
}
