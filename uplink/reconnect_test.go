package uplink

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// lost tells whether connections were made and none is left.
func (l *connections) lost() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.made > 0 && len(l.live) == 0
}

// TestNewConnectionBeginsWithWhatIsNotDurable: a collector that was away may have lost what it had taken. If it had new records first,
// it would have to take the others for lost.
func TestNewConnectionBeginsWithWhatIsNotDurable(t *testing.T) {
	col := newTestCollector(t)
	col.lag = 1 << 40
	r := newRig(t, func(c *Config) { c.Token = col.token(); c.BatchRecords = 20 })
	r.add(20)
	r.wait("the first batch", false, func() bool { return r.c.Stats().Batches == 1 })
	var first atomic.Pointer[string]
	col.set(func() {
		col.before = func(_ http.ResponseWriter, q *http.Request) bool {
			if v := q.Header.Get(wire.HeaderFirst); q.URL.Path == wire.PathFlows {
				first.CompareAndSwap(nil, &v)
			}
			return false
		}
	})
	col.crash()
	r.wait("the end of the connection", false, r.c.own.lost)
	r.add(20)
	r.wait("another batch", false, func() bool { return first.Load() != nil })
	if got := *first.Load(); got != "1" {
		t.Errorf("the first batch over the new connection begins with %s, want 1", got)
	}
	col.set(func() { col.lag = 0 })
	r.all(col)
}

// TestConnectionForEachRequest delivers to a server that ends the connection after every answer.
func TestConnectionForEachRequest(t *testing.T) {
	for _, proto := range []string{"http/1.1", "h2"} {
		t.Run(proto, func(t *testing.T) {
			col := newTestCollector(t)
			col.srv.TLS.NextProtos = []string{proto}
			col.before = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Connection", "close") // in HTTP/2 the server says GOAWAY
				return false
			}
			r := newRig(t, func(c *Config) { c.Token = col.token(); c.BatchRecords = 20 })
			for range 5 {
				r.add(20)
			}
			r.all(col)
			if st := r.c.Stats(); st.Connections < 6 || proto == "http/1.1" && st.Attempts > 0 { // a request and a GOAWAY may cross
				t.Errorf("%d connections for an enrolment and 5 batches, %d attempts failed", st.Connections, st.Attempts)
			}
		})
	}
}

// TestConnectionForEachRequestAndASlowStore: what was taken and is not durable goes again over a new connection, but not as fast as it can.
func TestConnectionForEachRequestAndASlowStore(t *testing.T) {
	col := newTestCollector(t)
	col.srv.TLS.NextProtos = []string{"http/1.1"}
	col.srv.Config.SetKeepAlivesEnabled(false)
	col.lag = 1 << 40
	r := newRig(t, func(c *Config) { c.Token = col.token(); c.BatchRecords = 20 })
	r.add(20)
	r.add(20)
	r.wait("the first batch", false, func() bool { return r.c.Stats().Batches > 0 })
	time.Sleep(2 * time.Second) // in which it might be sent a thousand times
	col.set(func() {
		if col.posts > 20 || col.polls > 22 {
			t.Errorf("%d posts and %d questions in two seconds", col.posts, col.polls)
		}
		col.lag = 0
	})
	r.all(col)
}

// TestFailedRenewalBeginsWithWhatIsNotDurable: the connection of a renewal is a new one, too.
func TestFailedRenewalBeginsWithWhatIsNotDurable(t *testing.T) {
	col := newTestCollector(t)
	col.lag, col.life = 1<<40, time.Minute+6*time.Second // a certificate that is to be renewed in three seconds
	firsts, renewals, last := map[string]string{}, 0, ""
	col.before = func(w http.ResponseWriter, q *http.Request) bool {
		switch first := q.Header.Get(wire.HeaderFirst); q.URL.Path {
		case wire.PathRenew:
			renewals++
			refuse(w, http.StatusServiceUnavailable, "not now")
			return true
		case wire.PathFlows:
			if last = first; firsts[q.RemoteAddr] == "" {
				firsts[q.RemoteAddr] = first
			}
		}
		return false
	}
	r := newRig(t, func(c *Config) { c.Token = col.token(); c.BatchRecords = 20 })
	r.add(20)
	r.wait("the first batch", false, func() bool { return r.c.Stats().Batches == 1 })
	r.wait("the renewal", false, func() (tried bool) { col.set(func() { tried = renewals > 0 }); return tried })
	r.add(20)
	r.wait("the second batch", false, func() (came bool) { col.set(func() { came = last == "21" }); return came })
	col.set(func() {
		for address, first := range firsts {
			if first != "1" {
				t.Errorf("the connection from %s begins with %s, want 1", address, first)
			}
		}
		col.lag = 0
	})
	r.all(col)
}
