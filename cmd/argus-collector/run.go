package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3"
	"github.com/peterbourgon/ff/v3/ffcli"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const runHelp = `The state folder holds the certificate authority (pki), the journal and the Parquet files (store).
Records that agents have sent are on the disk before they are told so, and in Parquet a commit interval later.

Every flag is also a variable of the environment and a line of the configuration file, in the words of argus.conf:
--commit-interval 10s is ARGUS_COMMIT_INTERVAL=10s. The command line goes before the environment, and that before the file.

Examples:
  argus-collector run --state ./state --listen 127.0.0.1:4561            try it out on one machine
  argus-collector run --advertise soc.example.net:443 --listen :4561     behind a balancer that passes TLS through
  argus-collector run --nats nats://127.0.0.1:4222 --store /srv/flows    receiver and writer in one, with a cluster`

const receiveHelp = `A receiver takes records from agents and puts them into the journal of a NATS cluster; writers bring them into the store. Any number
of receivers share the agents behind a balancer that passes TLS through; certificates, tokens and revocations are the cluster's.

Examples:
  argus-collector receive --nats tls://n1:4222,tls://n2:4222 --nats-creds /etc/argus/receive.creds --nats-ca /etc/argus/nats-ca.pem \\
      --advertise soc.example.net:4561 --proxy-protocol 10.0.0.0/24`

const writeHelp = `A writer brings records from the journal of a NATS cluster into the store. Any number of writers share the journal's streams
evenly; when one ends, or dies, the others take its streams over.

Examples:
  argus-collector write --nats tls://n1:4222,tls://n2:4222 --nats-creds /etc/argus/write.creds --store 's3://flows/soc?region=eu-central-1' --keep 90d`

func runCommand() *ffcli.Command {
	return roleCommand("run", "collect until stopped", runHelp, true, true)
}

func receiveCommand() *ffcli.Command {
	return roleCommand("receive", "only take records from agents, for a NATS cluster", receiveHelp, true, false)
}

func writeCommand() *ffcli.Command {
	return roleCommand("write", "only store records, from a NATS cluster", writeHelp, false, true)
}

// roleCommand is a collector, or one of its parts.
func roleCommand(name, short, long string, receive, write bool) *ffcli.Command {
	c := collector.DefaultConfig()
	c.Receive, c.Write = receive, write
	level := zapcore.InfoLevel
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	addPlace(fs, &c.Place)
	if receive {
		receiveFlags(fs, &c)
	}
	if write {
		writeFlags(fs, &c)
	}
	feedFlags(fs, &c.Feed)
	fs.TextVar(&level, "log-level", level, "log at this `level`: debug, info, warn or error")
	fs.String("config", "", "read this `file` in argus.conf syntax")
	var warnings []string
	return &ffcli.Command{
		Name:       name,
		ShortUsage: "argus-collector " + name + " [flags]",
		ShortHelp:  short,
		LongHelp:   long,
		FlagSet:    fs,
		Options: []ff.Option{ff.WithEnvVarPrefix("ARGUS"), ff.WithConfigFileFlag("config"),
			ff.WithConfigFileParser(cli.ConfFile(fs, func(w string) { warnings = append(warnings, w) }, nil))},
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("%s takes no argument, got %q", name, args[0])
			}
			if !receive && !c.Clustered() {
				return cli.Usagef("a writer of its own shares a NATS cluster with receivers: name it with --nats")
			}
			if err := c.Check(); err != nil {
				return cli.Usagef("%w", err)
			}
			log := newLogger(os.Stderr, level)
			for _, w := range warnings {
				log.Warn(w)
			}
			return run(ctx, c, log)
		},
	}
}

func receiveFlags(fs *flag.FlagSet, c *collector.Config) {
	fs.StringVar(&c.Listen, "listen", c.Listen, "await agents on this `host:port`; no host means every address")
	fs.Var((*addresses)(&c.Advertise), "advertise", "agents reach this collector as `host:port` (repeat it, or separate by commas); by its host name when left out")
	fs.IntVar(&c.Rate, "rate", c.Rate, "take at most this `number` of records a second from one agent; 0 is no limit")
	fs.Var((*size)(&c.JournalBytes), "journal-size", "what waits for the store takes at most this `size` (K, M, G); agents wait beyond it")
	fs.IntVar(&c.Streams, "streams", c.Streams, "divide a cluster's journal into this `number` of streams, at its first use")
	fs.Var((*networks)(&c.TrustProxy), "proxy-protocol", "balancers in these `networks` (CIDR, separated by commas) tell the agent's address by the PROXY protocol")
}

