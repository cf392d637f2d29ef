package uplink

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 10 * time.Second
	pingInterval  = 20 * time.Second // and 10 s for the answer: a dead idle connection ends within 30 s
	idleTimeout   = 80 * time.Second // below the collector's 90 s
)

// newTransport returns a transport for one collector. A connection that the peer no longer serves ends within 10 s when
// something is under way and within 30 s when idle.
func (c *Client) newTransport(config *tls.Config) *http.Transport {
	// HTTP/2 pings the connection; TCP's own keep-alive twice as often would only wake the host and its meter.
	d := &net.Dialer{KeepAlive: -1, Control: setUserTimeout}
	return &http.Transport{
		Proxy:                  c.proxy,
		OnProxyConnectResponse: proxyAnswer,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if c.own.sealed.Load() {
				return nil, errLost
			}
			nc, err := dial(ctx, d.DialContext, address)
			if err != nil {
				return nil, err
			}
			return c.own.add(nc), nil
		},
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           1,
		MaxConnsPerHost:        1,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
		ReadBufferSize:         2 << 10,
		WriteBufferSize:        4 << 10,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:               pingInterval,
			PingTimeout:                   answerTimeout,
			WriteByteTimeout:              writeTimeout,
			MaxReceiveBufferPerStream:     64 << 10,
			MaxReceiveBufferPerConnection: 64 << 10,
		},
	}
}

// proxy says by which proxy to go, and remembers it.
func (c *Client) proxy(r *http.Request) (*url.URL, error) {
	u, err := c.c.Proxy(r)
	name := ""
	if u != nil {
		name = u.Redacted()
	}
	c.count(func(s *Stats) { s.Proxy = name })
	return u, err
}

// connect returns a transport to the current address and what ends its connections.
func (c *Client) connect(config *tls.Config) (http.RoundTripper, func()) {
	if c.c.transport != nil {
		return c.c.transport(c.address()), func() {}
	}
	t := c.newTransport(config)
	return t, t.CloseIdleConnections
}

// transport returns the transport in use.
func (c *Client) transport() http.RoundTripper {
	if c.rt == nil {
		c.rt, c.rtHangUp = c.connect(c.trusted())
	}
	return c.rt
}

// hangUp ends all connections.
func (c *Client) hangUp() {
	if c.rt != nil {
		c.rtHangUp()
		c.rt, c.rtHangUp = nil, nil
	}
	c.own.closeAll()
}
