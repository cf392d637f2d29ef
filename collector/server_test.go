package collector

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

func testConfig(t testing.TB) Config {
	c := DefaultConfig()
	c.State = filepath.Join(t.TempDir(), "state")
	c.Listen = "127.0.0.1:0"
	c.CommitInterval = 30 * time.Second // tests flush when they want a commit
	c.Rate = 0
	return c
}

// start runs a collector; stop ends it and fails the test when that fails or takes too long.
func start(t testing.TB, c Config) (s *Server, stop func()) {
	t.Helper()
	s = New(c, zap.NewNop())
	s.retry = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		begin := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 10*time.Second { // the last commit may take three, and a busy machine is late
			t.Errorf("Run ended %v after its context", took)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// token makes an enrolment token for a running collector.
func token(t testing.TB, s *Server) string {
	t.Helper()
	a, err := s.config.OpenAuthority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	tok, _, err := a.CreateToken([]string{s.Addr().String()}, time.Hour, 0, pki.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	return tok.String()
}

func flushAll(t testing.TB, s *Server) {
	t.Helper()
	if err := Flush(t.Context(), &s.config.Place); err != nil {
		t.Fatal(err)
	}
}

// stored returns, sorted, the packet counts of a monitor's flows in the store: 1, 2, 3 ... as agent.batch makes them.
func stored(t testing.TB, state string, id uuid.UUID) (counts []uint64) {
	t.Helper()
	v, err := (&Place{State: state}).OpenView(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for r, err := range v.Scan(store.Query{Monitor: id}) {
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, r.Flow.Side[0].Packets)
	}
	slices.Sort(counts)
	return counts
}

// wantOneToN fails unless the store has the flows 1 to n of a monitor, each once.
func wantOneToN(t testing.TB, state string, id uuid.UUID, n uint64) {
	t.Helper()
	got := stored(t, state, id)
	for i, v := range got {
		if v != uint64(i)+1 {
			t.Fatalf("record %d of the store is number %d: lost or doubled", i+1, v)
		}
	}
	if uint64(len(got)) != n {
		t.Errorf("%d records in the store, want %d", len(got), n)
	}
}

func TestFromEnrolmentToParquet(t *testing.T) {
	c := testConfig(t)
	s, stop := start(t, c)
	a := newAgent(t, token(t, s))
	first, second := a.batch(100), a.batch(50)
	if got := a.post(first); got != 0 {
		t.Errorf("watermark %d before any commit", got)
	}
	a.post(first) // an answer that got lost
	a.post(second)
	flushAll(t, s)
	if got := a.durable(); got != 150 {
		t.Errorf("watermark %d after the commit, want 150", got)
	}
	if got := a.post(second); got != 150 {
		t.Errorf("a repeated batch is answered with %d, want 150", got)
	}
	wantOneToN(t, s.config.State, a.id, 150)
	if st, err := s.broker.journal().State(t.Context(), 0); err != nil || st.Last-st.First+1 > 1 {
		t.Errorf("the journal holds %+v (%v) after the commit", st, err)
	}
	a.post(a.batch(7)) // not flushed: the end commits what was read of it, or else the next start
	stop()
	s, stop = start(t, c)
	flushAll(t, s)
	stop()
	wantOneToN(t, s.config.State, a.id, 157)

	hosts, err := Hosts(t.Context(), &s.config.Place, Query{Now: time.Now(), Silent: DefaultSilent})
	if err != nil || len(hosts) != 1 {
		t.Fatalf("hosts %+v, %v", hosts, err)
	}
	if h := hosts[0]; h.Name != "made-by-hand" || h.State != HostUp || h.Records != 157 || h.Sequence != 157 || h.Lost != 0 || len(h.Epochs) != 1 {
		t.Errorf("host %+v", h)
	}
}

func TestRestartGoesOn(t *testing.T) {
	c := testConfig(t)
	s, stop := start(t, c)
	a := newAgent(t, token(t, s))
	one, two := a.batch(10), a.batch(10)
	a.post(one)
	stop()
	c.Listen = s.Addr().String()
	s, stop = start(t, c)
	defer stop()
	a.dial()
	a.post(one)
	flushAll(t, s) // the end has committed what was read of it, or else this does
	if got := a.durable(); got != 10 {
		t.Errorf("watermark %d after the restart, want 10", got)
	}
	a.post(two)
	flushAll(t, s)
	wantOneToN(t, c.State, a.id, 20)
}

func TestFollowShowsWhatArrives(t *testing.T) {
	s, _ := start(t, testConfig(t))
	a, b := newAgent(t, token(t, s)), newAgent(t, token(t, s))
	a.post(a.batch(3)) // before: not shown
	body, err := Follow(t.Context(), &s.config.Place, a.id)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b.post(b.batch(5)) // another host: not shown
	a.post(a.batch(2))
	in := argus.NewReader(body)
	var got []uint64
	for len(got) < 2 {
		r, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		if id, _ := r.Monitor.UUID(); id != a.id {
			t.Errorf("a record of %v is shown", id)
		}
		if r.Kind == argus.KindFlow {
			got = append(got, r.Flow.Side[0].Packets)
		}
	}
	if !slices.Equal(got, []uint64{4, 5}) {
		t.Errorf("followed %v, want 4 and 5", got)
	}
}

func TestRevokedHostIsRefused(t *testing.T) {
	s, _ := start(t, testConfig(t))
	a := newAgent(t, token(t, s))
	b := a.batch(1)
	a.post(b)
	authority, err := s.config.FindAuthority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer authority.Close()
	if err := authority.Revoke(a.id); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second) // delivery.md section 3
	for {
		resp, answer := a.do(http.MethodPost, wire.PathFlows, b.body, b.header)
		if resp.StatusCode == http.StatusForbidden && strings.Contains(string(answer), "revoked") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("5 s after the revocation: %s %s", resp.Status, answer)
		}
	}
}

func TestWithoutCertificateNothingIsTaken(t *testing.T) {
	s, _ := start(t, testConfig(t))
	a := newAgent(t, token(t, s))
	a.conf.Certificates = nil
	a.dial()
	b := a.batch(1)
	resp, answer := a.do(http.MethodPost, wire.PathFlows, b.body, b.header)
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(string(answer), "enrol") {
		t.Errorf("%s %s, want 401 with what to do", resp.Status, answer)
	}
}

func TestSecondCollectorOnTheSameStateIsRefused(t *testing.T) {
	c := testConfig(t)
	start(t, c)
	if err := New(c, zap.NewNop()).Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("got %v, want ErrRunning", err)
	}
}

func TestStateFolderOfEverybodyIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists are not modes")
	}
	c := testConfig(t)
	if err := os.Mkdir(c.State, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(c.State, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := New(c, zap.NewNop()).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("run: %v", err)
	}
	if _, err := c.OpenAuthority(t.Context()); err == nil {
		t.Error("an authority was made where anybody can put another one")
	}
}

func TestCommandsWithoutACollector(t *testing.T) {
	c := testConfig(t)
	if _, err := Hosts(t.Context(), &c.Place, Query{}); err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("hosts of a folder that is not there: %v", err)
	}
	if _, err := os.Stat(c.State); err == nil {
		t.Error("asking for hosts made a state folder")
	}
	if err := Flush(t.Context(), &c.Place); !errors.Is(err, ErrNotRunning) {
		t.Errorf("flush: %v", err)
	}
	_, stop := start(t, c)
	stop()
	if _, err := ReadStatus(t.Context(), &c.Place); !errors.Is(err, ErrNotRunning) {
		t.Errorf("status after the end: %v", err)
	}
}

func TestBadConfigIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"state":     func(c *Config) { c.State = "" },
		"listen":    func(c *Config) { c.Listen = "nowhere" },
		"advertise": func(c *Config) { c.Advertise = []string{"host"} },
		"interval":  func(c *Config) { c.CommitInterval = time.Minute },
		"journal":   func(c *Config) { c.JournalBytes = 1 },
		"rate":      func(c *Config) { c.Rate = -1 },
		"a folder of this machine for a cluster's writer": func(c *Config) { c.Nats.URLs = []string{"nats://127.0.0.1:1"} },
	} {
		c := testConfig(t)
		change(&c)
		if err := New(c, zap.NewNop()).Run(t.Context()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
