package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
	"go.uber.org/zap/zapcore"
)

const feedHelp = `Argus's own tools (ra, radium, ratop, racluster, ...) connect and get flows: of the time range, from the beginning, to each that
comes, and then the connection ends; or, without --since, what arrives at the running collector from now on. argus-collector run
--feed does the latter by itself. The filter chooses flows beforehand; each tool may give a filter of its own too.

An ADDRESS is a port (on this machine only), host:port, *:port (all addresses) or the path of a socket. The protocol knows neither
passwords nor encryption: who can connect sees the flows. With --feed-cert our own programs come through TLS, ra through stunnel.
A TIME is 15m, 2h or 3d (ago), 2026-11-21, "2026-11-21 20:15" or 20:15 (local time), or 2026-11-21T20:15:00Z.

Examples:
  argus-collector feed --feed-v3 561                                       what happens now, for Debian's tools: ra -S localhost
  argus-collector feed --feed-v3 5610 --since 20:15 --until 20:30          ra -S localhost:5610 - tcp and port 22
  argus-collector feed --feed 5611 --since 2026-11-21 net 203.0.113.0/24   for tools of Argus 5, with the hosts' UUIDs`

// feedFlags are the flags of where flows are served.
func feedFlags(fs *flag.FlagSet, f *collector.Feed) {
	fs.Var((*addresses)(&f.V5), "feed", "serve flows to Argus 5 tools at an `address`: 561 (this machine only), host:561, *:561 (all addresses) or a socket's path (repeat it, or separate by commas)")
	fs.Var((*addresses)(&f.V3), "feed-v3", "the same at an `address` for tools of the Argus 3 line, such as Debian's ra")
	fs.StringVar(&f.Cert, "feed-cert", "", "serve flows in TLS, with the certificate in this PEM `file`")
	fs.StringVar(&f.Key, "feed-key", "", "the key of --feed-cert is in this PEM `file`")
}

type feedOptions struct {
	place        *collector.Place
	feed         collector.Feed
	since, until string
	level        zapcore.Level
}

func feedCommand() *ffcli.Command {
	fs, place := placeFlags("feed")
	o := feedOptions{place: place}
	feedFlags(fs, &o.feed)
	fs.StringVar(&o.since, "since", "", "flows of the store with a packet at or after this `time`")
	fs.StringVar(&o.until, "until", "", "and before this `time`; all that there are when left out")
	fs.TextVar(&o.level, "log-level", o.level, "log at this `level`: debug, info, warn or error")
	return &ffcli.Command{
		Name:       "feed",
		ShortUsage: "argus-collector feed [flags] [FILTER...]",
		ShortHelp:  "serve stored or live flows to ra, radium and the other Argus tools",
		LongHelp:   feedHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 && args[0] == "-" { // ra puts this before its filter
				args = args[1:]
			}
			return o.run(ctx, args)
		},
	}
}

func (o *feedOptions) run(ctx context.Context, words []string) error {
	if len(o.feed.V5)+len(o.feed.V3) == 0 {
		o.feed.V5 = []string{"561"}
	}
	if err := o.feed.Check(); err != nil {
		return cli.Usagef("%w", err)
	}
	q, match, err := o.query(words, time.Now())
	if err != nil {
		return err
	}
	return collector.ServeFeed(ctx, o.place, o.feed, q, match, newLogger(os.Stderr, o.level))
}

// query returns what is to be replayed, nil for nothing, and what is chosen of it.
func (o *feedOptions) query(words []string, now time.Time) (q *store.Query, match func(*argus.Record) bool, err error) {
	f, err := filter.Parse(words)
	if err != nil {
		return nil, nil, cli.Usagef("%w", err)
	}
	if len(words) > 0 {
		match = f.Match
	}
	if o.since == "" {
		if o.until != "" {
			return nil, nil, cli.Usagef("--until needs --since: when is the beginning?")
		}
		return nil, match, nil
	}
	q = &store.Query{Match: match}
	collector.Narrow(q, f.Needs())
	if q.Since, err = parseTime(o.since, now); err != nil {
		return nil, nil, cli.Usagef("--since: %w", err)
	}
	if q.Until, err = parseTime(o.until, now); err != nil {
		return nil, nil, cli.Usagef("--until: %w", err)
	}
	if !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return nil, nil, cli.Usagef("--since %s is not before --until %s", o.since, o.until)
	}
	return q, match, nil
}
