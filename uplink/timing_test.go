package uplink

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// script answers requests in fake time. Its default is a collector whose store is always up to date.
type script struct {
	mu      sync.Mutex
	status  int
	header  http.Header
	err     error
	durable string // in place of the true watermark
	behind  bool   // the store has nothing yet
	busy    bool   // every batch is answered 429 the first time
	times   []time.Time
	paths   []string
	hosts   []string
	batches []string // first-last
	gaps    uint64   // sequences that were told never to come
	down    string   // a host that does not answer
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Now())
	s.paths = append(s.paths, r.URL.Path)
	s.hosts = append(s.hosts, r.URL.Host)
	status := s.status
	if r.URL.Path == wire.PathFlows {
		batch := r.Header.Get(wire.HeaderFirst) + "-" + r.Header.Get(wire.HeaderLast)
		if s.busy && !slices.Contains(s.batches, batch) {
			status = http.StatusTooManyRequests
		}
		if d, err := wire.ParseSequence(r.Header.Get(wire.HeaderDropped)); err == nil && s.err == nil && !slices.Contains(s.batches, batch) {
			s.gaps += d
		}
		s.batches = append(s.batches, batch)
	}
	if r.URL.Host == s.down {
		return nil, errors.New("no route to host")
	}
	if s.err != nil {
		return nil, s.err
	}
	resp := &http.Response{StatusCode: status, Header: s.header.Clone(), Body: io.NopCloser(strings.NewReader(`{"error":"because"}`)), Request: r}
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	if status == 0 {
		last := r.Header.Get(wire.HeaderLast)
		if last == "" || s.behind {
			last = "0"
		}
		mark := r.Header.Get(wire.HeaderEpoch) + "-" + last
		if s.durable != "" {
			mark = s.durable
		}
		resp.StatusCode = http.StatusNoContent
		resp.Header.Set(wire.HeaderDurable, mark)
	}
	return resp, nil
}

func (s *script) set(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

// seen returns the paths asked for since the last call.
func (s *script) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.paths
	s.paths, s.times = nil, nil
	return p
}

// enrolled makes an identity folder with a certificate of the given life.
func enrolled(t *testing.T, dir string, monitor uuid.UUID, from, to time.Time) {
	t.Helper()
	id, err := openIdentity(dir, storeFile, monitor)
	if err != nil {
		t.Fatal(err)
	}
	defer id.root.Close()
	csr, err := id.request("host")
	if err != nil {
		t.Fatal(err)
	}
	ca := newAuthority("fake")
	cert, err := ca.client(csr, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.accept(wire.EnrollResponse{Certificate: cert, CA: ca.pem()}, nil, ""); err != nil {
		t.Fatal(err)
	}
}

// inTime runs f in a bubble with a client whose collector is a script.
func inTime(t *testing.T, change func(*Config), f func(t *testing.T, s *script, q *spool.Spool, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		dir := t.TempDir()
		q, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{})
		if err != nil {
			t.Fatal(err)
		}
		conf := Config{Collectors: []string{"a.test:1"}, Dir: filepath.Join(dir, "id"), Monitor: uuid.Must(uuid.NewV4()), Queue: q,
			Preamble: func(b []byte) []byte { return append(b, preamble...) }}
		conf.transport = func(string) http.RoundTripper { return s }
		if change != nil {
			change(&conf)
		}
		if conf.Name != "stranger" {
			enrolled(t, conf.Dir, conf.Monitor, time.Now().Add(-time.Hour), time.Now().Add(10000*time.Hour))
		}
		c, err := New(conf)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { q.Run(ctx) })
		wg.Go(func() {
			if err := c.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		synctest.Wait()
		f(t, s, q, c)
		cancel()
		wg.Wait()
		q.Close()
	})
}

func put(t *testing.T, q *spool.Spool, n int) {
	t.Helper()
	if err := q.Append(records(1, n), n, number); err != nil {
		t.Fatal(err)
	}
}

func TestWhenABatchIsSent(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		if p := s.seen(); !slices.Equal(p, []string{wire.PathDurable}) || c.Stats().State != StateUp {
			t.Fatalf("at start: asked for %v, state %s", p, c.Stats().State)
		}
		time.Sleep(24 * time.Hour)
		if p := s.seen(); len(p) > 0 {
			t.Errorf("a day without records: %v", p)
		}
		put(t, q, 1)
		time.Sleep(29 * time.Second)
		if p := s.seen(); len(p) > 0 {
			t.Errorf("one record, after 29 s: %v", p)
		}
		time.Sleep(3 * time.Second) // a second until it is on disk, 30 s from then
		if p := s.seen(); !slices.Equal(p, []string{wire.PathFlows}) {
			t.Errorf("one record, after 32 s: %v", p)
		}
		put(t, q, 200)
		time.Sleep(1100 * time.Millisecond) // the sync
		if p := s.seen(); !slices.Equal(p, []string{wire.PathFlows}) {
			t.Errorf("200 records: %v", p)
		}
		if st := q.Stats(); st.Pending != 0 {
			t.Errorf("%d records pending", st.Pending)
		}
	})
}

