package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/platform/netconf"
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
		found := "none is known: records stay in the spool"
		if d.config.Discover {
			found += fmt.Sprintf("; _argus-collector._tcp is looked for in %q", netconf.SearchDomains())
		}
		d.bad("collector", found,
			"put an enrolment token (argus-collector token create) into "+filepath.Join(d.config.State, "token"))
		return
	}
	var known []string // fingerprints of CAs
	switch {
	case s != nil && s.Uplink.CA != "": // an old token may know a CA that is no more
		known = strings.Fields(s.Uplink.CA)
	case token != nil:
		known = []string{hex.EncodeToString(token.CA[:])}
	}
	for _, a := range addresses {
		if d.resolves(ctx, a) {
			d.answers(ctx, a, known)
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
	req := &http.Request{URL: &url.URL{Scheme: "https", Host: address}}
	if u, err := d.config.ProxyOf(req); err == nil && u != nil {
		return true // the proxy looks it up
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

// answers makes the TLS connection that the agent would make, by its proxy, as far as one can without its key.
func (d *doctor) answers(ctx context.Context, address string, known []string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var chain []*x509.Certificate
	by := ""
	t := &http.Transport{
		DisableKeepAlives: true,
		Proxy: func(r *http.Request) (*url.URL, error) {
			u, err := d.config.ProxyOf(r)
			if u != nil {
				by = " by the proxy " + u.Redacted()
			}
			return u, err
		},
		// Who it is, is judged below: the collector's CA is no public one.
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyConnection: func(cs tls.ConnectionState) error {
			chain = cs.PeerCertificates
			return nil
		}},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+wire.PathDurable, nil)
	if err != nil {
		d.bad("collector", err.Error(), "correct --collector")
		return
	}
	resp, err := t.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if len(chain) == 0 {
		d.bad("collector", fmt.Sprintf("%s%s: %v", address, by, err), "see whether it runs, and whether a firewall or proxy is between (--proxy)")
		return
	}
	d.judge(address, by, chain, known)
}

// judge looks whether a collector's chain has one of the CAs that are known, if any are, and at its times.
func (d *doctor) judge(address, by string, chain []*x509.Certificate, known []string) {
	found := len(known) == 0
	for _, cert := range chain {
		found = found || slices.Contains(known, wire.Fingerprint(cert.Raw))
	}
	if !found {
		d.bad("collector", fmt.Sprintf("%s%s answers with the certificate of %.100q, which is not this host's collector: CA %s is wanted", address, by,
			chain[0].Issuer.String(), strings.Join(known, " or ")),
			"a proxy may inspect TLS: exempt this address; or the token is of another collector")
		return
	}
	if now := time.Now(); now.Before(chain[0].NotBefore) || now.After(chain[0].NotAfter) {
		d.bad("collector", fmt.Sprintf("%s: its certificate is valid from %s to %s, and this clock says %s", address,
			chain[0].NotBefore.UTC().Format(time.RFC3339), chain[0].NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)),
			"set the clock, or renew the collector's certificate")
		return
	}
	d.ok("collector", address+by+" answers")
}
