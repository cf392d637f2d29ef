package receive

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// These tests are for Linux: every address of 127.0.0.0/8 is there without being set up.

func TestHalfOpenConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLive(t, func(c *Config) { c.Strangers, c.StrangersPerAddress, c.StrangerTimeout = 8, 4, 300*time.Millisecond })
	open := l.silent(t, "", 40)
	await.Event(t, 10*time.Second, "all have arrived", func() bool { s := l.Stats(); return s.Strangers+int(s.TurnedAway) > 0 && s.Connections <= 40 })
	l.agent(t, "").mustPost("behind 40 silent ones of its own address")
	l.agent(t, "127.0.0.2").mustPost("beside them")
	for _, c := range open {
		ended(t, c, 10*time.Second)
	}
	await.Event(t, 10*time.Second, "only the two agents are left", func() bool { s := l.Stats(); return s.Connections == 2 && s.Strangers == 0 })
}

func TestStrangersOfOneAddressKeepNobodyElseOut(t *testing.T) {
	l := newLive(t, func(c *Config) { c.Strangers, c.StrangersPerAddress, c.StrangerTimeout = 8, 6, time.Minute })
	known := l.agent(t, "127.0.0.3")
	known.mustPost("at the beginning")
	l.silent(t, "127.0.0.4", 50)
	l.silent(t, "127.0.0.5", 50)
	await.Event(t, 10*time.Second, "the places are full", func() bool { return l.Stats().Strangers > 50 })
	begun := time.Now()
	for _, from := range []string{"127.0.0.6", "127.0.0.7", "127.0.0.8"} {
		l.agent(t, from).mustPost("from " + from)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("three agents got in within %v", took)
	}
	known.mustPost("while strangers crowd")
	if s := l.Stats(); s.TurnedAway == 0 || s.Strangers > 200 {
		t.Errorf("%+v", s)
	}
}

func TestConnectionsAreBoundedAndMonitorsStay(t *testing.T) {
	l := newLive(t, func(c *Config) { c.Connections, c.StrangerTimeout = 10, time.Minute })
	var agents []*peerAgent
	for range 5 {
		a := l.agent(t, "")
		a.mustPost("first")
		agents = append(agents, a)
	}
	l.silent(t, "127.0.0.9", 30)
	await.Event(t, 10*time.Second, "the rest is turned away", func() bool { return l.Stats().TurnedAway >= 20 })
	if s := l.Stats(); s.Connections > 10 {
		t.Errorf("%d connections of 10", s.Connections)
	}
	for _, a := range agents {
		a.mustPost("on the connection that it had")
	}
	l.agent(t, "").mustPost("a new one")
	if s := l.Stats(); s.Connections > 10 {
		t.Errorf("%d connections of 10", s.Connections)
	}
}

func TestMonitorKeepsItsLatestConnections(t *testing.T) {
	l := newLive(t, func(c *Config) { c.ConnectionsPerMonitor = 3 })
	a := l.agent(t, "")
	var first *tls.Conn
	for n := range 10 { // as an agent does whose network takes its connections away without a word
		c, err := tls.Dial("tcp", l.addr, &tls.Config{InsecureSkipVerify: true, Certificates: a.conf.Certificates, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := a.request().Write(c); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		if _, err := c.Read(buf); err != nil || string(buf[:12]) != "HTTP/1.1 204" {
			t.Fatalf("connection %d: %q, %v", n, buf, err)
		}
		if n == 0 {
			first = c
		}
	}
	ended(t, first, 20*time.Second)
	await.Event(t, 10*time.Second, "three are left", func() bool { return l.Stats().Connections == 3 })
}

func TestBalancerTellsTheAddress(t *testing.T) {
	l := newLive(t, func(c *Config) {
		c.TrustProxy = []netip.Prefix{netip.MustParsePrefix("127.0.1.0/24")}
		c.Strangers, c.StrangersPerAddress, c.StrangerTimeout = 100, 2, time.Minute
	})
	through := func(client string, header bool) net.Conn {
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.1.1")}}).Dial("tcp", l.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if header {
			h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.ParseIP(client), Port: 1}, c.RemoteAddr())
			if _, err := h.WriteTo(c); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	for range 6 {
		through("192.0.2.66", true) // one host floods through the balancer
	}
	await.Event(t, 10*time.Second, "they wait", func() bool { return l.Stats().Strangers == 6 })
	var wg sync.WaitGroup
	for n := range 4 { // and the others behind it are not held for the same one
		a := l.agent(t, "")
		wg.Go(func() {
			c := tls.Client(through("192.0.2."+number(n+1), true), &tls.Config{InsecureSkipVerify: true, Certificates: a.conf.Certificates, NextProtos: []string{"http/1.1"}})
			if err := a.request().Write(c); err != nil {
				t.Error(err)
			}
			buf := make([]byte, 12)
			if _, err := c.Read(buf); err != nil || string(buf) != "HTTP/1.1 204" {
				t.Errorf("%q, %v", buf, err)
			}
		})
	}
	wg.Wait()
	// A balancer that tells nothing is not configured; a peer that claims to be one is none.
	bare := through("", false)
	if err := tls.Client(bare, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Error("a balancer without its header was let in")
	}
	claims := l.silent(t, "127.0.0.2", 1)[0]
	h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IP{192, 0, 2, 1}, Port: 1}, claims.RemoteAddr())
	if _, err := h.WriteTo(claims); err != nil {
		t.Fatal(err)
	}
	if err := tls.Client(claims, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Error("an address was believed to a stranger")
	}
}

func TestGateUnderChurn(t *testing.T) {
	l := newLive(t, func(c *Config) {
		c.Connections, c.Strangers, c.StrangersPerAddress, c.StrangerTimeout = 40, 16, 4, 20*time.Millisecond
	})
	var wg sync.WaitGroup
	var agents []*peerAgent
	for n := range 8 {
		a := l.agent(t, "127.0.2."+number(n+1))
		agents = append(agents, a)
		wg.Go(func() {
			for range 20 {
				for _, c := range l.silent(t, "127.0.2."+number(n+1), 5) {
					c.Close()
				}
				a.post() // it may be put out here: this is about the counts
				a.client.CloseIdleConnections()
			}
		})
	}
	wg.Wait()
	await.Event(t, 10*time.Second, "everything is gone", func() bool {
		for _, a := range agents {
			a.client.CloseIdleConnections() // one that was in use a moment ago stays open
		}
		s := l.Stats()
		return s.Connections == 0 && s.Strangers == 0
	})
	g := l.gate.Load()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.addresses)+len(g.monitors)+len(g.ready)+g.strangers+g.waiting != 0 {
		t.Errorf("%d addresses, %d monitors, %d ready, %d strangers, %d waiting are remembered", len(g.addresses), len(g.monitors), len(g.ready), g.strangers, g.waiting)
	}
}

func TestUnfinishedHandshakeTakesTenSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	t.Parallel()
	l := newLive(t, nil)
	c := l.silent(t, "", 1)[0]
	begun := time.Now()
	if _, err := c.Write([]byte{0x16, 0x03, 0x01, 0x02, 0x00}); err != nil { // the head of a record of 512 octets that never come
		t.Fatal(err)
	}
	ended(t, c, 15*time.Second)
	if took := time.Since(begun); took < handshakeTimeout-time.Second {
		t.Errorf("closed after %v", took)
	}
}