func TestAsksForTheWatermarkOnlyWhileItMatters(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		s.set(func() { s.behind = true })
		put(t, q, 200)
		time.Sleep(2 * time.Second)
		s.seen()
		time.Sleep(9 * time.Minute)
		if p := s.seen(); len(p) < 34 || len(p) > 37 || slices.Contains(p, wire.PathFlows) {
			t.Errorf("%d requests in 9 min with a store that is behind, want one every %v: %v", len(p), wire.PollInterval, p)
		}
		time.Sleep(2 * time.Minute)
		if p := s.seen(); !slices.Contains(p, wire.PathFlows) {
			t.Error("a store that makes no progress is not sent the batch again")
		}
		s.set(func() { s.durable = wire.Watermark{Epoch: wire.Epoch(q.Epoch()), Sequence: 200}.String() })
		time.Sleep(20 * time.Second)
		s.seen()
		time.Sleep(time.Hour)
		if p := s.seen(); len(p) > 0 || q.Stats().Pending != 0 {
			t.Errorf("all is durable: %d requests, %d pending", len(p), q.Stats().Pending)
		}
	})
}

// TestAnswers is the table of the contract.
func TestAnswers(t *testing.T) {
	other := wire.Watermark{Epoch: 1, Sequence: 200}.String()
	for name, x := range map[string]struct {
		status      int
		header      http.Header
		durable     string
		state       State
		quarantined uint64
		bad         bool
	}{
		"204":                    {state: StateUp},
		"204 without watermark":  {durable: " ", state: StateWaiting, bad: true},
		"204 with garbage":       {durable: "lots", state: StateWaiting, bad: true},
		"204 of another epoch":   {durable: other, state: StateUp, bad: true},
		"204 beyond what's sent": {durable: "beyond", state: StateUp, bad: true},
		"200":                    {status: 200, state: StateWaiting},
		"302":                    {status: 302, header: http.Header{"Location": {"https://b.test/"}}, state: StateWaiting},
		"400":                    {status: 400, state: StateUp, quarantined: 1},
		"413":                    {status: 413, state: StateUp, quarantined: 1},
		"422":                    {status: 422, state: StateUp, quarantined: 1},
		"401":                    {status: 401, state: StateRejected},
		"403":                    {status: 403, state: StateRejected},
		"404":                    {status: 404, state: StateWaiting},
		"429":                    {status: 429, header: http.Header{"Retry-After": {"100"}}, state: StateWaiting},
		"500":                    {status: 500, state: StateWaiting},
		"503":                    {status: 503, state: StateWaiting},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
				s.set(func() {
					s.status, s.header, s.durable = x.status, x.header, x.durable
					if x.durable == "beyond" {
						s.durable = wire.Watermark{Epoch: wire.Epoch(q.Epoch()), Sequence: 201}.String()
					}
				})
				put(t, q, 200)
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				st := c.Stats()
				if st.State != x.state || st.Quarantined != x.quarantined || (st.BadAnswers > 0) != x.bad {
					t.Errorf("%+v", st)
				}
				want := uint64(200)
				if x.status == 0 && !x.bad || x.quarantined > 0 { // what is set aside no longer waits
					want = 0
				}
				if p := q.Stats().Pending; p != want {
					t.Errorf("%d records pending, want %d", p, want)
				}
				if x.state != StateUp && st.Reason == "" {
					t.Error("no reason")
				}
				for _, h := range s.hosts {
					if h != "a.test:1" {
						t.Errorf("asked %s", h)
					}
				}
				if x.quarantined > 0 { // and goes on: the next batch closes the gap
					s.set(func() { s.status = 0 })
					put(t, q, 200)
					time.Sleep(5 * time.Second)
					synctest.Wait()
					if b := s.batches; len(b) != 2 || b[1] != "201-400" || q.Stats().Pending != 0 {
						t.Errorf("batches %v, %d pending", b, q.Stats().Pending)
					}
				}
			})
		})
	}
}

// TestRollbackSeenLate: a collector that did not know its watermark when it was asked first has thrown away what is new under old numbers; once
// it says so, all of that is sent again in a new epoch. A collector that goes on to say so is not believed.
func TestRollbackSeenLate(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		s.set(func() { s.behind = true })
		put(t, q, 200)
		time.Sleep(5 * time.Second)
		old := q.Epoch()
		s.set(func() { s.durable = wire.Watermark{Epoch: wire.Epoch(old), Sequence: 900}.String() })
		time.Sleep(wire.PollInterval + time.Second)
		synctest.Wait()
		if st := c.Stats(); st.RolledBack != 1 || q.Epoch() == old || q.Stats().Pending != 200 {
			t.Errorf("%+v, epoch %x then %x, %d pending", st, old, q.Epoch(), q.Stats().Pending)
		}
		for range 3 { // it lies
			s.set(func() { s.durable = wire.Watermark{Epoch: wire.Epoch(q.Epoch()), Sequence: 900}.String() })
			put(t, q, 200)
			time.Sleep(wire.PollInterval + time.Second)
			synctest.Wait()
		}
		if st := c.Stats(); st.RolledBack != 1 || q.Stats().Pending != 800 {
			t.Errorf("after lies: %+v, %d pending", st, q.Stats().Pending)
		}
		s.set(func() { s.durable, s.behind, s.batches = "", false, nil })
		put(t, q, 200)
		time.Sleep(11 * time.Minute) // what was sent and is not acknowledged is sent again
		synctest.Wait()
		if q.Stats().Pending != 0 || !slices.Contains(s.batches, "1-200") && !slices.Contains(s.batches, "801-1000") {
			t.Errorf("%v, %d pending", s.batches, q.Stats().Pending)
		}
	})
}
