package uplink

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// program returns the path of a program that a test needs; in CI it must be there.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// TestHalfOpen is fault 16: the path is cut and neither end is told. A busy connection is given up within 10 s, an idle one within 30 s, nothing is freed,
// and afterwards all is there once.
func TestHalfOpen(t *testing.T) {
	if os.Getenv("ENDTOEND") != "1" {
		t.Skip("takes 40 s: make faults runs it")
	}
	nft := program(t, "nft", "/usr/sbin/nft")
	if !netns.Inside(t) {
		return
	}
	cut := func(port string) {
		netns.Run(t, nft, fmt.Sprintf("add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add rule inet cut in tcp dport %s drop; add rule inet cut in tcp sport %s drop", port, port))
	}
	for _, busy := range []bool{false, true} {
		col := newTestCollector(t)
		r := newRig(t, func(c *Config) { c.Token = col.token() })
		r.add(10)
		r.all(col)
		_, port, _ := net.SplitHostPort(col.address())
		cut(port)
		begin, limit := time.Now(), 31*time.Second
		if busy {
			limit = 12 * time.Second // 10 s from the sync
			r.add(200)
		}
		for !r.c.own.lost() {
			if time.Since(begin) > limit {
				t.Fatalf("busy %v: the connection lives for %v", busy, limit)
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Logf("measured: busy %v: given up after %v", busy, time.Since(begin).Round(100*time.Millisecond))
		if p := r.s.Stats().Pending; busy && p != 200 {
			t.Errorf("%d records pending", p)
		}
		netns.Run(t, nft, "delete", "table", "inet", "cut")
		r.all(col)
		r.stop()
	}
}

// squid runs Debian's proxy on an address until stop.
func squid(t *testing.T, address, more string) (stop func()) {
	t.Helper()
	path := program(t, "squid", "/usr/sbin/squid")
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		os.Chmod(d, 0o777) // squid works as a user of its own
	}
	conf := filepath.Join(dir, "squid.conf")
	text := fmt.Sprintf("http_port %s\npid_filename none\ncache deny all\naccess_log none\ncache_log %s/cache.log\ncoredump_dir %s\nshutdown_lifetime 0 seconds\n"+
		"cache_mem 8 MB\nnetdb_filename none\nmax_filedescriptors 256\n%s", address, dir, dir, more)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(path, "-N", "-n", fmt.Sprintf("t%d", time.Now().UnixNano()%1e6), "-f", conf)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	stop = func() { cmd.Process.Kill(); <-ended }
	t.Cleanup(stop)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return stop
		}
		if time.Now().After(deadline) {
			cache, _ := os.ReadFile(filepath.Join(dir, "cache.log"))
			t.Fatalf("squid does not come up: %s %s", &said, cache)
		}
	}
}

