package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/installer"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

func statusCommand() *ffcli.Command {
	config := agent.DefaultConfig()
	flags := flag.NewFlagSet("status", flag.ContinueOnError)
	config.StateFlags(flags)
	asJSON := flags.Bool("json", false, "print everything as one JSON object")
	return &ffcli.Command{
		Name:       "status",
		ShortUsage: "argus-endpoint status [--json]",
		ShortHelp:  "how the running agent is: interfaces, counters, spool, collector",
		FlagSet:    flags,
		LongHelp: `Reading the status needs root, or membership of the group argus-endpoint.

Examples:
  sudo argus-endpoint status
  sudo argus-endpoint status --json | jq .totals`,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("status takes no arguments, not %q", args[0])
			}
			if err := config.Load(flags, func(string) {}); err != nil {
				return err
			}
			service, _ := installer.Status() // what is not known is not told
			s, err := agent.ReadStatus(ctx, config.State)
			if err != nil {
				return fmt.Errorf("status: %w (the service: %s)", err, serviceText(&service))
			}
			if *asJSON {
				out := json.NewEncoder(os.Stdout)
				out.SetIndent("", "  ")
				return out.Encode(struct {
					*agent.Status
					Service installer.State `json:"service"`
				}{s, service})
			}
			return writeStatus(os.Stdout, s, &service)
		},
	}
}

// writeStatus prints what a person wants to know first.
func writeStatus(out io.Writer, s *agent.Status, service *installer.State) error {
	out = printable{out}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "agent\t%s, pid %d, running for %s\n", s.Version, s.PID, s.Now.Sub(s.Started).Round(time.Second))
	fmt.Fprintf(w, "service\t%s\n", serviceText(service))
	fmt.Fprintf(w, "monitor\t%s (%s), host %s\n", s.Monitor, s.MonitorOrigin, s.Host)
	if s.UncleanRestart {
		fmt.Fprintf(w, "\tthe last run did not end in order\n")
	}
	if s.ClonedFrom != nil {
		fmt.Fprintf(w, "\tthe state folder came from the host %s: its identity and records were set aside\n", s.ClonedFrom)
	}
	fmt.Fprintf(w, "collector\t%s, %d records sent\n", strings.TrimSpace(s.Uplink.State+" "+s.Uplink.Collector), s.Uplink.Records)
	writeUplink(w, &s.Uplink)
	fmt.Fprintf(w, "spool\t%d records waiting, %s of %s; durable up to %d of %d\n", s.Spool.Pending,
		octets(s.Spool.Bytes), octets(s.Spool.Limit), s.Spool.Durable, s.Spool.Next-min(s.Spool.Next, 1))
	if s.Spool.Dropped+s.Spool.Quarantined > 0 {
		fmt.Fprintf(w, "\tlost %d records to its limits, %d refused by the collector\n", s.Spool.Dropped, s.Spool.Quarantined)
	}
	if s.Spool.Degraded != "" {
		fmt.Fprintf(w, "\tin memory only: %s\n", s.Spool.Degraded)
	}
	t := &s.Totals
	fmt.Fprintf(w, "records\t%d of flows, %d of the agent's own, %d from before: %d durable, %d waiting, %d given up\n",
		t.Spooled, t.Reports, t.Inherited, t.Durable, t.Pending, t.Discarded)
	if n := t.Missing(); n != 0 {
		fmt.Fprintf(w, "\tthe sums do not close: %+d\n", n)
	}
	fmt.Fprintf(w, "flows\t%d of %d open, %d had to go because all were; Go's memory limit %s\n", s.Totals.FlowsOpen, s.FlowLimit,
		s.Totals.Evicted, octets(s.MemoryLimit))
	if err := w.Flush(); err != nil {
		return err
	}
	if err := writeInterfaces(out, s); err != nil {
		return err
	}
	return writeTroubles(out, s)
}

