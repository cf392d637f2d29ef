package uplink

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// responder is a DNS server on the loopback interface.
type responder struct {
	conn net.PacketConn

	mu      sync.Mutex
	silent  bool
	broken  bool                                // answers SERVFAIL
	srv     map[string][]dnsmessage.SRVResource // by name with its dot
	hosts   map[string][4]byte
	queries []string
}

// newResponder runs a DNS server that the client's look-ups go to, whatever resolv.conf says.
func newResponder(t *testing.T) *responder {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{conn: conn, srv: map[string][]dnsmessage.SRVResource{}, hosts: map[string][4]byte{}}
	var wg sync.WaitGroup
	wg.Go(r.serve)
	resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return askServer(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		conn.Close()
		wg.Wait()
		resolver = &net.Resolver{Dial: askServer}
	})
	return r
}

func (r *responder) set(f func()) { r.mu.Lock(); defer r.mu.Unlock(); f() }

func (r *responder) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := r.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var q dnsmessage.Message
		if q.Unpack(buf[:n]) != nil || len(q.Questions) != 1 {
			continue
		}
		if a := r.answer(&q); a != nil {
			r.conn.WriteTo(a, from)
		}
	}
}

func (r *responder) answer(q *dnsmessage.Message) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := q.Questions[0].Name.String()
	r.queries = append(r.queries, q.Questions[0].Type.String()+" "+name)
	if r.silent {
		return nil
	}
	a := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, RecursionAvailable: true}, Questions: q.Questions}
	h := dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 1}
	host, isHost := r.hosts[name]
	switch {
	case r.broken:
		a.RCode = dnsmessage.RCodeServerFailure
	case q.Questions[0].Type == dnsmessage.TypeSRV:
		for _, s := range r.srv[name] {
			a.Answers = append(a.Answers, dnsmessage.Resource{Header: h, Body: &s})
		}
	case isHost && q.Questions[0].Type == dnsmessage.TypeA:
		a.Answers = append(a.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: host}})
	}
	if !isHost && len(a.Answers) == 0 && !r.broken {
		a.RCode = dnsmessage.RCodeNameError
	}
	b, err := a.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func srv(priority, weight int, target string, port string) dnsmessage.SRVResource {
	var p uint16
	fmt.Sscan(port, &p)
	return dnsmessage.SRVResource{Priority: uint16(priority), Weight: uint16(weight), Target: dnsmessage.MustNewName(target), Port: p}
}

// named returns a test collector that is known in DNS as collector.a.test, and its port.
func named(t *testing.T, r *responder) (col *testCollector, port string) {
	col = newTestCollector(t)
	col.srv.Close()
	col.start(col.ca.server(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "collector.a.test"), "127.0.0.1:0")
	r.set(func() { r.hosts["collector.a.test."] = [4]byte{127, 0, 0, 1} })
	_, port, _ = net.SplitHostPort(col.address())
	return col, port
}

const service = "_argus-collector._tcp."

// TestDiscovery finds a collector in the search domains: one has none, one says so, the third names two of which the preferred one is down.
func TestDiscovery(t *testing.T) {
	dns := newResponder(t)
	col, port := named(t, dns)
	approve, _ := approvals(col)
	approve()
	dns.set(func() {
		dns.hosts["down.a.test."] = [4]byte{127, 0, 0, 9}
		dns.srv[service+"none.test."] = []dnsmessage.SRVResource{srv(0, 0, ".", "0")}
		dns.srv[service+"a.test."] = []dnsmessage.SRVResource{srv(20, 0, "collector.a.test.", port), srv(10, 0, "down.a.test.", "9")}
	})
	r := newRig(t, func(c *Config) { c.Domains = func() []string { return []string{"empty.test", "none.test", "a.test"} } })
	r.add(100)
	r.wait("delivery", false, func() bool { return r.s.Stats().Pending == 0 })
	if c := r.c.Stats().Collector; c != "collector.a.test:"+port {
		t.Errorf("delivers to %s", c)
	}
	dns.set(func() {
		var order []string
		for _, q := range dns.queries {
			if name, ok := strings.CutPrefix(q, "TypeSRV "+service); ok {
				order = append(order, name)
			} else if !strings.HasSuffix(q, " down.a.test.") && !strings.HasSuffix(q, " collector.a.test.") {
				t.Errorf("asked for %s", q)
			}
		}
		if !slices.Equal(order, []string{"empty.test.", "none.test.", "a.test."}) {
			t.Errorf("SRV queries: %v", order)
		}
	})
	// Enrolled, it needs no SRV record any more.
	r.stop()
	dns.set(func() { dns.srv, dns.queries = nil, nil })
	r.start(func(c *Config) { c.Domains = func() []string { return []string{"a.test"} } })
	r.add(10)
	r.all(col)
	dns.set(func() {
		if slices.ContainsFunc(dns.queries, func(q string) bool { return strings.HasPrefix(q, "TypeSRV") }) {
			t.Errorf("asked %v", dns.queries)
		}
	})
}

