//go:build linux

package hosts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// site is a collector that listens on the bridge.
type site struct {
	t         *testing.T
	state     string
	at        string // where it listens
	advertise string // where agents are told to reach it
	cmd       *exec.Cmd
	log       string // a file
}

var sites atomic.Int32

// newSite starts a collector; agents know it by its address, or by a name.
func newSite(t *testing.T, name ...string) *site {
	t.Helper()
	port := 4560 + sites.Add(1)
	s := &site{t: t, state: t.TempDir(), at: fmt.Sprintf("%s:%d", address(1), port)}
	s.advertise = s.at
	if len(name) > 0 {
		s.advertise = fmt.Sprintf("%s:%d", name[0], port)
	}
	s.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the collector:\n%s", tail(read(t, s.log), 3000))
		}
		s.kill()
	})
	return s
}

// start starts the collector, or starts it again.
func (s *site) start() {
	s.t.Helper()
	program, err := filepath.Abs("../../bin/argus-collector")
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(program, "run", "--state", s.state, "--listen", s.at, "--advertise", s.advertise, "--commit-interval", "1s")
	s.log = filepath.Join(s.state, "log")
	log, err := os.Create(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	await.Event(s.t, 10*time.Second, "the collector is ready", func() bool { return strings.Contains(read(s.t, s.log), "collector is ready") })
}

func (s *site) kill() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// try runs a command of argus-collector at the site's state.
func (s *site) try(words ...string) (string, error) {
	cmd := exec.Command("../../bin/argus-collector", words...)
	cmd.Env = append(os.Environ(), "ARGUS_STATE="+s.state)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return stderr.String(), err
	}
	return string(out), nil
}

func (s *site) run(words ...string) string {
	s.t.Helper()
	out, err := s.try(words...)
	if err != nil {
		s.t.Fatalf("argus-collector %v: %v: %s", words, err, out)
	}
	return out
}

func (s *site) token() string { s.t.Helper(); return strings.TrimSpace(s.run("token", "create")) }

// seen is what the collector tells of a host.
type seen struct {
	Monitor, Name, State, Why, Version, Fingerprint string
	Records, Lost, Sequence                         uint64
	Epochs                                          []struct {
		Epoch                             string
		Sequence, Records, Lost, Repeated uint64
	}
}

// hosts returns what the collector tells of all hosts, by name.
func (s *site) hosts() map[string]seen {
	s.t.Helper()
	all := map[string]seen{}
	for _, h := range lines[seen](s.t, s.run("hosts", "--json")) {
		all[h.Name] = h
	}
	return all
}

// awaitState waits until the collector says that a host is in a state.
func (s *site) awaitState(h *host, state string, most time.Duration) seen {
	s.t.Helper()
	var now seen
	defer func() {
		if s.t.Failed() {
			s.t.Logf("it is %+v", now)
		}
	}()
	await.Event(s.t, most, h.name+" is "+state+" at the collector", func() bool {
		now = s.hosts()[h.name]
		return now.State == state
	})
	return now
}

// counts are what the store has of flows, added up.
type counts struct{ flows, spkts, dpkts, sbytes, dbytes, sapp, dapp int }

// flows adds up the records that a filter chooses.
func (s *site) flows(filter string) (c counts) {
	s.t.Helper()
	type record struct {
		SPkts, DPkts, SBytes, DBytes, SAppBytes, DAppBytes int
	}
	out := s.run(append([]string{"flows", "--json", "-s", "spkts,dpkts,sbytes,dbytes,sappbytes,dappbytes"}, strings.Fields(filter)...)...)
	for _, r := range lines[record](s.t, out) {
		c.flows++
		c.spkts, c.dpkts, c.sbytes, c.dbytes = c.spkts+r.SPkts, c.dpkts+r.DPkts, c.sbytes+r.SBytes, c.dbytes+r.DBytes
		c.sapp, c.dapp = c.sapp+r.SAppBytes, c.dapp+r.DAppBytes
	}
	return c
}

// awaitFlows waits until the store has so many packets of the filter's flows, and then looks whether all counts are as they must be.
func (s *site) awaitFlows(filter string, want counts, most time.Duration) time.Duration {
	s.t.Helper()
	var got counts
	defer func() {
		if s.t.Failed() {
			s.t.Logf("%s: %+v, and it should be %+v", filter, got, want)
		}
	}()
	took := await.Event(s.t, most, "flows of "+filter, func() bool { got = s.flows(filter); return got.spkts >= want.spkts })
	want.flows = max(want.flows, got.flows) // a flow reports more than once
	if got != want {
		s.t.Errorf("%s: %+v, and it should be %+v", filter, got, want)
	}
	return took
}

// complete looks whether every record that a host numbered is in the store, once.
func (s *site) complete(h *host) seen {
	s.t.Helper()
	now := s.hosts()[h.name]
	if now.Lost != 0 || now.Records == 0 {
		s.t.Errorf("%s: %d records, %d lost", h.name, now.Records, now.Lost)
	}
	for _, e := range now.Epochs {
		if e.Records != e.Sequence || e.Lost != 0 { // what came twice was turned away, and is counted in Repeated
			s.t.Errorf("%s: %+v", h.name, e)
		}
	}
	return now
}

// lines reads JSON objects, one a line.
func lines[T any](t *testing.T, text string) (all []T) {
	t.Helper()
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, v)
	}
	return all
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
