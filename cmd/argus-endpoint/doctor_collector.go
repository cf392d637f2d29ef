package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// collector looks up and calls each collector that the configuration or the token names, or the one that the running agent
// remembers since it enrolled. s is nil when none runs.
func (d *doctor) collector(ctx context.Context, s *agent.Status) {
	token, err := findToken(d.config)
	if err != nil {
		token = nil
		d.bad("token", err.Error(), "make one with argus-collector token create, and copy all of it")
	}
	addresses := d.config.Collectors
	if len(addresses) == 0 && token != nil {
		addresses = token.Collectors
	}
	if len(addresses) == 0 && s != nil && s.Uplink.Collector != "" {
		addresses = []string{s.Uplink.Collector}
	}
	if len(addresses) == 0 {
		d.bad("collector", "none is known: records stay in the spool",
			"put an enrolment token (argus-collector token create) into "+filepath.Join(d.config.State, "token"))
		return
	}
	for _, a := range addresses {
		if d.resolves(ctx, a) {
			d.answers(ctx, a, token)
		}
	}
}

// findToken reads the token that the agent would find, nil if there is none.
func findToken(c *agent.Config) (*wire.Token, error) {
	text, _, err := c.FindToken()
	if err != nil || text == "" {
		return nil, err
	}
	t, err := wire.ParseToken(text)
	return &t, err
}

func (d *doctor) resolves(ctx context.Context, address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		d.bad("collector", fmt.Sprintf("%q is not host:port", address), "correct --collector")
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		d.bad("name resolution", err.Error(), "see /etc/resolv.conf, or name the collector by its address")
		return false
	}
	d.ok("name resolution", host+" is "+strings.Join(found, ", "))
	return true
}

// answers makes the TLS connection that the agent would make, as far as one can without its key.
func (d *doctor) answers(ctx context.Context, address string, token *wire.Token) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// Who it is, is judged below by the token's hash: the collector's CA is no public one.
	dialer := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		d.bad("collector", fmt.Sprintf("%s: %v", address, err), "see whether it runs, and whether a firewall or proxy is between")
		return
	}
	defer c.Close()
	chain := c.(*tls.Conn).ConnectionState().PeerCertificates
	if token != nil {
		known := false
		for _, cert := range chain {
			known = known || sha256.Sum256(cert.Raw) == token.CA
		}
		if !known {
			d.bad("collector", fmt.Sprintf("%s answers with the certificate of %s, which is not the token's collector", address, chain[0].Issuer),
				"a proxy may inspect TLS: exempt this address; or the token is of another collector")
			return
		}
	}
	if now := time.Now(); now.Before(chain[0].NotBefore) || now.After(chain[0].NotAfter) {
		d.bad("collector", fmt.Sprintf("%s: its certificate is valid from %s to %s, and this clock says %s", address,
			chain[0].NotBefore.UTC().Format(time.RFC3339), chain[0].NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)),
			"set the clock, or renew the collector's certificate")
		return
	}
	d.ok("collector", address+" answers")
}