// TestDNSComesLate is fault 13: names cannot be looked up when the host starts, because nobody answers or the server is broken. Within 5 s of DNS working
// the collector has what was waiting, whether it is found in DNS or only looked up there.
func TestDNSComesLate(t *testing.T) {
	t.Parallel() // it waits most of its time; no other parallel test looks up names
	for _, broken := range []bool{false, true} {
		for _, discover := range []bool{false, true} {
			t.Run(fmt.Sprintf("broken %v discover %v", broken, discover), func(t *testing.T) {
				dns := newResponder(t)
				col, port := named(t, dns)
				approve, _ := approvals(col)
				approve()
				dns.set(func() {
					dns.silent, dns.broken = !broken, broken
					dns.srv[service+"a.test."] = []dnsmessage.SRVResource{srv(0, 0, "collector.a.test.", port)}
				})
				r := newRig(t, func(c *Config) {
					c.gap = time.Second // as in real life
					if c.Domains = func() []string { return []string{"a.test"} }; !discover {
						c.Collectors = []string{"collector.a.test:" + port}
					}
				})
				r.add(100)
				r.wait("a failure", false, func() bool { return r.c.Stats().Attempts > 0 })
				dns.set(func() { dns.silent, dns.broken = false, false })
				begin := time.Now()
				r.wait("delivery", false, func() bool { return r.s.Stats().Pending == 0 })
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("connected %v after DNS worked", d)
				} else {
					t.Logf("measured: connected %v after DNS worked", d)
				}
			})
		}
	}
}

// TestDNSLies is fault 13: the name of the collector leads to somebody else. TLS refuses, and nothing is sent.
func TestDNSLies(t *testing.T) {
	dns := newResponder(t)
	col, port := named(t, dns)
	liar := &testCollector{t: t, ca: newAuthority("Liar"), journal: col.journal, connected: map[string]bool{}}
	liar.start(liar.ca.server(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "collector.a.test"), "127.0.0.2:"+port)
	token := wire.Token{Collectors: []string{"collector.a.test:" + port}, CA: col.pin(), Secret: col.secret}.String()
	dns.set(func() { dns.hosts["collector.a.test."] = [4]byte{127, 0, 0, 2} })
	r := newRig(t, func(c *Config) { c.Token = token })
	r.add(100)
	r.until("a refusal", func() bool { return r.c.Stats().Attempts > 1 })
	if reason := r.c.Stats().Reason; !strings.Contains(reason, "does not show the CA") {
		t.Errorf("reason %q", reason)
	}
	liar.set(func() {
		if liar.requests > 0 {
			t.Errorf("%d requests reached the liar", liar.requests)
		}
	})
	dns.set(func() { dns.hosts["collector.a.test."] = [4]byte{127, 0, 0, 1} })
	r.all(col)
}

// TestImpatience: a first name server that never answers leaves the second one its time.
func TestImpatience(t *testing.T) {
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	dns := newResponder(t)
	dns.set(func() { dns.hosts["collector.a.test."] = [4]byte{192, 0, 2, 1} })
	var asked atomic.Int32
	resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if asked.Add(1) <= 2 { // A and AAAA
			return askServer(ctx, "udp", dead.LocalAddr().String())
		}
		return askServer(ctx, "udp", dns.conn.LocalAddr().String())
	}}
	found, err := lookup(t.Context(), "collector.a.test")
	if err != nil || len(found) != 1 || asked.Load() < 3 {
		t.Errorf("%v, %v after %d questions", found, err, asked.Load())
	}
}

// TestCollectorMoves: what an agent found in DNS it looks for there again when it has been away for long.
func TestCollectorMoves(t *testing.T) {
	dns := newResponder(t)
	col, port := named(t, dns)
	approve, _ := approvals(col)
	approve()
	dns.set(func() { dns.srv[service+"a.test."] = []dnsmessage.SRVResource{srv(0, 0, "collector.a.test.", port)} })
	config := func(c *Config) { c.Domains = func() []string { return []string{"a.test"} } }
	r := newRig(t, config)
	r.add(10)
	r.all(col)
	r.stop()
	col.srv.CloseClientConnections()
	col.srv.Close()
	col.start(col.srv.TLS.Certificates[0], "127.0.0.1:0")
	_, port, _ = net.SplitHostPort(col.address())
	dns.set(func() { dns.srv[service+"a.test."] = []dnsmessage.SRVResource{srv(0, 0, "collector.a.test.", port)} })
	r.start(func(c *Config) { config(c); c.moved = 100 * time.Millisecond })
	r.add(10)
	r.wait("delivery where it is now", false, func() bool { return r.s.Stats().Pending == 0 })
	if n := col.enrolled; n != 1 {
		t.Errorf("enrolled %d times", n)
	}
}
