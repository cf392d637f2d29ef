package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/account"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
)

const gapsHelp = `Prints the intervals in which something of a host may be missing, and why, and how complete each host is: the share of
the time in which nothing is known to be missing. A host's time begins with its first contact.

The reasons: stopped, killed, asleep, spool-full, ring-overrun, disconnected, never-arrived, lost, not-metering; silent is said of a host of
which nothing is heard now, and what it has in its spool may still come. docs/completeness.md tells what each means.

Examples:
  argus-collector gaps                                        of all hosts, in the last 24 hours
  argus-collector gaps --since 10:00 --until 10:05 web-7      did web-7 not talk, or was nobody looking?
  argus-collector gaps --reason ring-overrun,spool-full --since 7d --json
  argus-collector gaps --since 1h --check 99.9                exit code 1 when a host is less complete, or none is known`

type gapsOptions struct {
	span   spanFlags
	json   bool
	reason list
	check  float64
}

func gapsCommand() *ffcli.Command {
	fs, place := placeFlags("gaps")
	var o gapsOptions
	o.span.add(fs)
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line: the gaps, the hosts, and all hosts together")
	fs.Var(&o.reason, "reason", "print only gaps of these `reasons`, separated by commas")
	fs.Float64Var(&o.check, "check", 0, "exit with 1 when a host is less complete than this `percentage`, or nothing is known of the hosts that are named, or of any")
	return &ffcli.Command{
		Name:       "gaps",
		ShortUsage: "argus-collector gaps [flags] [HOST...]",
		ShortHelp:  "print in which intervals something of a host may be missing, and why",
		LongHelp:   gapsHelp,
		FlagSet:    fs,
		Exec:       func(ctx context.Context, args []string) error { return o.run(ctx, place, args) },
	}
}

func (o *gapsOptions) run(ctx context.Context, place *collector.Place, names []string) error {
	for _, r := range o.reason {
		if !slices.Contains(account.Reasons(), account.Reason(r)) {
			return cli.Usagef("--reason %q is none: they are %s", r, joined(account.Reasons()))
		}
	}
	q, err := o.span.query(time.Now())
	if err != nil {
		return err
	}
	if !(o.check >= 0 && o.check <= 100) { // NaN too
		return cli.Usagef("--check %v is no percentage", o.check)
	}
	q.Only = only(names)
	bringUp(ctx, place, "gaps")
	gaps, hosts, err := collector.Gaps(ctx, place, q)
	if err != nil {
		return err
	}
	if o.reason != nil {
		gaps = slices.DeleteFunc(gaps, func(g collector.Gap) bool { return !slices.Contains(o.reason, string(g.Reason)) })
	}
	if o.json {
		err = o.printJSON(gaps, hosts)
	} else {
		err = o.print(gaps, hosts)
	}
	return errors.Join(err, o.judge(hosts, q.Only != nil))
}

// bringUp brings what the running collector has into the store.
func bringUp(ctx context.Context, place *collector.Place, what string) {
	if err := collector.Flush(ctx, place); err != nil && !errors.Is(err, collector.ErrNotRunning) {
		fmt.Fprintf(os.Stderr, "argus-collector: the latest %s may be missing: %v\n", what, err)
	}
}

// only makes the set of the hosts that were asked for, nil for all.
func only(names []string) map[string]bool {
	var set map[string]bool
	for _, n := range names {
		if set == nil {
			set = map[string]bool{}
		}
		set[n] = true
	}
	return set
}

func (o *gapsOptions) printJSON(gaps []collector.Gap, hosts []collector.Host) error {
	if err := printJSON(gaps); err != nil {
		return err
	}
	enc := json.NewEncoder(os.Stdout)
	for i := range hosts {
		h := &hosts[i]
		if err := enc.Encode(map[string]any{"host": h.Name, "monitor": h.Monitor, "state": h.State, "complete": h.Complete}); err != nil {
			return err
		}
	}
	return enc.Encode(map[string]any{"hosts": len(hosts), "complete": collector.Total(hosts)})
}

