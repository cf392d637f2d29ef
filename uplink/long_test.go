//go:build unix

package uplink

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

// cpu is what this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// handshake is a generous price of a TLS handshake, which the script does not have.
const handshake = 5 * time.Millisecond

// TestFlappingCollector is fault 17: for an hour the collector is there one second and away the next, while records come. What is sent is taken once or
// again under the same numbers, it keeps up, and it costs less than 2 % of a CPU.
func TestFlappingCollector(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		begin := cpu(t)
		for second := range 3600 {
			s.set(func() {
				if s.err = nil; second%2 == 0 {
					s.err = errors.New("connection refused")
				}
			})
			if err := q.Append(records(1, 37), 37, number); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		attempts := c.Stats().Attempts
		if attempts < 100 {
			t.Errorf("only %d attempts met the collector away", attempts)
		}
		if used := cpu(t) - begin + time.Duration(attempts)*handshake; used > 72*time.Second {
			t.Errorf("%v of CPU and %d attempts in an hour", used, attempts)
		} else {
			t.Logf("measured: %d attempts and %v of CPU in an hour, handshakes taken as %v each", attempts, used, handshake)
		}
		if p := q.Stats().Pending; p > 37*120 {
			t.Errorf("%d records behind", p)
		}
		s.set(func() { s.err = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := q.Stats(); st.Pending != 0 || st.Dropped != 0 || c.Stats().Sent != 37*3600 {
			t.Errorf("afterwards: %+v, %+v", st, c.Stats())
		}
	})
}

// TestCollectorDownForAWeek is fault 17: the spool keeps to its cap, what it gives up is told to the collector as a gap, attempts stay rare, and afterwards
// all that was kept arrives.
func TestCollectorDownForAWeek(t *testing.T) {
	const limit = 1 << 20
	inTime(t, func(c *Config) {
		small, err := spool.Open(c.Dir+"-small", spool.Options{MaxBytes: limit, SegmentBytes: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		c.Queue = small
	}, func(t *testing.T, s *script, _ *spool.Spool, c *Client) {
		q := c.c.Queue.(*spool.Spool)
		s.set(func() { s.err = errors.New("no route to host") })
		total := uint64(0)
		for range 7 * 24 * 60 {
			if err := q.Append(records(1, 20), 20, number); err != nil {
				t.Fatal(err)
			}
			q.Sync()
			total += 20
			if b := q.Stats().Bytes; b > limit {
				t.Fatalf("the spool has %d octets", b)
			}
			time.Sleep(time.Minute)
		}
		if n := len(s.seen()); n > 7*24*60 {
			t.Errorf("%d attempts in a week", n)
		}
		dropped := q.Stats().Dropped
		if dropped == 0 {
			t.Fatal("nothing was dropped: the test is too small")
		}
		s.set(func() { s.err, s.batches = nil, nil })
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if st := q.Stats(); st.Pending != 0 || c.Stats().Sent+dropped != total || s.gaps != dropped {
			t.Errorf("of %d records %d were dropped, told %d, sent %d, pending %d", total, dropped, s.gaps, c.Stats().Sent, st.Pending)
		}
		q.Close()
	})
}

// TestReturnsToTheFirstCollector: what failed over goes back, at a time of its own, and stays with the second one if the first is still away.
func TestReturnsToTheFirstCollector(t *testing.T) {
	var after []time.Duration
	for range 8 {
		inTime(t, func(c *Config) { c.Collectors = []string{"a.test:1", "b.test:2"} }, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
			s.set(func() { s.down = "a.test:1" })
			c.Wake()
			time.Sleep(time.Minute)
			if st := c.Stats(); st.State != StateUp || st.Collector != "b.test:2" {
				t.Fatalf("with the first one away: %+v", st)
			}
			time.Sleep(2 * time.Hour)
			for range 10 { // it may just be knocking at the first one
				if c.Stats().State == StateUp {
					break
				}
				time.Sleep(time.Second)
			}
			if st := c.Stats(); st.State != StateUp || st.Collector != "b.test:2" {
				t.Errorf("after two hours: %+v", st)
			}
			s.set(func() { s.down = "" })
			begin := time.Now()
			for st := c.Stats(); (st.State != StateUp || st.Collector != "a.test:1") && time.Since(begin) < 3*time.Hour; st = c.Stats() {
				time.Sleep(time.Minute)
			}
			after = append(after, time.Since(begin))
			put(t, q, 200)
			time.Sleep(time.Minute)
			synctest.Wait()
			if s.hosts[len(s.hosts)-1] != "a.test:1" || q.Stats().Pending != 0 {
				t.Errorf("the last batch went to %s", s.hosts[len(s.hosts)-1])
			}
		})
	}
	if slices.Max(after) > 70*time.Minute || slices.Max(after)-slices.Min(after) < 2*time.Minute {
		t.Errorf("went back after %v", after)
	}
}

// TestSentCountsOnce: a batch that was sent again counts once in Sent, and twice in Records.
func TestSentCountsOnce(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
		s.set(func() { s.behind = true })
		put(t, q, 200)
		time.Sleep(2 * time.Second)
		c.Wake()
		time.Sleep(2 * time.Second)
		put(t, q, 100)
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if st := c.Stats(); st.Sent != 300 || st.Records <= 300 {
			t.Errorf("%d sent, %d with repetitions", st.Sent, st.Records)
		}
	})
}
