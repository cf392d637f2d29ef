package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/gofrs/uuid/v5"
	"github.com/peterbourgon/ff/v3/ffcli"
)

const flowsHelp = `Flows come from the store, and from the journal of the running collector as far as they are not there yet.
With --follow those are printed that arrive from now on. They are in the order of hours, hosts and time.

A TIME is 15m, 2h or 3d (ago), 2026-11-21, "2026-11-21 20:15" or 20:15 (local time), or 2026-11-21T20:15:00Z.
The filter chooses flows: host, net and port (with src or dst before them), proto or the name of a protocol, and, or, not, ( ).

Examples:
  argus-collector flows --follow                                     what happens now, on all hosts
  argus-collector flows --since 1h tcp and port 22                   SSH in the last hour
  argus-collector flows --since 2026-11-21 --host 0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a --json
  argus-collector flows --since 1d --aggregate -s +srcid dst net 203.0.113.0/24`

// maxAggregated bounds the flows that --aggregate holds: 1.3 GB, with label and user data up to 3 KB more a flow.
// What came first is printed early when there are more.
const maxAggregated = 1 << 20

type flowsOptions struct {
	place                        *collector.Place
	host, since, until, fields   string
	follow, json, csv, aggregate bool
	count                        int
}

func flowsCommand() *ffcli.Command {
	fs, place := placeFlags("flows")
	o := flowsOptions{place: place}
	fs.BoolVar(&o.follow, "follow", false, "print what arrives from now on")
	fs.StringVar(&o.host, "host", "", "only those of the monitor with this `UUID`")
	fs.StringVar(&o.since, "since", "", "only those with a packet at or after this `time`")
	fs.StringVar(&o.until, "until", "", "only those with a packet before this `time`")
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line")
	fs.BoolVar(&o.csv, "csv", false, "print comma separated values")
	fs.StringVar(&o.fields, "s", "", "print these `fields`, in the words of ra: name[:width],... ; +name adds one, -name takes one away")
	fs.BoolVar(&o.aggregate, "aggregate", false, "one line a flow, at the end, instead of one a report")
	fs.IntVar(&o.count, "n", 0, "stop after `count` flows")
	return &ffcli.Command{
		Name:       "flows",
		ShortUsage: "argus-collector flows [flags] [FILTER...]",
		ShortHelp:  "print flows from the store, or as they arrive",
		LongHelp:   flowsHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 && args[0] == "-" { // ra puts this before its filter
				args = args[1:]
			}
			return o.run(ctx, args)
		},
	}
}

// query checks what was asked for.
func (o *flowsOptions) query(words []string, now time.Time) (q store.Query, err error) {
	match, err := filter.Parse(words)
	if err != nil {
		return q, cli.Usagef("%w", err)
	}
	q.Match = match.Match
	needs := match.Needs()
	q.Hosts, q.Ports, q.Protos = needs.Hosts, needs.Ports, needs.Protos
	if o.host != "" {
		if q.Monitor, err = uuid.FromString(o.host); err != nil || q.Monitor.IsNil() {
			return q, cli.Usagef("--host %q is not a monitor's UUID: see argus-collector hosts", o.host)
		}
	}
	if q.Since, err = parseTime(o.since, now); err != nil {
		return q, cli.Usagef("--since: %w", err)
	}
	if q.Until, err = parseTime(o.until, now); err != nil {
		return q, cli.Usagef("--until: %w", err)
	}
	switch {
	case o.json && o.csv:
		return q, cli.Usagef("--json and --csv do not go together")
	case o.follow && (o.since != "" || o.until != ""):
		return q, cli.Usagef("--follow prints what arrives from now on: --since and --until do not go with it")
	case o.count < 0:
		return q, cli.Usagef("-n %d is below 0", o.count)
	case !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until):
		return q, cli.Usagef("--since %s is not before --until %s", o.since, o.until)
	}
	return q, nil
}

func (o *flowsOptions) printer() (fields.Printer, error) {
	columns := fields.Default()
	if o.json {
		columns = nil // all that a record has
	}
	if o.fields != "" {
		var err error
		if columns, err = fields.Parse(o.fields); err != nil {
			return nil, cli.Usagef("%w", err)
		}
	}
	switch {
	case o.json:
		return fields.NewJSON(os.Stdout, columns, fields.DefaultStyle()), nil
	case o.csv:
		return fields.NewCSV(os.Stdout, columns, fields.DefaultStyle()), nil
	}
	return fields.NewText(os.Stdout, columns, fields.DefaultStyle()), nil
}

// errEnough ends the reading when what was asked for has been printed.
var errEnough = errors.New("enough flows")

func (o *flowsOptions) run(ctx context.Context, words []string) error {
	q, err := o.query(words, time.Now())
	if err != nil {
		return err
	}
	p, err := o.printer()
	if err != nil {
		return err
	}
	out := flowsOutput{printer: p, count: o.count}
	if o.aggregate {
		out.flows = cluster.New(maxAggregated, cluster.Key{})
	}
	if o.follow {
		err = o.readLive(ctx, &q, &out)
	} else {
		err = o.readStore(ctx, &q, &out)
	}
	if errors.Is(err, errEnough) || ctx.Err() != nil { // Ctrl-C ends it well
		err = nil
	}
	return errors.Join(err, out.close())
}

// readStore prints what the store holds, after the running collector, if any, has brought all there that it has.
func (o *flowsOptions) readStore(ctx context.Context, q *store.Query, out *flowsOutput) error {
	bringUp(ctx, o.place, "flows")
	v, err := openView(ctx, o.place)
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	defer v.Close()
	for r, err := range v.Scan(*q) {
		if err == nil {
			err = out.put(r)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *flowsOptions) readLive(ctx context.Context, q *store.Query, out *flowsOutput) error {
	body, err := collector.Follow(ctx, o.place, q.Monitor)
	if err != nil {
		return err
	}
	defer body.Close()
	in := argus.NewReader(body)
	for {
		r, err := in.Next()
		if err == io.EOF {
			return errors.New("the collector has stopped")
		}
		if err != nil {
			return err
		}
		if !q.Match(r) {
			continue
		}
		if err := out.put(r); err != nil {
			return err
		}
		if err := out.printer.Flush(); err != nil {
			return err
		}
	}
}

// flowsOutput prints flows, one by one or one line a flow at the end.
type flowsOutput struct {
	printer fields.Printer
	flows   *cluster.Cluster
	count   int // still to print; 0: no limit
}

func (o *flowsOutput) put(r *argus.Record) error {
	if o.flows != nil {
		if r = o.flows.Add(r); r == nil {
			return nil
		}
	}
	return o.print(r)
}

func (o *flowsOutput) print(r *argus.Record) error {
	if err := o.printer.Print(r); err != nil || o.count == 0 {
		return err
	}
	if o.count--; o.count == 0 {
		return errEnough
	}
	return nil
}

func (o *flowsOutput) close() error {
	if o.flows != nil {
		for r := range o.flows.All() {
			if err := o.print(r); err != nil {
				break
			}
		}
	}
	return o.printer.Flush()
}