// TestSquid goes through Debian's squid: open, with basic authentication right and wrong, where it cannot reach the collector, and when it dies.
func TestSquid(t *testing.T) {
	program(t, "squid", "/usr/sbin/squid")
	if !netns.Inside(t) {
		return
	}
	const proxy = "127.0.0.2:3128"
	by := func(user *url.Userinfo) func(*Config) {
		return func(c *Config) { c.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy, User: user}) }
	}
	col := newTestCollector(t)
	with := func(user *url.Userinfo) func(*Config) {
		return func(c *Config) { by(user)(c); c.Token = col.token() }
	}
	refused := func(r *rig, wants ...string) {
		t.Helper()
		r.until(fmt.Sprintf("a refusal that says %q", wants), func() bool {
			reason := r.c.Stats().Reason
			return !slices.ContainsFunc(wants, func(want string) bool { return !strings.Contains(reason, want) })
		})
		if r.s.Stats().Pending == 0 {
			t.Error("records are gone")
		}
	}
	stop := squid(t, proxy, "http_access allow all\n")
	r := newRig(t, with(nil))
	r.add(100)
	r.all(col)
	if p := r.c.Stats().Proxy; p != "http://"+proxy {
		t.Errorf("by the proxy %q", p)
	}
	stop()
	r.add(100)
	refused(r, "refused")
	stop = squid(t, proxy, "http_access deny all\n")
	refused(r, "the proxy "+proxy, "403")
	stop()
	stop = squid(t, proxy, "http_access allow all\n")
	r.all(col)
	r.stop()

	nobody := newRig(t, func(c *Config) { by(nil)(c); c.Collectors = []string{"127.0.0.3:9"} })
	nobody.add(10)
	refused(nobody, "the proxy "+proxy, "503")
	nobody.stop()
	stop()

	users := filepath.Join(t.TempDir(), "users")
	os.Chmod(filepath.Dir(users), 0o755)
	os.Chmod(filepath.Dir(filepath.Dir(users)), 0o755)
	hash := netns.Run(t, "openssl", "passwd", "-1", "pass: word")
	if err := os.WriteFile(users, []byte("monitor:"+hash), 0o644); err != nil {
		t.Fatal(err)
	}
	squid(t, proxy, "auth_param basic program /usr/lib/squid/basic_ncsa_auth "+users+"\nacl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n")
	r.start(with(nil))
	r.add(100)
	refused(r, "wants a user", "407")
	r.stop()
	r.start(with(url.UserPassword("monitor", "guess")))
	refused(r, `refuses user "monitor"`, "407")
	if reason := r.c.Stats().Reason; strings.Contains(reason, "guess") {
		t.Errorf("the password is told: %q", reason)
	}
	r.stop()
	r.start(with(url.UserPassword("monitor", "pass: word")))
	r.all(col)
	if p := r.c.Stats().Proxy; strings.Contains(p, "word") || !strings.Contains(p, "monitor") {
		t.Errorf("by the proxy %q", p)
	}
}

// TestInspectingProxy is fault 14: a proxy that ends TLS itself, and a captive portal that speaks no TLS at all, get no byte of data.
func TestInspectingProxy(t *testing.T) {
	col := newTestCollector(t)
	inspector := newAuthority("Inspection")
	for name, x := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"inspecting":     {&tls.Config{Certificates: []tls.Certificate{inspector.server(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1")}}, "inspects TLS"},
		"captive portal": {nil, "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			said := make(chan string, 100)
			go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				c, _, _ := w.(http.Hijacker).Hijack()
				defer c.Close()
				io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
				if x.config == nil {
					c.Read(make([]byte, 1)) // of the greeting: what comes with the answer above is not read as TLS
					io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://portal.test/\r\n\r\n")
					io.Copy(io.Discard, c)
					return
				}
				inside := tls.Server(c, x.config)
				if inside.Handshake() == nil {
					b, _ := io.ReadAll(io.LimitReader(inside, 1))
					said <- string(b)
				}
			}))
			r := newRig(t, func(c *Config) {
				c.Token, c.Proxy = col.token(), http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String()})
			})
			r.add(100)
			r.until("a refusal", func() bool { return r.c.Stats().Attempts > 1 })
			if reason := r.c.Stats().Reason; !strings.Contains(reason, x.want) {
				t.Errorf("reason %q", reason)
			}
			r.stop()
			if len(said) > 0 && <-said != "" {
				t.Error("something was said to it")
			}
		})
	}
}

// TestGarbageAnswers is fault 16: the collector is the right one and its answers make no sense.
func TestGarbageAnswers(t *testing.T) {
	col := newTestCollector(t)
	r := newRig(t, func(c *Config) { c.Token = col.token() })
	r.add(10)
	r.all(col)
	address := col.address()
	col.srv.CloseClientConnections()
	col.srv.Close()
	l, err := tls.Listen("tcp", address, &tls.Config{Certificates: col.srv.TLS.Certificates, NextProtos: []string{"h2"}, ClientAuth: tls.RequestClientCert})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Write(bytes.Repeat([]byte("\x00\xff garbage"), 10000))
			}()
		}
	}()
	r.add(200)
	r.until("failures", func() bool { return r.c.Stats().Attempts > 5 })
	if p := r.s.Stats().Pending; p != 200 {
		t.Errorf("%d records pending", p)
	}
	l.Close()
	col.start(col.srv.TLS.Certificates[0], address)
	r.all(col)
}
