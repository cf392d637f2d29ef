package receive

import (
	"container/list"
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/pires/go-proxyproto"
)

// gate stands before TLS. A connection is a stranger until a request on it has shown a certificate that counts; of those there are
// only so many, together and from one address, and only for so long. What is too much from one address waits without
// a handshake; when all places are taken, the oldest stranger of the address that has most of them makes room. A monitor that is known is never
// in the way of that, and never put out for it; only its own oldest connection ends when it opens too many.
type gate struct {
	net.Listener
	limits Limits
	proxy  []netip.Prefix

	turnedAway atomic.Uint64

	mu        sync.Mutex
	arrived   sync.Cond // there is something in ready, or closed
	ready     []*conn   // for Accept
	closed    bool
	all       map[*conn]bool
	strangers int
	waiting   int
	addresses map[netip.Addr]*address
	monitors  map[uuid.UUID]*list.List // of *conn, the oldest first
}

// address is where strangers are from.
type address struct {
	strangers list.List // of *conn, the oldest first
	waiting   list.List // of *conn, the oldest first
}

func newGate(ln net.Listener, c *Config) *gate {
	g := &gate{Listener: ln, limits: c.Limits, proxy: c.TrustProxy,
		all: map[*conn]bool{}, addresses: map[netip.Addr]*address{}, monitors: map[uuid.UUID]*list.List{}}
	g.arrived.L = &g.mu
	return g
}

// run takes connections until the listener is closed, and returns when everything it started has ended.
func (g *gate) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		nc, err := g.Listener.Accept()
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			if err == nil {
				nc.Close()
			}
			return nil
		}
		if err != nil { // no descriptor left, or a connection that ended while it waited
			select {
			case <-time.After(acceptRetry):
			case <-ctx.Done():
			}
			continue
		}
		if g.isProxy(ipOf(nc)) {
			wg.Go(func() { g.admitProxied(ctx, nc) })
		} else {
			g.admit(nc)
		}
	}
}

const (
	acceptRetry       = 20 * time.Millisecond
	proxyTimeout      = 5 * time.Second
	maxWait           = 10 * time.Second // what waits longer for its handshake has given up
	maxHandshakeQueue = 16_384
)

func (g *gate) isProxy(from netip.Addr) bool {
	for _, p := range g.proxy {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

// admitProxied takes the peer's address from a balancer, which must tell it first (PROXY protocol).
func (g *gate) admitProxied(ctx context.Context, nc net.Conn) {
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	pc := proxyproto.NewConn(nc, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(proxyTimeout))
	if pc.ProxyHeader() == nil {
		g.turnedAway.Add(1)
		nc.Close()
		return
	}
	g.admit(pc)
}

// admit lets a connection in, lets it wait, or closes it.
func (g *gate) admit(nc net.Conn) {
	c := &conn{Conn: nc, gate: g, from: network(ipOf(nc))}
	g.mu.Lock()
	out := g.enter(c)
	g.mu.Unlock()
	if out != nil {
		g.turnedAway.Add(1)
		out.Close()
	}
}

// enter finds a place for c and returns who has none now: nobody, c, or another. The caller holds g.mu and closes it.
func (g *gate) enter(c *conn) (out *conn) {
	if g.closed {
		c.gone = true
		return c
	}
	if len(g.all) >= g.limits.Connections {
		if out = g.crowd(); out == nil {
			c.gone = true
			return c
		}
		g.leave(out, false)
	}
	g.all[c] = true
	a := g.addresses[c.from]
	if a == nil {
		a = &address{}
		g.addresses[c.from] = a
	}
	if a.strangers.Len() >= g.limits.StrangersPerAddress {
		if g.waiting >= maxHandshakeQueue {
			g.leave(c, false)
			return c
		}
		g.waiting++
		c.in, c.place = &a.waiting, a.waiting.PushBack(c)
		c.timer = time.AfterFunc(maxWait, func() { c.Close() })
		return out
	}
	if g.strangers >= g.limits.Strangers {
		out = g.crowd()
		g.leave(out, false)
	}
	g.begin(c)
	return out
}

// crowd returns the oldest stranger of the address that has most of them, nil when there is none. The caller holds g.mu.
func (g *gate) crowd() (oldest *conn) {
	most := 0
	for _, a := range g.addresses {
		if n := a.strangers.Len(); n > most {
			most, oldest = n, a.strangers.Front().Value.(*conn)
		}
	}
	return oldest
}

// begin lets c begin its handshake. The caller holds g.mu.
func (g *gate) begin(c *conn) {
	a := g.addresses[c.from]
	if a == nil { // the last one from there has just made room
		a = &address{}
		g.addresses[c.from] = a
	}
	g.strangers++
	c.in, c.place = &a.strangers, a.strangers.PushBack(c)
	c.timer = time.AfterFunc(g.limits.StrangerTimeout, func() { c.Close() })
	g.ready = append(g.ready, c)
	g.arrived.Signal()
}

// leave takes c out of all lists; refill lets one that waited have its place. The caller holds g.mu.
func (g *gate) leave(c *conn, refill bool) {
	if !c.gone {
		c.gone = true
		delete(g.all, c)
		g.unlist(c, refill)
	}
}

// unlist takes c out of the list that it is in. The caller holds g.mu.
func (g *gate) unlist(c *conn, refill bool) {
	in, a := c.in, g.addresses[c.from]
	if in == nil {
		return
	}
	in.Remove(c.place)
	c.in, c.place = nil, nil
	if in == g.monitors[c.monitor] {
		if in.Len() == 0 {
			delete(g.monitors, c.monitor)
		}
		return
	}
	c.timer.Stop()
	if in == &a.waiting {
		g.waiting--
	} else {
		g.strangers--
		if first := a.waiting.Front(); refill && first != nil {
			next := first.Value.(*conn)
			g.unlist(next, false)
			g.begin(next)
		}
	}
	if a.strangers.Len()+a.waiting.Len() == 0 && g.addresses[c.from] == a {
		delete(g.addresses, c.from)
	}
}

// Accept returns the next connection that may begin its handshake.
func (g *gate) Accept() (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		switch {
		case g.closed:
			return nil, net.ErrClosed
		case len(g.ready) > 0:
			c := g.ready[0]
			g.ready[0], g.ready = nil, g.ready[1:]
			return c, nil
		}
		g.arrived.Wait()
	}
}

// Close ends the listener and those connections that nobody serves yet.
func (g *gate) Close() error {
	g.mu.Lock()
	g.closed = true
	unserved := g.ready
	g.ready = nil
	for _, a := range g.addresses {
		for e := a.waiting.Front(); e != nil; e = e.Next() {
			unserved = append(unserved, e.Value.(*conn))
		}
	}
	g.arrived.Broadcast()
	g.mu.Unlock()
	for _, c := range unserved {
		c.Close()
	}
	return g.Listener.Close()
}

// end closes the listener and every connection.
func (g *gate) end() {
	g.Close()
	g.mu.Lock()
	left := slices.Collect(maps.Keys(g.all))
	g.mu.Unlock()
	for _, c := range left {
		c.Close()
	}
}
