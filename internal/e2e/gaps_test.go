//go:build linux

package e2e

import (
	"encoding/json"
	"iter"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// TestGapsTellWhatIsMissing makes one host lose on purpose: its agent is stopped, killed, frozen while more frames pass than its ring
// holds, and its spool overflows while the collector is away. The collector names these intervals, with what the agent counted,
// and nothing else; of the other host nothing is missing.
func TestGapsTellWhatIsMissing(t *testing.T) {
	s := newSite(t)
	s.link(s.a, s.host("sink"), "burst0", 5)
	await.Event(t, 20*time.Second, "what both hosts have said is in the store", func() bool {
		return s.agentStatus(s.a).Totals.Durable > 0 && s.agentStatus(s.b).Totals.Durable > 0
	})

	stopped := s.during(func() {
		s.agentA.stop(t)
		await.Event(t, 5*time.Second, "the collector knows that the agent of host a was stopped", func() bool {
			return strings.Contains(s.run(s.col, "argus-collector", "hosts", "--json", "--only", "stopped", "--state", s.colState), monitorA)
		})
		<-time.After(2 * time.Second)
		s.agentA = s.startAgent(s.a, monitorA, "", "--spool-size", "1M", "--mar-status-interval", "1")
	})
	s.awaitMeter(s.a, "burst0", 5*time.Second)
	s.awaitReport()
	killed := s.during(func() {
		s.agentA.kill()
		<-time.After(2 * time.Second)
		s.agentA = s.startAgent(s.a, monitorA, "", "--spool-size", "1M", "--mar-status-interval", "1")
	})
	s.awaitMeter(s.a, "burst0", 5*time.Second)
	s.awaitReport()
	overrun := s.during(func() {
		pid := s.agentStatus(s.a).PID
		syscall.Kill(pid, syscall.SIGSTOP)
		s.burst()
		syscall.Kill(pid, syscall.SIGCONT)
		await.Event(t, 10*time.Second, "host a knows what its ring dropped", func() bool { return s.agentStatus(s.a).Totals.RingDropped > 0 })
		s.awaitReport()
	})
	full := s.during(func() {
		s.collector.kill()
		await.Event(t, 30*time.Second, "the spool has overflowed", func() bool {
			s.scan(s.a, "burst0", 10_000)
			return s.agentStatus(s.a).Totals.Discarded > 1000
		})
		s.startCollector()
		s.networkChanges(1)
		s.awaitReport()
	})
	await.Event(t, 20*time.Second, "all that was kept is in the store", func() bool { return s.agentStatus(s.a).Totals.Pending < 10 })
	s.awaitReport()
	told := s.agentStatus(s.a).Totals
	t.Logf("hosts:\n%s", s.run(s.col, "argus-collector", "hosts", "--state", s.colState))
	t.Logf("gaps:\n%s", s.run(s.col, "argus-collector", "gaps", "--state", s.colState))
	t.Logf("events:\n%s", s.run(s.col, "argus-collector", "events", "--state", s.colState))
	g := s.gaps()
	g.want("stopped", stopped, 0, 0)
	g.want("killed", killed, 0, 0)
	g.want("ring-overrun", overrun, 0, told.RingDropped)
	lost := s.holes(monitorA)
	g.want("spool-full", full, lost, 0)
	if told.Discarded < lost { // it may have given up what had come, and it did not know
		t.Errorf("the agent gave up %d records, and %d are not in the store", told.Discarded, lost)
	}
	g.complete()
}

// during runs f and tells when.
func (s *site) during(f func()) (span [2]time.Time) {
	s.t.Helper()
	span[0] = time.Now()
	f()
	span[1] = time.Now()
	return span
}

// burst sends more frames out of burst0 than a ring holds.
func (s *site) burst() {
	s.t.Helper()
	s.sender(s.a, "burst0", func(send func([]byte) error) error {
		f := make([]byte, 1500)
		copy(f, frame(0, 0x0800, nil))
		for range 20_000 {
			if err := send(f); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *site) agentStatus(ns string) (st agent.Status) {
	out, err := s.command(ns, "argus-endpoint", "status", "--json", "--state", s.agentState(ns)).Output()
	if err == nil {
		err = json.Unmarshal(out, &st)
	}
	if err != nil {
		s.t.Logf("status of %s: %v", ns, err) // asked again by who needs it
	}
	return st
}

// awaitReport waits until host a has said of itself what it counts now, twice.
func (s *site) awaitReport() {
	s.t.Helper()
	before := s.agentStatus(s.a).Totals.Reports
	await.Event(s.t, 10*time.Second, "host a has reported", func() bool { return s.agentStatus(s.a).Totals.Reports >= before+6 })
}

// holes counts the sequences that are in no record of a monitor's, up to the last one.
func (s *site) holes(monitor string) uint64 {
	s.t.Helper()
	seen, last := uint64(0), int64(0)
	count := func(m string, sequence int64) {
		if m == monitor {
			seen, last = seen+1, max(last, sequence)
		}
	}
	for row := range rowsOf[store.EventRow](s, "events") {
		count(row.Monitor, row.Sequence)
	}
	for row := range rowsOf[store.Row](s, "flows") {
		count(row.Monitor, row.Sequence)
	}
	return uint64(last) - seen
}

// rowsOf gives the rows of all files of a table: nothing has been compacted yet.
func rowsOf[T any](s *site, table string) iter.Seq[*T] {
	s.t.Helper()
	return func(yield func(*T) bool) {
		files, err := filepath.Glob(filepath.Join(s.colState, "store", table, "*/*.parquet"))
		if err != nil || len(files) == 0 {
			s.t.Fatalf("no files of the table %s: %v", table, err)
		}
		for _, name := range files {
			rows, err := parquet.ReadFile[T](name)
			if err != nil {
				s.t.Fatal(err)
			}
			for i := range rows {
				if !yield(&rows[i]) {
					return
				}
			}
		}
	}
}

// gapsSeen is what the collector says is missing.
type gapsSeen struct {
	t     *testing.T
	gaps  []collector.Gap
	whole map[string]float64 // percent complete, by monitor
}

func (s *site) gaps() (g gapsSeen) {
	s.t.Helper()
	g = gapsSeen{t: s.t, whole: map[string]float64{}}
	in := json.NewDecoder(strings.NewReader(s.run(s.col, "argus-collector", "gaps", "--state", s.colState, "--json")))
	for in.More() {
		var line struct {
			collector.Gap
			Hosts    int                     `json:"hosts"`
			Complete *collector.Completeness `json:"complete"`
		}
		if err := in.Decode(&line); err != nil {
			s.t.Fatal(err)
		}
		switch {
		case line.Complete == nil:
			g.gaps = append(g.gaps, line.Gap)
		case line.Hosts == 0 && line.Complete.Percent != nil:
			g.whole[line.Monitor.String()] = *line.Complete.Percent
		}
	}
	err := s.command(s.col, "argus-collector", "gaps", "--state", s.colState, "--check", "100", monitorA).Run()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 {
		s.t.Errorf("gaps --check of a host that is not complete: %v", err)
	}
	s.run(s.col, "argus-collector", "gaps", "--state", s.colState, "--check", "100", monitorB)
	return g
}

// want finds the gaps of a reason in a span of time, with all that is missing.
func (g *gapsSeen) want(reason string, span [2]time.Time, records, packets uint64) {
	g.t.Helper()
	const slack = 3 * time.Second // the reports around it
	n := 0
	for _, gap := range g.gaps {
		if gap.Monitor.String() != monitorA || string(gap.Reason) != reason || gap.Lasts {
			continue
		}
		n++
		if gap.From.Before(span[0].Add(-slack)) || gap.To.After(span[1].Add(slack)) {
			g.t.Errorf("%s from %v to %v, made from %v to %v", reason, gap.From, gap.To, span[0], span[1])
		}
		records, packets = records-gap.Records, packets-gap.Packets
	}
	if n == 0 || records != 0 || packets != 0 {
		g.t.Errorf("%d gaps %s, which lack %d records and %d packets of those that the agent counted", n, reason, int64(records), int64(packets))
	}
}

// complete checks that nothing else is missing.
func (g *gapsSeen) complete() {
	g.t.Helper()
	for _, gap := range g.gaps {
		switch string(gap.Reason) {
		case "stopped", "killed", "ring-overrun", "spool-full":
		default:
			g.t.Errorf("%+v", gap)
		}
		if gap.Monitor.String() != monitorA && !gap.Lasts {
			g.t.Errorf("of another host: %+v", gap)
		}
	}
	if a := g.whole[monitorA]; a <= 0 || a >= 100 {
		g.t.Errorf("host a is %v %% complete", a)
	}
}
