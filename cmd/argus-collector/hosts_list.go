package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// spanFlags are the flags of a span of time, and of how long a host may be silent.
type spanFlags struct {
	since, until string
	silent       time.Duration
}

func (s *spanFlags) addTimes(fs *flag.FlagSet) {
	fs.StringVar(&s.since, "since", "24h", "look at the time from this `time` on: 15m, 2h or 3d (ago), a date, a time")
	fs.StringVar(&s.until, "until", "", "and before this `time`; now when left out")
}

func (s *spanFlags) add(fs *flag.FlagSet) {
	s.addTimes(fs)
	fs.DurationVar(&s.silent, "silent", collector.DefaultSilent, "a host that has said nothing for this `time` is silent")
}

func (s *spanFlags) query(now time.Time) (q collector.Query, err error) {
	q = collector.Query{Until: now, Now: now, Silent: s.silent}
	if q.Since, err = parseTime(s.since, now); err != nil {
		return q, cli.Usagef("--since: %w", err)
	}
	if s.until != "" {
		if q.Until, err = parseTime(s.until, now); err != nil {
			return q, cli.Usagef("--until: %w", err)
		}
	}
	if !q.Since.Before(q.Until) {
		return q, cli.Usagef("--since %s is not before --until %s", s.since, cmp.Or(s.until, "now"))
	}
	if s.silent <= 0 {
		return q, cli.Usagef("--silent %v is no time to wait", s.silent)
	}
	return q, nil
}

type hostsOptions struct {
	span        spanFlags
	json, worst bool
	only        list
}

func hostsList() *ffcli.Command {
	fs, place := placeFlags("list")
	var o hostsOptions
	o.span.add(fs)
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line")
	fs.BoolVar(&o.worst, "worst", false, "the worst first, instead of by name")
	fs.Var(&o.only, "only", "only hosts in these `states`, separated by commas")
	return &ffcli.Command{
		Name:       "list",
		ShortUsage: "argus-collector hosts list [flags]",
		ShortHelp:  "print all hosts",
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("hosts knows list, srcid, approve, reject and revoke, not %q", args[0])
			}
			return o.run(ctx, place)
		},
	}
}

func (o *hostsOptions) run(ctx context.Context, place *collector.Place) error {
	for _, s := range o.only {
		if !slices.Contains(collector.HostStates(), collector.HostState(s)) {
			return cli.Usagef("--only %q is no state of a host: they are %s", s, joined(collector.HostStates()))
		}
	}
	q, err := o.span.query(time.Now())
	if err != nil {
		return err
	}
	hosts, err := collector.Hosts(ctx, place, q)
	if err != nil {
		return err
	}
	if len(hosts) == 0 && !o.json {
		fmt.Fprintln(os.Stderr, "no host has come yet: argus-collector token create prints what an agent needs")
	}
	if o.only != nil {
		hosts = slices.DeleteFunc(hosts, func(h collector.Host) bool { return !slices.Contains(o.only, string(h.State)) })
	}
	if o.worst {
		slices.SortStableFunc(hosts, worse)
	}
	if o.json {
		return printJSON(hosts)
	}
	return printHosts(hosts, q.Now, screenWidth())
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// worse orders hosts by their states, then by what is missing.
func worse(a, b collector.Host) int {
	states := collector.HostStates()
	return cmp.Or(slices.Index(states, a.State)-slices.Index(states, b.State), cmp.Compare(share(&a), share(&b)))
}

// share is how complete a host is; one of which nothing is known is behind the others.
func share(h *collector.Host) float64 {
	if h.Complete.Percent == nil {
		return 101
	}
	return *h.Complete.Percent
}

// wideScreen has room for whole UUIDs.
const wideScreen = 140

func printHosts(hosts []collector.Host, now time.Time, width int) error {
	t := table{head: []string{"NAME", "MONITOR", "STATE", "LAST", "COMPLETE", "RECORDS", "VERSION", "WHY"}, right: map[int]bool{3: true, 4: true, 5: true}, colour: stateColour}
	for i := range hosts {
		h := &hosts[i]
		last, id := "never", h.Monitor.String()
		if !h.Heard.IsZero() {
			last = collector.Ago(now, h.Heard)
		}
		if width > 0 && width < wideScreen {
			id = id[:8]
		}
		t.rows = append(t.rows, []string{screen(h.Name), id, string(h.State), last, percent(h.Complete.Percent), fmt.Sprint(h.Records), screen(h.Version), screen(h.Why)})
	}
	return t.print(os.Stdout, width)
}

func stateColour(cell string) string {
	switch collector.HostState(cell) {
	case collector.HostCloned, collector.HostInconsistent, collector.HostBlind:
		return "\x1b[31m"
	case collector.HostSilent, collector.HostUnknown, collector.HostPending:
		return "\x1b[33m"
	case collector.HostUp:
		return "\x1b[32m"
	}
	return ""
}
