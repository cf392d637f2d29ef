package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/peterbourgon/ff/v3/ffcli"
)

const eventsHelp = `Prints what happened to agents: an unclean restart, a sleep, a clock that was set, a spool that had to go on in memory, a decoder
that was switched off. With --all also the reports in which each accounts for its frames and records, once a minute
(docs/status-record.md).

Examples:
  argus-collector events                        of all hosts, in the last 24 hours
  argus-collector events --since 7d web-7
  argus-collector events --all --json --since 10m web-7 | jq .report.totals`

type eventsOptions struct {
	span      spanFlags
	json, all bool
}

func eventsCommand() *ffcli.Command {
	fs, place := placeFlags("events")
	var o eventsOptions
	o.span.addTimes(fs)
	o.span.silent = collector.DefaultSilent
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line")
	fs.BoolVar(&o.all, "all", false, "print the regular reports too")
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
		text, happened := words(e)
		switch {
		case !happened && !o.all:
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

// words returns the line of an event; happened tells it from a regular report.
func words(e *collector.Event) (text string, happened bool) {
	if e.Report == nil {
		return strings.ReplaceAll(strings.TrimPrefix(e.Text, "prog=argus-endpoint\n"), "\n", " "), true
	}
	var r struct {
		Event *struct {
			Kind, Text string
			From, To   time.Time
		}
	}
	if json.Unmarshal(e.Report, &r) != nil || r.Event == nil {
		return string(e.Report), false
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
	return text, true
}
