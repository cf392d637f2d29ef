//go:build linux

// Command sender is an agent without a meter: it puts numbered records into a real spool and delivers them with the real uplink,
// and keeps a log of what the spool took. It may be killed at any moment and goes on where it was.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/chaos"
	"github.com/argus-endpoint/argus-endpoint/uplink"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

// step is how often records are made.
const step = 20 * time.Millisecond

// sender is the state of the program. Lines of its log: "r N", numbers below N may be used from now on; "k N COUNT EPOCH FIRST", the
// spool took COUNT records from number N on under these sequences; "d MILLISECONDS DURABLE", how far the collector is.
type sender struct {
	monitor uuid.UUID
	spool   *spool.Spool
	log     *os.File
	next    uint64 // number of the next record
	upTo    uint64 // reserved in the log
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sender:", err)
		os.Exit(1)
	}
}

func run() error {
	dir := flag.String("dir", "", "state `folder`")
	monitor := flag.String("monitor", "", "`UUID`")
	token := flag.String("token", "", "enrolment token")
	rate := flag.Int("rate", 500, "records a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	id, err := uuid.FromString(*monitor)
	if err != nil {
		return err
	}
	s := &sender{monitor: id}
	if err := s.open(*dir); err != nil {
		return err
	}
	defer s.log.Close()
	log, err := zap.NewDevelopment(zap.IncreaseLevel(zap.WarnLevel))
	if err != nil {
		return err
	}
	client, err := uplink.New(uplink.Config{Token: *token, Dir: filepath.Join(*dir, "identity"), Monitor: id, Name: "sender-" + id.String()[:4], Version: "chaos",
		Queue: s.spool, Preamble: s.preamble, BatchInterval: 100 * time.Millisecond, Log: log})
	if err != nil {
		return err
	}
	working, done := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.spool.Run(working) })
	wg.Go(func() {
		if err := client.Run(working); err != nil {
			log.Error("uplink", zap.Error(err))
		}
	})
	err = s.make(ctx, *rate)
	done()
	wg.Wait()
	return err
}

// open opens the spool and reads how far a former run came.
func (s *sender) open(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(dir, "log")
	if f, err := os.Open(name); err == nil {
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var n uint64
			if k, _ := fmt.Sscanf(lines.Text(), "r %d", &n); k == 1 {
				s.next, s.upTo = n, n
			}
		}
		f.Close()
	}
	if s.log, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	// A line that a kill cut off stays alone.
	if _, err := s.log.WriteString("\n"); err != nil {
		return err
	}
	s.spool, err = spool.Open(filepath.Join(dir, "spool"), spool.Options{SegmentBytes: 64 << 10, Host: s.monitor.String()})
	return err
}

func (s *sender) preamble(b []byte) []byte {
	e := argus.Encoder{Monitor: s.monitor, Interface: "man0"}
	now := time.Now().UnixNano()
	return e.AppendManagement(b, &argus.Management{Cause: flow.CauseStart, Start: now, Now: now})
}

// make makes records until ctx ends, and then waits until the collector has them all.
func (s *sender) make(ctx context.Context, rate int) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	told, owed, last := uint64(0), 0.0, time.Now()
	for now := range tick.C {
		if d := s.spool.Stats().Durable; d != told {
			told = d
			s.note("d %d %d", now.UnixMilli(), d)
		}
		if ctx.Err() == nil {
			owed += now.Sub(last).Seconds() * float64(rate)
			n := min(int(owed), rate) // no more than a second's after a pause
			if owed -= float64(n); n > 0 {
				if err := s.append(n, now); err != nil {
					return err
				}
			}
		} else if s.spool.Stats().Pending == 0 {
			break
		}
		last = now
	}
	return s.spool.Close()
}

// append gives n records to the spool, and notes it when it has taken them.
func (s *sender) append(n int, now time.Time) error {
	if s.next+uint64(n) > s.upTo {
		s.upTo = s.next + uint64(n) + 10_000
		s.note("r %d", s.upTo)
	}
	e := argus.Encoder{Monitor: s.monitor, Interface: "eth0"}
	var block []byte
	for i := range uint64(n) {
		r := chaos.Record(s.next+i, now)
		block = e.AppendFlow(block, &r)
	}
	var first, epoch uint64
	err := s.spool.Append(block, n, func(records []byte, at uint64) {
		first = at
		_, _ = argus.Number(records, at) // of our own encoder
	})
	if err != nil {
		return err
	}
	epoch = s.spool.Epoch()
	s.note("k %d %d %016x %d", s.next, n, epoch, first)
	s.next += uint64(n)
	return nil
}

// note writes a line at once: a kill leaves what was written.
func (s *sender) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...) + "\n"
	if n, err := s.log.WriteString(line); err != nil || n < len(line) {
		fmt.Fprintln(os.Stderr, "sender: log:", strings.TrimSpace(line), err)
		os.Exit(1)
	}
}
