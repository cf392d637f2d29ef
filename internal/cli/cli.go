// Package cli is what the command lines of both programs share: help, exit codes, errors, configuration files, completion.
package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// The exit codes of both programs.
const (
	ExitOK      = 0
	ExitFailure = 1 // the work failed
	ExitUsage   = 2 // a flag, an argument or the configuration is wrong
	ExitRunning = 3 // another instance owns the state folder
)

type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Exit wraps err so that the program ends with code. A nil err stays nil.
func Exit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// Usagef returns an error about the command line or the configuration: the program ends with ExitUsage.
func Usagef(format string, args ...any) error {
	return &exitError{ExitUsage, fmt.Errorf(format, args...)}
}

// Main runs root with the process's arguments and ends the process. The first SIGINT or SIGTERM ends the
// command's context, the second one the process.
func Main(root *ffcli.Command) {
	prepareConsole()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, root, os.Args[1:], os.Stdout, os.Stderr))
}

// Run parses args, runs the command that they choose and returns the exit code. Help goes to stdout, errors to stderr.
func Run(ctx context.Context, root *ffcli.Command, args []string, stdout, stderr io.Writer) int {
	var usage bytes.Buffer
	prepare(root, root.Name, &usage)
	err := root.Parse(unbundle(root, args))
	if err == nil {
		err = misplaced(root)
	}
	if err == nil {
		err = root.Run(ctx)
	} else if !errors.Is(err, flag.ErrHelp) && !isNoExec(err) {
		err = Exit(ExitUsage, err)
	}
	if noExec, ok := errors.AsType[ffcli.NoExecError](err); ok {
		if rest := noExec.Command.FlagSet.Args(); len(rest) > 0 {
			err = Usagef("unknown command %q", rest[0])
		} else {
			fmt.Fprint(stderr, noExec.Command.UsageFunc(noExec.Command))
			return ExitUsage
		}
	}
	if errors.Is(err, flag.ErrHelp) {
		io.Copy(stdout, &usage)
		return ExitOK
	}
	return report(root.Name, err, stderr)
}

// misplaced refuses flags of a command before the name of one below it, which has flags of its own and would not see them.
func misplaced(c *ffcli.Command) error {
	rest := c.FlagSet.Args()
	for _, sub := range c.Subcommands {
		if len(rest) == 0 || !strings.EqualFold(sub.Name, rest[0]) {
			continue
		}
		var first *flag.Flag
		c.FlagSet.Visit(func(f *flag.Flag) {
			if first == nil {
				first = f
			}
		})
		if first != nil {
			return Usagef("-%s stands before %s: flags go behind the command", first.Name, sub.Name)
		}
		return misplaced(sub)
	}
	return nil
}

func isNoExec(err error) bool {
	_, ok := errors.AsType[ffcli.NoExecError](err)
	return ok
}

// report prints err, if any, and returns its exit code. A reader that went away (| head) is no failure.
func report(name string, err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return ExitOK
	}
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	exit, ok := errors.AsType[*exitError](err)
	if !ok {
		return ExitFailure
	}
	if exit.code == ExitUsage {
		fmt.Fprintf(stderr, "Try '%s --help'.\n", name)
	}
	return exit.code
}

// prepare gives every command of the tree our help, and a flag set that says nothing by itself.
func prepare(c *ffcli.Command, path string, usage io.Writer) {
	if c.FlagSet == nil {
		c.FlagSet = flag.NewFlagSet(c.Name, flag.ContinueOnError)
	}
	c.FlagSet.Init(c.Name, flag.ContinueOnError)
	c.FlagSet.SetOutput(usage)
	c.UsageFunc = func(c *ffcli.Command) string { return help(c, path) }
	for _, sub := range c.Subcommands {
		prepare(sub, path+" "+sub.Name, usage)
	}
}
