package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// A look-up that hangs must not outlast the fault by much, and a name server that is dead must leave time for the next one.
const (
	lookupTimeout = 2500 * time.Millisecond
	serverTimeout = time.Second
)

// resolver asks each name server for serverTimeout, where Go itself asks them; resolv.conf(5) would give each 5 s.
var resolver = &net.Resolver{Dial: askServer}

func askServer(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if u, ok := c.(*net.UDPConn); ok {
		return impatient{u}, err
	}
	return c, err
}

// impatient is a socket whose deadlines come soon.
type impatient struct{ *net.UDPConn }

func (c impatient) SetDeadline(t time.Time) error {
	if soon := time.Now().Add(serverTimeout); t.After(soon) {
		t = soon
	}
	return c.UDPConn.SetDeadline(t)
}

// otherFamilyAfter is how long the first address family has for itself (RFC 8305 section 8).
const otherFamilyAfter = 300 * time.Millisecond

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dial connects to host:port with one look-up, and with IPv4 and IPv6 at once when the first of them is slow. All of it takes dialTimeout at most.
func dial(ctx context.Context, connect dialFunc, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return connect(ctx, "tcp", address)
	}
	found, err := lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var family [2][]string // the one of the first address, the other one
	for _, a := range found {
		i := 0
		if a.Unmap().Is4() != found[0].Unmap().Is4() {
			i = 1
		}
		family[i] = append(family[i], net.JoinHostPort(a.String(), port))
	}
	return race(ctx, connect, family)
}

// lookup asks for the addresses of a host once: a name with a dot is taken as it stands, without the search list.
func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if strings.Contains(host, ".") && !strings.HasSuffix(host, ".") {
		host += "."
	}
	found, err := resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(found) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return found, err
}

// dialed is how a family's attempts have ended.
type dialed struct {
	conn net.Conn
	err  error
}

// race returns the first connection to any address; the second family begins when the first has failed or is slow.
func race(ctx context.Context, connect dialFunc, family [2][]string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results, slow := make(chan dialed), time.NewTimer(otherFamilyAfter)
	defer slow.Stop()
	begin := func(i int) int {
		addresses := family[i]
		if family[i] = nil; len(addresses) == 0 {
			return 0
		}
		go func() { results <- each(ctx, connect, addresses) }()
		return 1
	}
	var won net.Conn
	var errs []error
	for running := begin(0); running > 0; {
		select {
		case <-slow.C:
			running += begin(1)
			continue
		case r := <-results: // all that were begun end, soon once one has won
			running--
			if errs = append(errs, r.err); r.err == nil && won == nil {
				won = r.conn
				cancel()
			} else if r.err == nil {
				r.conn.Close()
			}
		}
		if won == nil {
			running += begin(1)
		}
	}
	if won == nil {
		return nil, errors.Join(errs...)
	}
	return won, nil
}

// each tries addresses in order.
func each(ctx context.Context, connect dialFunc, addresses []string) dialed {
	var errs []error
	for i, a := range addresses {
		conn, err := inTurn(ctx, connect, a, len(addresses)-i)
		if err == nil {
			return dialed{conn, nil}
		}
		errs = append(errs, err)
	}
	return dialed{nil, errors.Join(errs...)}
}

// inTurn connects to one address and leaves the others behind it their part of the time.
func inTurn(ctx context.Context, connect dialFunc, address string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	return connect(ctx, "tcp", address)
}

// proxyAnswer tells what it means when a proxy does not connect.
func proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, r *http.Response) error {
	switch {
	case r.StatusCode/100 == 2:
		return nil
	case r.StatusCode == http.StatusProxyAuthRequired && proxy.User == nil:
		return fmt.Errorf("the proxy %s wants a user and a password (407 Proxy Authentication Required): give them as http://USER:PASSWORD@%s", proxy.Host, proxy.Host)
	case r.StatusCode == http.StatusProxyAuthRequired:
		return fmt.Errorf("the proxy %s refuses user %q or its password (407 Proxy Authentication Required)", proxy.Host, proxy.User.Username())
	}
	return fmt.Errorf("the proxy %s does not connect to the collector: it answers %d %s", proxy.Host, r.StatusCode, http.StatusText(r.StatusCode))
}
