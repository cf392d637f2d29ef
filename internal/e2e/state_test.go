//go:build linux

package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// monitorC is the host that was made from a copy of host a's disk.
const monitorC = "cccccccc-0000-4000-8000-000000000003"

// copyState copies a state folder as an image of a disk would.
func (s *site) copyState(from, to string) {
	s.t.Helper()
	if err := os.RemoveAll(to); err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		s.t.Fatalf("cp: %v: %s", err, out)
	}
}

// Fault 11: a host whose state goes back in time (a snapshot), whose spool is wiped, and a host that was cloned from it: what each of
// them meters from then on is in the store once, under its own name, and nobody enrols over and over.
func TestStateGoesBackInTime(t *testing.T) {
	if os.Getenv("ENDTOEND") != "1" {
		t.Skip("takes a minute: make faults runs it (ENDTOEND=1)")
	}
	s := newSite(t)
	state, snapshot := s.agentState(s.a), filepath.Join(s.dir, "snapshot")
	want := s.injected(s.a, "lan0", 31, monitorA, monitorB)
	s.await(s.col, s.colState, want, 60*time.Second)
	s.agentA.stop(t)
	s.copyState(state, snapshot)

	s.agentA = s.startAgent(s.a, monitorA, "")
	maps.Copy(want, s.injected(s.a, "lan0", 32, monitorA, monitorB))
	s.await(s.col, s.colState, want, 60*time.Second)
	s.agentA.kill()

	s.copyState(snapshot, state)
	s.agentA = s.startAgent(s.a, monitorA, "")
	maps.Copy(want, s.injected(s.a, "lan0", 33, monitorA, monitorB))
	s.await(s.col, s.colState, want, 60*time.Second)
	s.agentA.stop(t)

	if err := os.RemoveAll(filepath.Join(state, "spool")); err != nil {
		t.Fatal(err)
	}
	s.agentA = s.startAgent(s.a, monitorA, "")
	maps.Copy(want, s.injected(s.a, "lan0", 34, monitorA, monitorB))
	s.await(s.col, s.colState, want, 60*time.Second)
	s.agentA.kill() // with what it had in hand, which is in the clone's spool too

	s.copyState(state, filepath.Join(s.dir, "clone"))
	s.copyState(filepath.Join(s.dir, "clone"), state)
	s.agentA = s.startAgent(s.a, monitorC, s.token("10.1.0.2:4561"))
	maps.Copy(want, s.injected(s.a, "lan0", 35, monitorC, monitorB))
	s.await(s.col, s.colState, want, 60*time.Second)
	if said := s.agentA.log.String(); !strings.Contains(said, "state-cloned") {
		t.Errorf("the clone did not notice: %s", tail(said, 2000))
	}
	if n := strings.Count(s.collector.log.String(), `"enrol`); n > 4 {
		t.Errorf("%d lines of enrolments for three hosts:\n%s", n, tail(s.collector.log.String(), 3000))
	}
}

// Fault 24: an agent whose collector does not answer any more stops when it is told to, within five seconds, and loses nothing: what
// waits is delivered after the next start.
func TestStopsWithADeadCollector(t *testing.T) {
	s := newSite(t)
	want := s.injected(s.a, "lan0", 41, monitorA, monitorB)
	s.await(s.col, s.colState, want, 60*time.Second)
	if err := s.collector.Process.Signal(syscall.SIGSTOP); err != nil { // its kernel goes on to take what is sent
		t.Fatal(err)
	}
	maps.Copy(want, s.injected(s.a, "lan0", 42, monitorA, monitorB))
	s.awaitSpooled(s.a, 1)
	if took := s.agentA.stop(t); took > 5*time.Second {
		t.Errorf("agent a took %v to stop", took)
	}
	if err := s.collector.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.agentA = s.startAgent(s.a, monitorA, "")
	s.await(s.col, s.colState, want, 60*time.Second)
	s.check()
}
