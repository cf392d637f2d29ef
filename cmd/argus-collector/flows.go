package main

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus/archive"
	"github.com/argus-endpoint/argus-endpoint/argus/codec"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/internal/reader"
	"github.com/gofrs/uuid/v5"
	"github.com/peterbourgon/ff/v3/ffcli"
)

var flowsHelp = `Flows come from the store, and from the journal of the running collector as far as they are not there yet.
With --follow those are printed that arrive from now on. They are in the order of hours, hosts and time.
With -r they come from files of Argus records of version 3 or 5, with -S from any Argus sensor or radium.

A TIME is 15m, 2h or 3d (ago), 2026-11-21, "2026-11-21 20:15" or 20:15 (local time), or 2026-11-21T20:15:00Z.

` + reader.Help + `

Examples:
  argus-collector flows --follow                                     what happens now, on all hosts
  argus-collector flows --follow --top                               the same as a full screen, sorted
  argus-collector flows --since 1h tcp and port 22                   SSH in the last hour
  argus-collector flows -t -1d -m saddr --sort -bytes -N o10         who sends most today
  argus-collector flows --since 2026-11-21 --host 0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a --json
  argus-collector flows --since 1d --aggregate -s +srcid dst net 203.0.113.0/24
  argus-collector flows --since 1d --bins 1h -m dport --sort -bytes tcp
  argus-collector flows --since 1d -w day.arg.gz --argus-version 3   for the Argus tools`

func init() {
	archive.Decompress("bzip2", codec.BZip2)
	archive.Decompress("xz", codec.XZ)
	archive.Decompress("zstd", codec.Zstd)
}

type flowsOptions struct {
	reader.Options
	place              *collector.Place
	host, since, until string
	follow             bool
}

func flowsCommand() *ffcli.Command {
	fs, place := placeFlags("flows")
	o := flowsOptions{place: place}
	o.Regexp = func(expression string) (func([]byte) bool, error) {
		re, err := regexp.Compile(expression)
		if err != nil {
			return nil, err
		}
		return re.Match, nil
	}
	o.Flags(fs)
	fs.BoolVar(&o.follow, "follow", false, "print what arrives from now on")
	fs.StringVar(&o.host, "host", "", "only those of the monitor with this `UUID`")
	fs.StringVar(&o.since, "since", "", "only those with a packet at or after this `time`")
	fs.StringVar(&o.until, "until", "", "only those with a packet before this `time`")
	return &ffcli.Command{
		Name:       "flows",
		ShortUsage: "argus-collector flows [flags] [FILTER...]\nargus-collector flows -r FILE... [flags] [- FILTER...]",
		ShortHelp:  "print flows from the store, or as they arrive, or those of files and servers",
		LongHelp:   flowsHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if err := o.Args(fs, args); err != nil {
				return err
			}
			return o.run(ctx)
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
	if o.host != "" {
		if q.Monitor, err = uuid.FromString(o.host); err != nil || q.Monitor.IsNil() {
			return q, cli.Usagef("--host %q is not a monitor's UUID: see argus-collector hosts", o.host)
		}
	}
	collector.Narrow(&q, match.Needs())
	if q.Since, err = parseTime(o.since, now); err != nil {
		return q, cli.Usagef("--since: %w", err)
	}
	if q.Until, err = parseTime(o.until, now); err != nil {
		return q, cli.Usagef("--until: %w", err)
	}
	switch within := o.Within(); {
	case o.Reading() && (o.follow || o.since != "" || o.until != "" || o.host != ""):
		return q, cli.Usagef("--follow, --host, --since and --until are about the store, and do not go with -r and -S: -t and the filter srcid do")
	case o.follow && (o.since != "" || o.until != ""):
		return q, cli.Usagef("--follow prints what arrives from now on: --since and --until do not go with it")
	case !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until):
		return q, cli.Usagef("--since %s is not before --until %s", o.since, o.until)
	default:
		since, until := within.Bounds()
		if since.After(q.Since) {
			q.Since = since
		}
		if !until.IsZero() && (q.Until.IsZero() || until.Before(q.Until)) {
			q.Until = until
		}
	}
	return q, nil
}

func (o *flowsOptions) run(ctx context.Context) error {
	q, err := o.query(o.Expression(), time.Now())
	if err != nil {
		return err
	}
	return o.Run(ctx, reader.Sources{Default: func(ctx context.Context, to *reader.Sink) error {
		if o.follow {
			return o.readLive(ctx, &q, to)
		}
		return o.readStore(ctx, &q, to)
	}})
}

// readStore gives what the store holds, after the running collector, if any, has brought all there that it has.
func (o *flowsOptions) readStore(ctx context.Context, q *store.Query, to *reader.Sink) error {
	bringUp(ctx, o.place, "flows")
	v, err := openView(ctx, o.place)
	if err != nil {
		return err
	}
	defer v.Close()
	for r, err := range v.Scan(*q) {
		if err == nil {
			err = to.Put(r)
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

func (o *flowsOptions) readLive(ctx context.Context, q *store.Query, to *reader.Sink) error {
	to.Live("")
	body, err := collector.Follow(ctx, o.place, q.Monitor)
	if err != nil {
		return err
	}
	defer body.Close()
	switch err = reader.ReadStream(body, to); {
	case ctx.Err() != nil: // Ctrl-C ends it well
		return nil
	case err == nil:
		return errors.New("the collector has stopped")
	}
	return err
}
