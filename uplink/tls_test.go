package uplink

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// TestImpostors is fault 14: whoever cannot prove to be the collector gets no byte of data, before enrolment and after, and the reason says why.
func TestImpostors(t *testing.T) {
	now := time.Now()
	hour := time.Hour
	stranger := newAuthority("Inspecting Proxy")
	for name, x := range map[string]struct {
		cert func(ca *authority) tls.Certificate
		want []string
	}{
		"another CA":    {func(*authority) tls.Certificate { return stranger.server(now.Add(-hour), now.Add(hour), "127.0.0.1") }, []string{"CA"}},
		"expired":       {func(ca *authority) tls.Certificate { return ca.server(now.Add(-2*hour), now.Add(-hour), "127.0.0.1") }, []string{"clock says", "valid from"}},
		"not yet valid": {func(ca *authority) tls.Certificate { return ca.server(now.Add(hour), now.Add(2*hour), "127.0.0.1") }, []string{"clock says", "valid from"}},
		"another name": {func(ca *authority) tls.Certificate {
			return ca.server(now.Add(-hour), now.Add(hour), "192.0.2.1", "other.test")
		}, []string{"127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			col := newTestCollector(t)
			r := newRig(t, func(c *Config) { c.Token = col.token() })
			r.add(10)
			r.all(col)
			r.stop()
			address := col.address()
			col.srv.Close()
			col.start(x.cert(col.ca), address)
			col.requests = 0
			for _, fresh := range []bool{false, true} { // a known collector, and one to enrol at
				if fresh {
					r.stop()
					r.dir, r.next = t.TempDir(), 1
				}
				r.start(func(c *Config) { c.Token = col.token() })
				r.add(200)
				r.until("a refusal", func() bool { st := r.c.Stats(); return st.Attempts > 1 && st.State == StateWaiting })
				for _, want := range x.want {
					if reason := r.c.Stats().Reason; !strings.Contains(reason, want) {
						t.Errorf("reason %q does not say %q", reason, want)
					}
				}
				col.set(func() {
					if col.requests > 0 {
						t.Errorf("%d requests reached an impostor", col.requests)
					}
				})
				if r.s.Stats().Pending < 200 {
					t.Error("records are gone")
				}
			}
		})
	}
}

// TestOldTLSIsRefused: nothing below 1.3.
func TestOldTLSIsRefused(t *testing.T) {
	col := newTestCollector(t)
	col.srv.TLS.MinVersion, col.srv.TLS.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	r := newRig(t, func(c *Config) { c.Token = col.token() })
	r.until("a refusal", func() bool { return r.c.Stats().Attempts > 0 })
	if col.requests > 0 || !strings.Contains(r.c.Stats().Reason, "version") {
		t.Errorf("%d requests, %+v", col.requests, r.c.Stats())
	}
}

func TestRenewal(t *testing.T) {
	col := newTestCollector(t)
	col.life = time.Minute // with a minute before now: half of it is over at once
	col.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == wire.PathRenew {
			col.life = time.Hour
		}
		return false
	}
	r := newRig(t, func(c *Config) { c.Token = col.token() })
	r.wait("renewal", false, func() bool { return time.Until(r.c.Stats().NotAfter) > 30*time.Minute })
	r.add(200)
	r.all(col)
	if left := time.Until(r.c.Stats().NotAfter); left < 50*time.Minute || col.enrolled != 1 || col.renewed != 1 {
		t.Errorf("certificate for %v more, enrolled %d times, renewed %d times", left, col.enrolled, col.renewed)
	}
}

// TestCertificateNoLongerAccepted is fault 15: expired or revoked shows at the first answer; the agent enrols anew and keeps its spool.
func TestCertificateNoLongerAccepted(t *testing.T) {
	t.Run("expired", func(t *testing.T) {
		col := newTestCollector(t)
		r := newRig(t, func(c *Config) { c.Token = col.token() })
		r.add(10)
		r.all(col)
		r.stop()
		id, err := openIdentity(filepath.Join(r.dir, "identity"), storeFile, r.monitor)
		if err != nil {
			t.Fatal(err)
		}
		csr, _ := id.request("host")
		old, err := col.ca.client(csr, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if err := id.accept(wire.EnrollResponse{Certificate: old, CA: col.ca.pem()}, nil, ""); err != nil {
			t.Fatal(err)
		}
		id.root.Close()
		var rejected atomic.Bool
		r.start(func(c *Config) { c.Token = col.token() })
		r.add(200)
		r.until("delivery", func() bool {
			if r.c.Stats().State == StateRejected {
				rejected.Store(true)
			}
			return r.s.Stats().Pending == 0
		})
		if col.enrolled != 2 || !rejected.Load() {
			t.Errorf("enrolled %d times, state rejected seen: %v", col.enrolled, rejected.Load())
		}
		r.all(col)
	})
	t.Run("revoked for good", func(t *testing.T) {
		col := newTestCollector(t)
		r := newRig(t, func(c *Config) { c.Token = col.token() })
		r.add(10)
		r.all(col)
		col.set(func() {
			col.before = func(w http.ResponseWriter, _ *http.Request) bool {
				refuse(w, http.StatusForbidden, "revoked")
				return true
			}
		})
		r.add(200)
		r.until("rejection", func() bool { return r.c.Stats().State == StateRejected && r.c.Stats().Attempts > 2 })
		if r.s.Stats().Pending != 200 || !strings.Contains(r.c.Stats().Reason, "revoked") {
			t.Errorf("%+v", r.c.Stats())
		}
	})
}

// TestCloneMakesItsOwnKey: an identity folder that came from another monitor is not used.
func TestCloneMakesItsOwnKey(t *testing.T) {
	col := newTestCollector(t)
	r := newRig(t, func(c *Config) { c.Token = col.token() })
	r.add(10)
	r.all(col)
	key, _ := os.ReadFile(filepath.Join(r.dir, "identity", keyFile))
	r.stop()
	r.monitor = uuid.Must(uuid.NewV4())
	r.start(func(c *Config) { c.Token = col.token() })
	r.add(10)
	r.until("delivery", func() bool { return r.s.Stats().Pending == 0 })
	other, _ := os.ReadFile(filepath.Join(r.dir, "identity", keyFile))
	if col.lastMonitor != r.monitor || string(key) == string(other) {
		t.Error("the clone goes by the old identity")
	}
}

// TestCollectorThatDoesNotTalk is fault 16: it accepts, or shakes hands, and never reads; within 10 s of a batch the client has given up.
func TestCollectorThatDoesNotTalk(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s")
	}
	t.Parallel()
	col := newTestCollector(t)
	r := newRig(t, func(c *Config) { c.Token = col.token() })
	r.add(10)
	r.all(col)
	hold := make(chan struct{})
	defer close(hold)
	col.set(func() {
		col.before = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != wire.PathFlows {
				return false
			}
			col.mu.Unlock()
			<-hold
			col.mu.Lock()
			panic(http.ErrAbortHandler)
		}
	})
	begin := time.Now()
	r.add(200)
	r.wait("a time-out", false, func() bool { return r.c.Stats().Attempts > 0 })
	if d := time.Since(begin); d > 13*time.Second {
		t.Errorf("gave up after %v", d)
	}
	if p := r.s.Stats().Pending; p != 200 {
		t.Errorf("%d records pending", p)
	}
}

