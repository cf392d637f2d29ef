package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
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
  argus-collector run --advertise soc.example.net:443 --listen :4561     behind a balancer that passes TLS through`

func runCommand() *ffcli.Command {
	c := collector.DefaultConfig()
	level := zapcore.InfoLevel
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	addPlace(fs, &c.Place)
	fs.StringVar(&c.Listen, "listen", c.Listen, "await agents on this `host:port`; no host means every address")
	fs.Var((*addresses)(&c.Advertise), "advertise", "agents reach this collector as `host:port` (repeat it, or separate by commas); by its host name when left out")
	fs.DurationVar(&c.CommitInterval, "commit-interval", c.CommitInterval, "records are in Parquet after this `time`")
	fs.Var((*size)(&c.JournalBytes), "journal-size", "what waits for the store takes at most this `size` (K, M, G); agents wait beyond it")
	fs.IntVar(&c.Rate, "rate", c.Rate, "take at most this `number` of records a second from one agent; 0 is no limit")
	fs.TextVar(&level, "log-level", level, "log at this `level`: debug, info, warn or error")
	fs.String("config", "", "read this `file` in argus.conf syntax")
	var warnings []string
	return &ffcli.Command{
		Name:       "run",
		ShortUsage: "argus-collector run [flags]",
		ShortHelp:  "collect until stopped",
		LongHelp:   runHelp,
		FlagSet:    fs,
		Options: []ff.Option{ff.WithEnvVarPrefix("ARGUS"), ff.WithConfigFileFlag("config"),
			ff.WithConfigFileParser(cli.ConfFile(fs, func(w string) { warnings = append(warnings, w) }))},
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("run takes no argument, got %q", args[0])
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

// gcPercent makes the collector of garbage run earlier than usual: under full load it keeps the process at 135 MB instead of 190
// (2026-11-21), for a few per cent of the CPU. GOGC in the environment goes before it.
const gcPercent = 50

func run(ctx context.Context, c collector.Config, log *zap.Logger) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	c.Columns.State, c.Columns.ConnState = fields.State, fields.ConnState
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

// size is a flag that takes octets, with K, M or G for powers of 1024.
type size int64

func (s *size) String() string { return strconv.FormatInt(int64(*s)>>20, 10) + "M" }

func (s *size) Set(text string) error {
	digits := strings.TrimRight(strings.ToUpper(text), "KMG")
	shift, ok := map[string]int{"": 0, "K": 10, "M": 20, "G": 30}[strings.ToUpper(text)[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || !ok || n < 0 {
		return errors.New("want a number of octets, or with K, M or G, such as 512M")
	}
	*s = size(n << shift)
	return nil
}
