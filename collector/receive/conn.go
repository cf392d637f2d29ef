package receive

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gofrs/uuid/v5"
)

// conn is a connection as the gate knows it.
type conn struct {
	net.Conn
	gate    *gate
	from    netip.Addr // an IPv6 network of 64 bits counts as one address
	timer   *time.Timer
	known   atomic.Bool // its monitor is
	gone    bool        // guarded by gate.mu, as what follows
	monitor uuid.UUID
	place   *list.Element // in strangers, waiting or a list of monitors
	in      *list.List    // which of them
}

// ipv6Network is how many bits one customer of a provider has at least.
const ipv6Network = 64

// ipOf returns the address of a peer.
func ipOf(nc net.Conn) netip.Addr {
	if t, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// network returns the address by which a peer is counted.
func network(ip netip.Addr) netip.Addr {
	if !ip.Is6() {
		return ip
	}
	p, _ := ip.Prefix(ipv6Network) // an IPv6 address has that many bits
	return p.Addr()
}

// Close ends the connection and gives its place to another.
func (c *conn) Close() error {
	c.gate.mu.Lock()
	c.gate.leave(c, true)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

// belongs tells that a request on the connection has proved to be a monitor's: it is no stranger any more.
func (c *conn) belongs(monitor uuid.UUID) {
	if c == nil || c.known.Load() { // its certificate never changes
		return
	}
	if oldest := c.gate.recognise(c, monitor); oldest != nil {
		oldest.Close()
	}
}

// recognise moves c to the connections of its monitor, and returns the one that is too much, if any.
func (g *gate) recognise(c *conn, monitor uuid.UUID) (oldest *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.gone || c.known.Swap(true) {
		return nil
	}
	g.unlist(c, true)
	c.monitor = monitor
	l := g.monitors[monitor]
	if l == nil {
		l = list.New()
		g.monitors[monitor] = l
	}
	c.in, c.place = l, l.PushBack(c)
	if l.Len() <= g.limits.ConnectionsPerMonitor {
		return nil
	}
	return l.Front().Value.(*conn)
}

// connKey is the key of the context's *conn.
type connKey struct{}

// withConn lets requests find the connection on which they came.
func withConn(ctx context.Context, nc net.Conn) context.Context {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, nc)
}

// connOf returns the connection of a request, nil when it did not come through a gate.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}