// TestProxy goes through CONNECT with basic authentication, as HTTPS_PROXY gives it.
func TestProxy(t *testing.T) {
	col := newTestCollector(t)
	var tunnels atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass word"))
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		tunnels.Add(1)
		up, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		down, buf, _ := w.(http.Hijacker).Hijack()
		io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		splice(up, down, buf.Reader)
	}))
	defer proxy.Close()
	via := func(user *url.Userinfo) func(c *Config) {
		return func(c *Config) {
			c.Token = col.token()
			c.Proxy = func(*http.Request) (*url.URL, error) {
				return &url.URL{Scheme: "http", Host: proxy.Listener.Addr().String(), User: user}, nil
			}
		}
	}
	r := newRig(t, via(nil))
	r.add(200)
	r.until("a refusal", func() bool { return r.c.Stats().Attempts > 0 })
	if reason := r.c.Stats().Reason; !strings.Contains(reason, "Proxy Authentication Required") {
		t.Errorf("reason %q", reason)
	}
	r.stop()
	r.start(via(url.UserPassword("user", "pass word")))
	r.all(col)
	if tunnels.Load() == 0 {
		t.Error("not through the proxy")
	}
	if !r.c.Own(r.anyConnection(), netip.MustParseAddrPort(proxy.Listener.Addr().String())) {
		t.Error("the connection to the proxy is not the client's own")
	}
}

func splice(a, b net.Conn, fromB *bufio.Reader) {
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(a, fromB); a.Close() })
	wg.Go(func() { io.Copy(b, a); b.Close() })
	wg.Wait()
}

// anyConnection returns the local end of one of the client's connections.
func (r *rig) anyConnection() netip.AddrPort {
	r.c.own.mu.Lock()
	defer r.c.own.mu.Unlock()
	for k := range r.c.own.known {
		return k[0]
	}
	return netip.AddrPort{}
}

// TestOwn is rule 9: the client's own connections, by their exact ends, while they last and ten minutes longer.
func TestOwn(t *testing.T) {
	col := newTestCollector(t)
	r := newRig(t, func(c *Config) { c.Token = col.token() })
	r.add(200)
	r.all(col)
	server := netip.MustParseAddrPort(col.address())
	seen := 0
	col.set(func() {
		for a := range col.connected {
			local := netip.MustParseAddrPort(a)
			mapped := netip.AddrPortFrom(netip.AddrFrom16(local.Addr().As16()), local.Port())
			if !r.c.Own(local, server) || !r.c.Own(server, local) || !r.c.Own(mapped, server) {
				t.Errorf("%s is not known", local)
			}
			if r.c.Own(netip.AddrPortFrom(local.Addr(), local.Port()^1), server) || r.c.Own(local, netip.AddrPortFrom(server.Addr(), 9)) {
				t.Error("a neighbour passes for the client's own")
			}
			seen++
		}
	})
	if seen < 2 {
		t.Errorf("%d connections; want one to enrol and one to deliver", seen)
	}
	r.stop()
	if !r.c.Own(r.anyConnection(), server) {
		t.Error("forgotten at the close")
	}
	l := newConnections()
	for i := range 1000 {
		l.add(&net.TCPConn{}).key[0] = netip.AddrPort{}
		if i > 0 {
			l.known[[2]netip.AddrPort{netip.AddrPortFrom(server.Addr(), uint16(i)), server}] = time.Now()
		}
	}
	if n := len(l.known); n > ownMax+2 {
		t.Errorf("%d connections remembered", n)
	}
}

// TestNothingIsLeftBehind: when Run has returned, so has all it started.
func TestNothingIsLeftBehind(t *testing.T) {
	col := newTestCollector(t)
	before := runtime.NumGoroutine()
	for range 3 {
		r := newRig(t, func(c *Config) { c.Token = col.token() })
		r.add(200)
		r.until("delivery", func() bool { return r.s.Stats().Pending == 0 })
		r.stop()
	}
	col.srv.CloseClientConnections()
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
