package uplink

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ownFor = 10 * time.Minute // a closed connection's last packets and records come this late
	ownMax = 256
)

// connections remembers the client's TCP connections by their addresses.
type connections struct {
	mu     sync.RWMutex
	known  map[[2]netip.AddrPort]time.Time // local, remote -> time of the close, zero while open
	live   map[*conn]bool
	made   uint64
	sealed atomic.Bool // no other may be made now
}

// errLost is the answer to who needs another connection while none may be made.
var errLost = errors.New("the connection has ended")

// conn is a TCP connection whose writes end: a peer that does not read cannot hold the client.
type conn struct {
	net.Conn
	list *connections
	key  [2]netip.AddrPort
}

const writeTimeout = 10 * time.Second

func (c *conn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	c.list.mu.Lock()
	if c.list.live[c] {
		delete(c.list.live, c)
		c.list.known[c.key] = time.Now()
	}
	c.list.mu.Unlock()
	return c.Conn.Close()
}

func newConnections() *connections {
	return &connections{known: map[[2]netip.AddrPort]time.Time{}, live: map[*conn]bool{}}
}

// add takes a new connection into the list.
func (l *connections) add(nc net.Conn) *conn {
	c := &conn{Conn: nc, list: l, key: [2]netip.AddrPort{addrPort(nc.LocalAddr()), addrPort(nc.RemoteAddr())}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	l.known[c.key] = time.Time{}
	l.live[c] = true
	l.made++
	return c
}

// forget makes room: what was closed long ago goes, and the oldest if there are too many.
func (l *connections) forget() {
	for len(l.known) > 0 {
		var oldest [2]netip.AddrPort
		var at time.Time
		for k, closed := range l.known {
			if !closed.IsZero() && (at.IsZero() || closed.Before(at)) {
				oldest, at = k, closed
			}
		}
		if at.IsZero() || time.Since(at) < ownFor && len(l.known) < ownMax {
			return
		}
		delete(l.known, oldest)
	}
}

func (l *connections) closeAll() {
	l.mu.Lock()
	all := make([]*conn, 0, len(l.live))
	for c := range l.live {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

func (l *connections) has(src, dst netip.AddrPort) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, k := range [][2]netip.AddrPort{{src, dst}, {dst, src}} {
		if closed, ok := l.known[k]; ok && (closed.IsZero() || time.Since(closed) < ownFor) {
			return true
		}
	}
	return false
}

func (l *connections) count() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.made
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return plain(t.AddrPort())
}

// plain removes what a packet does not show: the IPv4-in-IPv6 form and the zone.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Own tells whether src and dst, in either order, are the ends of a TCP connection that the client has now or had within
// the last ten minutes. The agent counts such flows apart, so that a record never causes a record.
func (c *Client) Own(src, dst netip.AddrPort) bool { return c.own.has(plain(src), plain(dst)) }
