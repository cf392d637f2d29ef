package uplink

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

func TestFailover(t *testing.T) {
	inTime(t, func(c *Config) { c.Collectors = []string{"a.test:1", "b.test:2", "c.test:3"} }, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		s.set(func() { s.err = errors.New("no route"); s.hosts = nil })
		put(t, q, 200)
		time.Sleep(5 * time.Second)
		s.set(func() {
			if len(s.hosts) < 3 || !slices.Equal(s.hosts[:3], []string{"a.test:1", "b.test:2", "c.test:3"}) {
				t.Errorf("tried %v", s.hosts)
			}
		})
	})
}

func TestSpread(t *testing.T) {
	var first []time.Duration
	for range 20 {
		begin := time.Time{}
		inTime(t, func(c *Config) { c.Spread = time.Minute; begin = time.Now() }, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
			synctest.Wait()
			if st := c.Stats(); st.State != StateConnecting || !strings.Contains(st.Reason, "within 1m0s") {
				t.Errorf("before its turn: %s: %s", st.State, st.Reason)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			s.set(func() { first = append(first, s.times[0].Sub(begin)) })
		})
	}
	if slices.Max(first) > time.Minute || slices.Max(first)-slices.Min(first) < 10*time.Second {
		t.Errorf("first attempts after %v", first)
	}
}

func TestNoCollector(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	found := ""
	asked := 0
	inTime(t, func(c *Config) {
		c.Collectors = nil
		c.Log = zap.New(core)
		c.Discover = func(context.Context) (string, []string) {
			asked++
			if found == "" {
				return "", nil
			}
			return "", []string{found}
		}
	}, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		put(t, q, 200)
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if c.Stats().State != StateNoCollector || asked != 1 || logs.Len() != 1 {
			t.Fatalf("state %s, asked %d times, %d log lines", c.Stats().State, asked, logs.Len())
		}
		found = "b.test:1"
		c.Wake()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if c.Stats().State != StateUp || q.Stats().Pending != 0 {
			t.Errorf("%+v", c.Stats())
		}
	})
}

func TestPendingAndRefusedEnrolment(t *testing.T) {
	inTime(t, func(c *Config) { c.Name = "stranger" }, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		for status, want := range map[int]State{202: StatePending, 409: StatePending, 403: StateRejected, 422: StateWaiting, 503: StateWaiting} {
			s.set(func() { s.status = status })
			c.Wake()
			time.Sleep(3 * time.Second)
			s.seen()
			time.Sleep(time.Hour)
			synctest.Wait()
			if st := c.Stats(); st.State != want || !strings.Contains(st.Reason, "because") {
				t.Errorf("%d: %+v", status, st)
			}
			if p := s.seen(); len(p) < 5 || len(p) > 130 || slices.ContainsFunc(p, func(p string) bool { return p != wire.PathEnroll }) {
				t.Errorf("%d: %d requests in an hour: %.3v", status, len(p), p)
			}
		}
	})
}