func writeFlags(fs *flag.FlagSet, c *collector.Config) {
	fs.DurationVar(&c.CommitInterval, "commit-interval", c.CommitInterval, "records are in Parquet after this `time`")
	fs.Var((*days)(&c.Keep), "keep", "records stay for this `time`, such as 90d or 36h; for ever when left out")
	fs.Var((*size)(&c.KeepBytes), "keep-size", "the Parquet files take at most this `size` (K, M, G, T): the oldest hours go first; no limit when left out")
}

// gcPercent makes the collector of garbage run earlier than usual: under full load it keeps the process at 135 MB instead of 190
// (2026-11-21), for a few per cent of the CPU. GOGC in the environment goes before it.
const gcPercent = 50

func run(ctx context.Context, c collector.Config, log *zap.Logger) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	c.Columns.ConnState = fields.ConnState
	err := collector.New(c, log).Run(ctx)
	if errors.Is(err, collector.ErrRunning) {
		return cli.Exit(cli.ExitRunning, err)
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	log.Info("stopped")
	return nil
}

// newLogger writes lines for a person to a terminal and JSON to anything else. The same message comes 20 times a minute at most.
func newLogger(f *os.File, level zapcore.Level) *zap.Logger {
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime = zapcore.RFC3339TimeEncoder
	encoder := zapcore.NewJSONEncoder(c)
	if i, err := f.Stat(); err == nil && i.Mode()&os.ModeCharDevice != 0 {
		c = zap.NewDevelopmentEncoderConfig()
		c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		c.EncodeLevel = zapcore.CapitalColorLevelEncoder
		encoder = zapcore.NewConsoleEncoder(c)
	}
	return zap.New(zapcore.NewSamplerWithOptions(zapcore.NewCore(encoder, zapcore.Lock(f), level), time.Minute, 20, 0))
}

// addresses is a flag that may be repeated and takes commas.
type addresses []string

func (a *addresses) String() string { return strings.Join(*a, ",") }

func (a *addresses) Set(text string) error {
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(*a, s) {
			*a = append(*a, s)
		}
	}
	return nil
}

// networks is a flag of networks separated by commas.
type networks []netip.Prefix

func (n *networks) String() string {
	var texts []string
	for _, p := range *n {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ",")
}

func (n *networks) Set(text string) error {
	*n = nil
	for s := range strings.SplitSeq(text, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(s))
		if err != nil {
			return fmt.Errorf("%w: want a network such as 10.0.0.0/24 or 192.0.2.7/32", err)
		}
		*n = append(*n, p)
	}
	return nil
}

// days is a flag of a time that takes days too.
type days time.Duration

func (d *days) String() string {
	const day = days(24 * time.Hour)
	switch {
	case *d == 0:
		return ""
	case *d%day == 0:
		return fmt.Sprintf("%dd", *d/day)
	}
	return time.Duration(*d).String()
}

func (d *days) Set(text string) error {
	n, err := strconv.ParseUint(strings.TrimSuffix(text, "d"), 10, 16)
	if err == nil && strings.HasSuffix(text, "d") {
		*d = days(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	t, err := time.ParseDuration(text)
	if err != nil || t < 0 {
		return errors.New("want a time such as 90d or 36h")
	}
	*d = days(t)
	return nil
}

// size is a flag that takes octets, with K, M, G or T for powers of 1024.
type size int64

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s)>>20, 10) + "M"
}

func (s *size) Set(text string) error {
	digits := strings.TrimRight(strings.ToUpper(text), "KMGT")
	shift, ok := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[strings.ToUpper(text)[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || !ok || n < 0 || n > math.MaxInt64>>shift {
		return errors.New("want a number of octets, or with K, M, G or T, such as 512M")
	}
	*s = size(n << shift)
	return nil
}
