//go:build linux

package e2e

import (
	"encoding/json"
	"maps"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// The hosts' monitor IDs: namespaces of one machine would all have its own.
const (
	monitorA = "aaaaaaaa-0000-4000-8000-000000000001"
	monitorB = "bbbbbbbb-0000-4000-8000-000000000002"
)

// site is a collector and two hosts that report to it, joined by lan0.
type site struct {
	*lab
	col, a, b      string // namespaces
	collector      *process
	agentA, agentB *process
	colState       string
}

func newSite(t *testing.T) *site {
	l := newLab(t)
	s := &site{lab: l, col: l.host("col"), a: l.host("a"), b: l.host("b"), colState: filepath.Join(l.dir, "col")}
	l.link(s.a, s.col, "up1", 1)
	l.link(s.b, s.col, "up2", 2)
	l.link(s.a, s.b, "lan0", 3)
	s.startCollector()
	s.agentA = s.startAgent(s.a, monitorA, s.token("10.1.0.2:4561"))
	s.agentB = s.startAgent(s.b, monitorB, s.token("10.2.0.2:4561"))
	return s
}

func (s *site) startCollector() {
	s.t.Helper()
	s.collector = s.start(s.col, "argus-collector", "run", "--state", s.colState, "--listen", ":4561", "--commit-interval", "1s")
	await.Event(s.t, 10*time.Second, "the collector is up", func() bool { return strings.Contains(s.collector.log.String(), "collector is ready") })
}

func (s *site) token(address string) string {
	s.t.Helper()
	return strings.TrimSpace(s.run(s.col, "argus-collector", "token", "create", "--state", s.colState, "--address", address))
}

func (s *site) agentState(ns string) string { return filepath.Join(s.dir, ns) }

// startAgent starts a host's agent and waits until it meters.
func (s *site) startAgent(ns, monitor, token string, flags ...string) *process {
	s.t.Helper()
	args := []string{"run", "--state", s.agentState(ns), "--monitor-id", monitor, "--batch-interval", "1s", "--flow-status-interval", "1"}
	if token != "" {
		args = append(args, "--token", token)
	}
	p := s.start(ns, "argus-endpoint", append(args, flags...)...)
	s.awaitMeter(ns, "lan0", 5*time.Second)
	return p
}

// agentStatus is the part of `argus-endpoint status --json` that the tests look at.
type agentStatus struct {
	Interfaces []struct {
		Name     string
		Metering bool
	}
	Totals struct{ Captured, Metered, Unmetered uint64 }
	Spool  struct{ Next, Durable uint64 }
	Uplink struct{ State string }
}

// status asks the agent of a host; ok is false when none answers.
func (s *site) status(ns string) (st agentStatus, ok bool) {
	if !exists(filepath.Join(s.agentState(ns), "agent.sock")) {
		return st, false
	}
	out, err := s.command(ns, "argus-endpoint", "status", "--json", "--state", s.agentState(ns)).Output()
	return st, err == nil && json.Unmarshal(out, &st) == nil
}

func (s *site) metered(ns, dev string) bool {
	st, ok := s.status(ns)
	for _, i := range st.Interfaces {
		if ok && i.Name == dev && i.Metering {
			return true
		}
	}
	return false
}

func (s *site) awaitMeter(ns, dev string, within time.Duration) {
	s.t.Helper()
	await.Event(s.t, within, "host "+ns+" meters "+dev, func() bool { return s.metered(ns, dev) })
}

// TestEveryFlowReachesTheStore sends traffic of every kind between two hosts and finds each flow of each host in the
// store, with the counts that were sent: no packet or octet less or more.
func TestEveryFlowReachesTheStore(t *testing.T) {
	s := newSite(t)
	want := s.injected(s.a, "lan0", 1, monitorA, monitorB)

	udpServer := netip.MustParseAddrPort("10.3.0.2:7000")
	udpClient := s.udpEcho(s.a, s.b, udpServer, 10, 100)
	udp6Server := netip.MustParseAddrPort("[fd00:3::2]:7001")
	udp6Client := s.udpEcho(s.a, s.b, udp6Server, 4, 300)
	tcpServer := netip.MustParseAddrPort("10.3.0.2:7002")
	tcpClient := s.tcpTransfer(s.a, s.b, tcpServer, 123_456)
	for _, m := range []string{monitorA, monitorB} {
		want[tupleOf(m, "udp", udpClient, udpServer)] = counts{10, 10, 1420, 1420, 1000, 1000}
		want[tupleOf(m, "udp", udp6Client, udp6Server)] = counts{4, 4, 4 * 362, 4 * 362, 1200, 1200}
	}
	s.await(s.col, s.colState, want, 60*time.Second)

	// A kernel's own TCP decides how many segments it sends; both ends must have seen the same.
	got := sum(parse(t, s.run(s.col, "argus-collector", "flows", "--state", s.colState, "--json")))
	a, b := got[tupleOf(monitorA, "tcp", tcpClient, tcpServer)], got[tupleOf(monitorB, "tcp", tcpClient, tcpServer)]
	if a.sapp != 123_456 || a.dapp != 0 || b.sapp != a.sapp || b.dapp != 0 {
		t.Errorf("123,456 octets were transferred; host a says %+v, host b %+v", a, b)
	}
	s.check()
}

func tupleOf(monitor, proto string, src, dst netip.AddrPort) tuple {
	return tuple{monitor, proto, src.Addr().String(), strconv.Itoa(int(src.Port())), dst.Addr().String(), strconv.Itoa(int(dst.Port()))}
}

// TestInterfacesComeAndGo adds an interface while the agent runs: it is metered within a second, and what it saw last
// is reported when it goes.
func TestInterfacesComeAndGo(t *testing.T) {
	s := newSite(t)
	s.link(s.a, s.b, "lan1", 4)
	began := time.Now()
	s.awaitMeter(s.a, "lan1", 2*time.Second)
	t.Logf("metered %v after it came up", time.Since(began).Round(time.Millisecond))
	s.awaitMeter(s.b, "lan1", 2*time.Second)
	want := s.injected(s.a, "lan1", 2, monitorA, monitorB)
	s.ip("-n %s link del lan1", s.a)
	await.Event(t, 5*time.Second, "lan1 is not metered any more", func() bool { return !s.metered(s.a, "lan1") })
	s.link(s.a, s.b, "lan1", 4)
	s.awaitMeter(s.a, "lan1", 2*time.Second)
	maps.Copy(want, s.injected(s.a, "lan1", 3, monitorA))
	s.await(s.col, s.colState, want, 60*time.Second)
	s.checkReports(monitorA, "lan1")
	s.check()
}

// checkReports looks at what a host's agent told of its work: it began, and the account of the interface that went away closes.
func (s *site) checkReports(monitor, gone string) {
	s.t.Helper()
	const start, stop = 16, 48
	began, ended := 0, 0
	files, err := filepath.Glob(filepath.Join(s.colState, "store/events/*/*.parquet"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range files {
		rows, err := parquet.ReadFile[store.EventRow](name)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, row := range rows {
			text, ours := strings.CutPrefix(row.Text, "prog=argus-endpoint\n")
			if row.Monitor != monitor || row.Kind != "event" || !ours {
				continue
			}
			var report struct {
				Interface struct {
					Name                                                 string
					Captured, Metered, Unmetered, Records, Spooled, Lost uint64
				}
				Totals map[string]any
			}
			if err := json.Unmarshal([]byte(text), &report); err != nil {
				s.t.Errorf("%v: %s", err, text)
			}
			if report.Totals != nil && row.Cause == start {
				began++
			}
			if in := report.Interface; in.Name == gone && row.Cause == stop {
				ended++
				if in.Captured == 0 || in.Captured != in.Metered+in.Unmetered || in.Records != in.Spooled+in.Lost {
					s.t.Errorf("the last report of %s does not close: %s", gone, text)
				}
			}
		}
	}
	if began != 1 || ended != 1 {
		s.t.Errorf("%d reports of the start, %d last ones of %s: want one each", began, ended, gone)
	}
}

// TestKilledInTurn kills the agent and the collector with what they had in hand: every record that left the flow table
// is in the store once.
func TestKilledInTurn(t *testing.T) {
	s := newSite(t)
	want := map[tuple]counts{}
	for round := range byte(3) {
		maps.Copy(want, s.injected(s.a, "lan0", 10+round, monitorA, monitorB))
		s.awaitSpooled(s.a, len(s.flowsOf(want, monitorA)))
		s.agentA.kill()
		s.agentA = s.startAgent(s.a, monitorA, "")

		s.collector.kill()
		maps.Copy(want, s.injected(s.a, "lan0", 20+round, monitorA, monitorB))
		s.awaitSpooled(s.b, len(s.flowsOf(want, monitorB)))
		s.startCollector()
		s.networkChanges(round)
	}
	s.await(s.col, s.colState, want, 90*time.Second)
	s.check()
}

// networkChanges gives the hosts another address: an agent that waits before it tries again, as long as minutes, tries at once.
func (s *site) networkChanges(n byte) {
	s.t.Helper()
	s.ip("-n %s addr add 192.168.%d.1/32 dev lo", s.a, n)
	s.ip("-n %s addr add 192.168.%d.2/32 dev lo", s.b, n)
}

func (s *site) flowsOf(want map[tuple]counts, monitor string) (keys []tuple) {
	for k := range want {
		if k.monitor == monitor {
			keys = append(keys, k)
		}
	}
	return keys
}

// awaitSpooled waits until at least n records have left the tables of a host's agent and nothing more is on its way.
func (s *site) awaitSpooled(ns string, n int) {
	s.t.Helper()
	last, since := uint64(0), time.Now()
	await.Event(s.t, 30*time.Second, "host "+ns+" has spooled its records", func() bool {
		st, ok := s.status(ns)
		if !ok || st.Spool.Next != last {
			last, since = st.Spool.Next, time.Now()
		}
		return ok && st.Spool.Next >= uint64(n) && time.Since(since) > 4*time.Second
	})
}

// check looks at what the store holds of each host: the sequence numbers are all different.
func (s *site) check() {
	s.t.Helper()
	seen := map[string]bool{}
	for _, l := range parse(s.t, s.run(s.col, "argus-collector", "flows", "--state", s.colState, "--json")) {
		monitor, _, _ := strings.Cut(l.SrcID, "/")
		key := monitor + " " + strconv.FormatUint(l.Seq, 10)
		if seen[key] {
			s.t.Errorf("record %s is in the store twice", key)
		}
		seen[key] = true
	}
	if took := s.agentA.stop(s.t); took > 5*time.Second {
		s.t.Errorf("agent a took %v to stop", took)
	}
	if took := s.collector.stop(s.t); took > 5*time.Second {
		s.t.Errorf("the collector took %v to stop", took)
	}
}
