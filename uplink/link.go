package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 10 * time.Second
	pingInterval  = 30 * time.Second
	idleTimeout   = 80 * time.Second // below the collector's 90 s
)

// newTransport returns a transport for one collector. A connection that the peer no longer serves ends within 10 s when
// something is under way and within 40 s when idle.
func (c *Client) newTransport(config *tls.Config) *http.Transport {
	// HTTP/2 pings the connection; TCP's own keep-alive twice as often would only wake the host and its meter.
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: -1, Control: setUserTimeout}
	return &http.Transport{
		Proxy: c.c.Proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := d.DialContext(ctx, network, address)
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

// pinned returns the TLS settings of enrolment: the collector proves itself by the CA whose hash the token carries.
func pinned(address string, ca [32]byte) *tls.Config {
	host, _, _ := net.SplitHostPort(address)
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it, with the token's CA as the only root
		VerifyConnection: func(cs tls.ConnectionState) error {
			for _, cert := range cs.PeerCertificates {
				if certHash(cert) == ca {
					pool := x509.NewCertPool()
					pool.AddCert(cert)
					return verifyPeer(cs.PeerCertificates, pool, host)
				}
			}
			return errors.New("the collector does not show the CA of the enrolment token: another collector, or something between that inspects TLS")
		},
	}
}

// verifyPeer checks a collector's chain against the given roots and the name that was dialled.
func verifyPeer(chain []*x509.Certificate, roots *x509.CertPool, host string) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

// explain adds to an error what helps to tell its cause: clocks for times, what was expected for names and issuers.
func explain(err error) error {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return fmt.Errorf("the collector's certificate is valid from %s to %s and this host's clock says %s: one of the two is wrong: %w",
			e.Cert.NotBefore.UTC().Format(time.RFC3339), e.Cert.NotAfter.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339), err)
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		issuer := "unknown"
		if e.Cert != nil {
			issuer = e.Cert.Issuer.String()
		}
		return fmt.Errorf("the collector's certificate is from %q and not from the CA of this monitor's enrolment: another collector, or something between that inspects TLS: %w", issuer, err)
	}
	return err
}

// refusedByTLS tells whether the collector ended the handshake because of this monitor's certificate.
func refusedByTLS(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}

// trusted returns the TLS settings of everything but enrolment with a token.
func (c *Client) trusted() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		RootCAs:            c.id.roots,
		ClientSessionCache: c.sessions,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c.id.cert == nil {
				return &tls.Certificate{}, nil
			}
			return c.id.cert, nil
		},
	}
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
