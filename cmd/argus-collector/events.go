package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/peterbourgon/ff/v3/ffcli"
)

const eventsHelp = `Prints what happened to agents: an unclean restart, a sleep, a clock that was set, a spool that had to go on in memory, a decoder
that was switched off; and on their hosts: an interface that appeared, changed or went, a process that listens for TCP connections on other
ports than before (docs/events.md). --kind prints only events of these kinds, and of interface and listener also what was there already when
the agent started, and is said again once a day. With --all also the reports in which each accounts for its frames and records, once a minute
(docs/status-record.md).

Examples:
  argus-collector events                        of all hosts, in the last 24 hours
  argus-collector events --since 7d web-7
  argus-collector events --kind listener web-7  which processes listened on which ports
  argus-collector events --kind interface --json | jq .report.event.interface
  argus-collector events --all --json --since 10m web-7 | jq .report.totals`

type eventsOptions struct {
	span      spanFlags
	json, all bool
	kinds     []string
}

func eventsCommand() *ffcli.Command {
	fs, place := placeFlags("events")
	var o eventsOptions
	o.span.addTimes(fs)
	o.span.silent = collector.DefaultSilent
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line")
	fs.BoolVar(&o.all, "all", false, "print everything, the regular reports too")
	fs.Func("kind", "print only events of these `kinds`, separated by commas: interface, listener, asleep, clock-step, ...", func(text string) error {
		o.kinds = append(o.kinds, strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })...)
		return nil
	})
	return &ffcli.Command{
		Name:       "events",
		ShortUsage: "argus-collector events [flags] [HOST...]",
		ShortHelp:  "print what happened to agents",
		LongHelp:   eventsHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			q, err := o.span.query(time.Now())
			if err != nil {
				return err
			}
			q.Only = only(args)
			bringUp(ctx, place, "events")
			return o.print(ctx, place, q)
		},
	}
}

func (o *eventsOptions) print(ctx context.Context, place *collector.Place, q collector.Query) error {
	enc := json.NewEncoder(os.Stdout)
	for e, err := range collector.Events(ctx, place, q) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		text, kind, happened := words(e)
		switch {
		case len(o.kinds) > 0 && !slices.Contains(o.kinds, kind):
		case len(o.kinds) == 0 && !happened && !o.all:
		case o.json:
			err = enc.Encode(e)
		default:
			_, err = fmt.Printf("%s  %s  %s\n", local(e.Time), hostName(e.Host, e.Monitor.String()), screen(text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// words returns the line of an event and its kind; happened tells it from a regular report, and from what is as it was.
func words(e *collector.Event) (text, kind string, happened bool) {
	if e.Report == nil {
		return strings.ReplaceAll(strings.TrimPrefix(e.Text, "prog=argus-endpoint\n"), "\n", " "), "", true
	}
	var r struct {
		Event *struct {
			Kind, Text, Change string
			From, To           time.Time
		}
	}
	if json.Unmarshal(e.Report, &r) != nil || r.Event == nil {
		return string(e.Report), "", false
	}
	text = r.Event.Kind
	if !r.Event.From.IsZero() {
		text += " from " + local(r.Event.From)
	}
	if !r.Event.To.IsZero() {
		text += " to " + local(r.Event.To)
	}
	if r.Event.Text != "" {
		text += ": " + r.Event.Text
	}
	return text, r.Event.Kind, r.Event.Change != "present"
}
