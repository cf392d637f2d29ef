package uplink

import (
	"crypto/sha256"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// approvals makes a collector let monitors without a token wait until they are approved. It returns the paths that were asked for.
func approvals(col *testCollector) (approve func(), asked func() []string) {
	approved := false
	var paths []string
	col.before = func(w http.ResponseWriter, r *http.Request) bool {
		paths = append(paths, r.URL.Path)
		if r.URL.Path == wire.PathEnroll && !approved {
			refuse(w, http.StatusAccepted, "waits for approval")
			return true
		}
		return false
	}
	col.secret = wire.Secret{}
	col.open = true
	return func() { col.set(func() { approved = true }) }, func() (all []string) {
		col.set(func() { all = slices.Clone(paths) })
		return all
	}
}

// TestApproval: without a token a monitor asks, sends nothing else, shows the fingerprint of its key, and delivers once it is approved.
func TestApproval(t *testing.T) {
	col := newTestCollector(t)
	approve, asked := approvals(col)
	core, logs := observer.New(zap.InfoLevel)
	r := newRig(t, func(c *Config) { c.Collectors = []string{col.address()}; c.Log = zap.New(core) })
	r.add(300)
	r.until("pending", func() bool { return r.c.Stats().State == StatePending && len(asked()) > 2 })
	if p := asked(); slices.ContainsFunc(p, func(p string) bool { return p != wire.PathEnroll }) {
		t.Errorf("asked for %v before it was approved", p)
	}
	st := r.c.Stats()
	if len(st.Key) != 64 || st.KeyStore != "file" || st.CA != wire.Fingerprint(col.ca.cert.Raw) {
		t.Errorf("%+v", st)
	}
	first := logs.FilterField(zap.String("code", "uplink-first-use"))
	if first.Len() != 1 || first.All()[0].ContextMap()["ca"] != st.CA {
		t.Errorf("that the first CA is trusted was said %d times", first.Len())
	}
	// The key that the operator compares is the same after a restart.
	r.stop()
	r.start(func(c *Config) { c.Collectors = []string{col.address()} })
	r.until("pending again", func() bool { return r.c.Stats().State == StatePending })
	if again := r.c.Stats(); again.Key != st.Key || again.CA != st.CA {
		t.Errorf("after a restart: %+v", again)
	}
	approve()
	r.all(col)
	if col.enrolled != 1 {
		t.Errorf("enrolled %d times", col.enrolled)
	}
}

// TestFirstCAIsKept: once a CA was trusted because it was the first one, another is refused, with both fingerprints, and gets nothing.
func TestFirstCAIsKept(t *testing.T) {
	col := newTestCollector(t)
	_, asked := approvals(col)
	r := newRig(t, func(c *Config) { c.Collectors = []string{col.address()} })
	r.until("pending", func() bool { return r.c.Stats().State == StatePending })
	r.stop()
	mine, address, stranger := wire.Fingerprint(col.ca.cert.Raw), col.address(), newAuthority("Stranger")
	col.srv.Close()
	col.start(stranger.server(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1"), address)
	before := len(asked())
	r.start(func(c *Config) { c.Collectors = []string{address} })
	r.until("a refusal", func() bool { return r.c.Stats().Attempts > 1 })
	for _, want := range []string{mine, wire.Fingerprint(stranger.cert.Raw)} {
		if reason := r.c.Stats().Reason; !strings.Contains(reason, want) {
			t.Errorf("reason %q does not say %s", reason, want)
		}
	}
	if n := len(asked()) - before; n > 0 {
		t.Errorf("%d requests reached the stranger", n)
	}
}

// TestConfiguredCA closes the first use: only the CA with the configured fingerprint is spoken to.
func TestConfiguredCA(t *testing.T) {
	for _, right := range []bool{true, false} {
		col := newTestCollector(t)
		_, asked := approvals(col)
		ca := sha256.Sum256(col.ca.cert.Raw)
		if !right {
			ca[0] ^= 1
		}
		r := newRig(t, func(c *Config) { c.Collectors = []string{col.address()}; c.CA = ca })
		r.until("an attempt", func() bool { return r.c.Stats().Attempts > 0 })
		if st := r.c.Stats(); (len(asked()) > 0) != right || (st.State == StatePending) != right {
			t.Errorf("right %v: %d requests, %+v", right, len(asked()), st)
		}
		r.stop()
	}
}

// TestNoEnrolmentLoop: who was revoked and has no token renews in vain and does not ask to be approved again.
func TestNoEnrolmentLoop(t *testing.T) {
	col := newTestCollector(t)
	approve, _ := approvals(col)
	approve()
	r := newRig(t, func(c *Config) { c.Collectors = []string{col.address()} })
	r.add(10)
	r.all(col)
	var mu sync.Mutex
	enrolments := 0
	col.set(func() {
		col.before = func(w http.ResponseWriter, q *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if q.URL.Path == wire.PathEnroll {
				enrolments++
			}
			refuse(w, http.StatusForbidden, "revoked")
			return true
		}
	})
	r.add(10)
	r.until("several refusals", func() bool { return r.c.Stats().State == StateRejected && r.c.Stats().Attempts > 5 })
	mu.Lock()
	defer mu.Unlock()
	if enrolments > 0 {
		t.Errorf("asked %d times to enrol", enrolments)
	}
	if p := r.s.Stats().Pending; p != 10 {
		t.Errorf("%d records pending, want 10", p)
	}
}

// TestFirstUseIsNotBlind: the first CA seen is kept only if the collector's certificate is good under it, by name and time.
func TestFirstUseIsNotBlind(t *testing.T) {
	now := time.Now()
	for name, x := range map[string]struct {
		cert func(ca *authority) tls.Certificate
		want string
	}{
		"expired": {func(ca *authority) tls.Certificate {
			return ca.server(now.Add(-2*time.Hour), now.Add(-time.Hour), "127.0.0.1")
		}, "clock says"},
		"another name": {func(ca *authority) tls.Certificate {
			return ca.server(now.Add(-time.Hour), now.Add(time.Hour), "192.0.2.1")
		}, "127.0.0.1"},
		"no CA": {func(ca *authority) tls.Certificate {
			c := ca.server(now.Add(-time.Hour), now.Add(time.Hour), "127.0.0.1")
			c.Certificate = c.Certificate[:1]
			return c
		}, "shows no CA"},
	} {
		col := newTestCollector(t)
		_, asked := approvals(col)
		address := col.address()
		col.srv.Close()
		col.start(x.cert(col.ca), address)
		r := newRig(t, func(c *Config) { c.Collectors = []string{address} })
		r.until("a refusal", func() bool { return r.c.Stats().Attempts > 1 })
		if st := r.c.Stats(); !strings.Contains(st.Reason, x.want) || st.CA != "" || len(asked()) > 0 {
			t.Errorf("%s: asked for %v, %+v", name, asked(), st)
		}
		r.stop()
		if _, err := os.Stat(filepath.Join(r.dir, "identity", caFile)); err == nil {
			t.Errorf("%s: its CA was kept", name)
		}
	}
}
