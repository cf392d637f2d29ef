package uplink

import (
	"net/http"
	"sync/atomic"
	"testing"

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

// TestConnectionForEachRequest delivers through something that ends the connection after every answer, as some proxies do.
func TestConnectionForEachRequest(t *testing.T) {
	col := newTestCollector(t)
	col.srv.TLS.NextProtos = []string{"http/1.1"}
	col.srv.Config.SetKeepAlivesEnabled(false)
	r := newRig(t, func(c *Config) { c.Token = col.token(); c.BatchRecords = 20 })
	for range 5 {
		r.add(20)
	}
	r.all(col)
	if st := r.c.Stats(); st.Connections < 6 || st.Attempts > 0 {
		t.Errorf("%d connections for an enrolment and 5 batches, %d attempts failed", st.Connections, st.Attempts)
	}
}