func (o *gapsOptions) print(gaps []collector.Gap, hosts []collector.Host) error {
	t := table{head: []string{"FROM", "TO", "HOST", "INTERFACE", "REASON", "RECORDS", "PACKETS", "WHY"}, right: map[int]bool{5: true, 6: true}}
	for i := range gaps {
		g := &gaps[i]
		to := local(g.To)
		if g.Lasts {
			to = "now"
		}
		t.rows = append(t.rows, []string{local(g.From), to, hostName(g.Host, g.Monitor.String()), screen(g.Interface), string(g.Reason), count(g.Records), count(g.Packets), why(g)})
	}
	if len(gaps) > 0 {
		if err := t.print(os.Stdout, screenWidth()); err != nil {
			return err
		}
		fmt.Println()
	}
	for i := range hosts {
		if h := &hosts[i]; h.Complete.Missing > 0 {
			fmt.Printf("%s: %s\n", hostName(h.Name, h.Monitor.String()), complete(&h.Complete))
		}
	}
	total := collector.Total(hosts)
	_, err := fmt.Printf("%d %s, %d with nothing missing: %s\n", len(hosts), plural(len(hosts), "host"), whole(hosts), complete(&total))
	return err
}

func local(t time.Time) string { return t.Local().Format(time.DateTime) }

func hostName(name, id string) string {
	if name == "" {
		return id
	}
	return screen(name)
}

func count(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// whole counts the hosts of which nothing is missing.
func whole(hosts []collector.Host) (n int) {
	for i := range hosts {
		if p := hosts[i].Complete.Percent; p != nil && *p == 100 {
			n++
		}
	}
	return n
}

// complete says how complete hosts are, and what each reason took.
func complete(c *collector.Completeness) string {
	if c.Percent == nil {
		return "nothing is known of that time"
	}
	var losses []string
	for _, r := range slices.Sorted(maps.Keys(c.Reasons)) {
		l := c.Reasons[r]
		text := fmt.Sprintf("%s %v", r, seconds(l.Seconds))
		if l.Records > 0 {
			text += fmt.Sprintf(", %d records", l.Records)
		}
		if l.Packets > 0 {
			text += fmt.Sprintf(", %d packets", l.Packets)
		}
		losses = append(losses, text)
	}
	text := fmt.Sprintf("%s complete from %s to %s", percent(c.Percent), local(c.Since), local(c.Until))
	if losses != nil {
		text += " (" + strings.Join(losses, "; ") + ")"
	}
	return text
}

func seconds(s float64) time.Duration {
	d := time.Duration(s * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// why says in words what a gap is.
func why(g *collector.Gap) string {
	text := map[account.Reason]string{
		account.Stopped:      "the agent was not running",
		account.Killed:       "the agent ended without its last word: the flows that were open are missing too",
		account.Asleep:       "the host slept, or the agent was frozen",
		account.SpoolFull:    "the spool gave up its oldest records",
		account.RingOverrun:  "the kernel's ring had no room for these frames",
		account.Disconnected: "the sensor ran on, and nobody collected from it",
		account.NeverArrived: "the agent does not say that it gave these up",
		account.Lost:         "not taken by the spool, lost with it, or refused and set aside",
		account.NotMetering:  "the interface is not metered, or its meter sees nothing of it",
		account.Silent:       "nothing is heard: what the host has kept may still come",
	}[g.Reason]
	if g.Last > 0 {
		text += fmt.Sprintf(" (sequences %d-%d)", g.First, g.Last)
	}
	return text
}

// judge makes the exit code of --check. Nobody was looking at a host of which nothing is known; among all there may be some that are new.
func (o *gapsOptions) judge(hosts []collector.Host, named bool) error {
	var below []string
	unknown := 0
	for i := range hosts {
		h := &hosts[i]
		if h.Complete.Percent == nil {
			unknown++
		}
		if p := h.Complete.Percent; p != nil && *p < o.check || p == nil && named && o.check > 0 {
			below = append(below, fmt.Sprintf("%s (%s)", hostName(h.Name, h.Monitor.String()), percent(h.Complete.Percent)))
		}
	}
	if len(below) == 0 && unknown == len(hosts) && o.check > 0 {
		return errors.New("nothing is known of any host in that time")
	}
	if len(below) == 0 {
		return nil
	}
	n := len(below)
	if n > 10 {
		below = append(below[:10], "...")
	}
	return fmt.Errorf("%d of %d hosts are less than %v %% complete: %s", n, len(hosts), o.check, strings.Join(below, ", "))
}