// serviceText says in a line what the system knows of the service.
func serviceText(s *installer.State) string {
	if s.Program == "" {
		return "not installed; argus-endpoint install makes this program one"
	}
	text := s.Manager + ", " + either(s.Enabled, "starts with the system", "does not start with the system") + ", " + either(s.Running, "runs", "does not run")
	if s.Detail != "" && !s.Running {
		text += ": " + s.Detail
	}
	text += "; " + s.Program + " " + s.Version
	if s.Package != "" {
		text += " of a " + s.Package
	}
	return text
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// writeTroubles prints what is not as it should be, and what happened lately.
func writeTroubles(out io.Writer, s *agent.Status) error {
	if s.BadConfig != "" {
		fmt.Fprintf(out, "the configuration file is bad, the last good one is used: %s\n", s.BadConfig)
	}
	if s.Unknown != "" {
		fmt.Fprintf(out, "not told of all: who listens: %s\n", s.Unknown)
	}
	for _, x := range s.SwitchedOff {
		fmt.Fprintf(out, "off until %s: %s, after three crashes in ten minutes\n", x.Until.Format(time.DateTime), x.Path)
	}
	for _, e := range s.Events {
		at := e.To
		if at.IsZero() {
			at = e.From
		}
		if _, err := fmt.Fprintf(out, "%s  %s: %s\n", at.Format(time.DateTime), e.Kind, cmp.Or(e.Text, "since "+e.From.Format(time.DateTime))); err != nil {
			return err
		}
	}
	return nil
}

// writeUplink prints why nothing is delivered, and what an operator compares before approving this host.
func writeUplink(w io.Writer, u *agent.UplinkStatus) {
	if u.Reason != "" {
		fmt.Fprintf(w, "\t%s\n", u.Reason)
	}
	if u.Proxy != "" {
		fmt.Fprintf(w, "\tby the proxy %s\n", u.Proxy)
	}
	if u.Key != "" {
		fmt.Fprintf(w, "key\t%s (in the %s)\n", u.Key, strings.ReplaceAll(u.KeyStore, "tpm", "TPM"))
	}
	for ca := range strings.FieldsSeq(u.CA) {
		fmt.Fprintf(w, "ca\t%s\n", ca)
	}
}

func writeInterfaces(out io.Writer, s *agent.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ninterface\tkind\tby\tcaptured\tdropped\tmetered\tmalformed\town uplink\tflows open\trecords\tspooled")
	for _, in := range s.Interfaces {
		if in.Metered {
			writeAccounts(w, in.Name, in.Kind, in.Method, &in.Accounts)
		}
	}
	writeAccounts(w, "all", "", "", &s.Totals.Accounts)
	for _, in := range s.Interfaces { // below the sums: a line with fewer cells would end their columns
		if !in.Metered {
			fmt.Fprintf(w, "%s\t%s\tnot metered: %s\n", in.Name, in.Kind, cmp.Or(in.Reason, "about to begin"))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Totals.Malformed)) {
		unmetered := ""
		if n := s.Totals.UnmeteredBy[reason]; n > 0 {
			unmetered = fmt.Sprintf(", %d of them not metered", n)
		}
		if _, err := fmt.Fprintf(out, "malformed: %d frames: %s%s\n", s.Totals.Malformed[reason], reason, unmetered); err != nil {
			return err
		}
	}
	return nil
}

func writeAccounts(w io.Writer, name, kind, method string, a *agent.Accounts) {
	malformed := uint64(0)
	for _, n := range a.Malformed {
		malformed += n
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", name, kind, method, a.Captured, a.RingDropped, a.Metered, malformed,
		a.OwnUplink.Packets, a.FlowsOpen, a.Records, a.Spooled)
}

// printable writes text to a terminal, which must not take what is in names of interfaces, or a server's answer, for commands.
type printable struct{ to io.Writer }

func (p printable) Write(b []byte) (int, error) {
	_, err := p.to.Write(bytes.Map(func(r rune) rune {
		if r == '\n' || strconv.IsPrint(r) {
			return r
		}
		return '_'
	}, b))
	return len(b), err
}

// octets prints a size for a person.
func octets(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d octets", n)
}
