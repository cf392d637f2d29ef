package uplink

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

func TestBackOff(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	inTime(t, func(c *Config) { c.Log = zap.New(core) }, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		s.set(func() { s.err = errors.New("no route") })
		put(t, q, 200)
		time.Sleep(time.Minute)
		first := len(s.seen())
		if first < 4 || first > 40 {
			t.Errorf("%d attempts in the first minute", first)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := len(s.times); n < 24*12 || n > 24*60 { // 5 min at most, 2.5 min on average
			t.Errorf("%d attempts in a day", n)
		}
		for i := range s.times[1:] {
			if gap := s.times[i+1].Sub(s.times[i]); gap > 5*time.Minute {
				t.Errorf("waited %v", gap)
			}
		}
		if n := logs.Len(); n > 30 {
			t.Errorf("%d log lines in a day", n)
		}
		// The network has changed: at once.
		s.seen()
		c.Wake()
		synctest.Wait()
		if n := len(s.seen()); n != 1 {
			t.Errorf("%d attempts on Wake", n)
		}
		s.set(func() { s.err = nil })
		for range 500 { // interfaces flap
			c.Wake()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(s.seen()); n > 20 {
			t.Errorf("%d requests for 500 flaps in 5 s", n)
		}
		if q.Stats().Pending != 0 || c.Stats().State != StateUp {
			t.Errorf("%+v", c.Stats())
		}
	})
}

func TestRetryAfter(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		s.set(func() { s.status, s.header = 503, http.Header{"Retry-After": {"100"}} })
		put(t, q, 200)
		time.Sleep(99 * time.Second)
		if p := s.seen(); len(p) != 2 { // the greeting and the batch
			t.Errorf("%v within Retry-After", p)
		}
		time.Sleep(5 * time.Second)
		if p := s.seen(); len(p) == 0 {
			t.Error("never again")
		}
	})
	for text, want := range map[string]time.Duration{"": 0, "x": 0, "-5": 0, "7": 7 * time.Second, "99999999": maxRetryAfter,
		"Fri, 31 Dec 1999 23:59:59 GMT": 0, "Fri, 31 Dec 2199 23:59:59 GMT": maxRetryAfter} {
		if got := retryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("Retry-After %q: %v, want %v", text, got, want)
		}
	}
}

// TestBusyCollectorIsNotSentMore: an agent with a long backlog meets the rate limit all the time. Only the batch that was
// refused comes again, over the same connection: all that was taken would fill the limit again, for ever.
func TestBusyCollectorIsNotSentMore(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		s.set(func() { s.busy, s.behind, s.header = true, true, http.Header{"Retry-After": {"1"}} })
		for range 10 {
			put(t, q, 200)
		}
		time.Sleep(3 * time.Second)
		if st := c.Stats(); st.State != StateWaiting || !strings.Contains(st.Reason, "429") {
			t.Errorf("while it waits: %+v", st)
		}
		time.Sleep(27 * time.Second)
		synctest.Wait()
		var want []string
		for first := 1; first < 2000; first += 200 {
			batch := fmt.Sprintf("%d-%d", first, first+199)
			want = append(want, batch, batch)
		}
		if !slices.Equal(s.batches, want) {
			t.Errorf("sent %v, want each batch twice", s.batches)
		}
		if st := c.Stats(); st.Batches != 10 || st.State != StateUp {
			t.Errorf("%+v", st)
		}
	})
}

func TestShortOutageIsOverSoon(t *testing.T) {
	for range 50 { // the waits are random
		inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
			s.set(func() { s.err = errors.New("connection refused") })
			put(t, q, 200)
			time.Sleep(10 * time.Second)
			s.set(func() { s.err = nil })
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if st := c.Stats(); st.State != StateUp || q.Stats().Pending != 0 {
				t.Errorf("11 s after an outage of 10 s: %+v, %d records pending", st, q.Stats().Pending)
			}
		})
	}
}
