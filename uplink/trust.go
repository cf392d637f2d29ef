package uplink

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// trusted returns the TLS settings of everything but a first enrolment.
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

// judged returns TLS settings under which judge alone decides about the chain that the collector shows.
func judged(judge func(chain []*x509.Certificate) error) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection:   func(cs tls.ConnectionState) error { return judge(cs.PeerCertificates) },
	}
}

// pinned returns the TLS settings of an enrolment whose collector proves itself by the CA with this hash.
func pinned(host string, ca [sha256.Size]byte) *tls.Config {
	return judged(func(chain []*x509.Certificate) error {
		for _, cert := range chain {
			if sha256.Sum256(cert.Raw) == ca {
				return verifyPeer(chain, poolOf(cert), host)
			}
		}
		return fmt.Errorf("the collector does not show the CA %x of the enrolment token but %s: another collector, or something between that inspects TLS",
			ca, shown(chain))
	})
}

// firstUse returns the TLS settings of an enrolment that has nothing to know the collector by. One that the system's authorities vouch for by its
// name is good. Else the CA that it shows is kept before anything is sent, and no other is taken from then on.
func (c *Client) firstUse(host string) *tls.Config {
	return judged(func(chain []*x509.Certificate) error {
		err := verifyPeer(chain, nil, host)
		if err == nil {
			return nil
		}
		ca := chain[len(chain)-1]
		if !ca.IsCA || len(chain) < 2 {
			return fmt.Errorf("the collector shows no CA, and the system's authorities do not know it: %w", err)
		}
		if err := verifyPeer(chain, poolOf(ca), host); err != nil {
			return err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
		if err := c.id.write(caFile, text); err != nil {
			return err
		}
		c.id.trust(text)
		c.count(func(s *Stats) { s.CA = c.id.authorities() })
		c.c.Log.Warn("this collector's CA is trusted from now on because it was the first one seen; compare it with: argus-collector ca show",
			zap.String("code", "uplink-first-use"), zap.String("collector", c.address()), zap.String("ca", wire.Fingerprint(ca.Raw)))
		return nil
	})
}

// enrolling returns the TLS settings to enrol with: by the token's CA, else the configured one, else the one kept, else the first one seen.
func (c *Client) enrolling() *tls.Config {
	host, _, _ := net.SplitHostPort(c.address())
	switch {
	case c.token != nil:
		return pinned(host, c.token.CA)
	case c.c.CA != [sha256.Size]byte{}:
		return pinned(host, c.c.CA)
	case c.id.roots != nil:
		return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: c.id.roots}
	}
	return c.firstUse(host)
}

func poolOf(ca *x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}

// verifyPeer checks a collector's chain against the given roots (the system's if nil) and the name that was dialled.
func verifyPeer(chain []*x509.Certificate, roots *x509.CertPool, host string) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

// shown is the fingerprint of the last certificate of a chain, which in a collector's is its CA.
func shown(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return "none"
	}
	return wire.Fingerprint(chain[len(chain)-1].Raw)
}

// authorities returns the fingerprints of the CAs that a collector is known by.
func (id *identity) authorities() string {
	var all []string
	for block, rest := pem.Decode(id.ca); block != nil; block, rest = pem.Decode(rest) {
		all = append(all, wire.Fingerprint(block.Bytes))
	}
	return strings.Join(all, " ")
}

// bundle is the fingerprint of the CA certificates as a collector gave them (wire.HeaderCA).
func (id *identity) bundle() string {
	h := sha256.Sum256(id.ca)
	return hex.EncodeToString(h[:])
}

// trust takes CA certificates in PEM as the only ones that a collector may have. It reports whether there is one.
func (id *identity) trust(text []byte) bool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return false
	}
	id.roots, id.ca = pool, bytes.Clone(text)
	return true
}

// explain adds to an error what helps to tell its cause: clocks for times, what was expected for names and issuers.
func (c *Client) explain(err error) error {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return fmt.Errorf("the collector's certificate is valid from %s to %s and this host's clock says %s: one of the two is wrong: %w",
			e.Cert.NotBefore.UTC().Format(time.RFC3339), e.Cert.NotAfter.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339), err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("what answers does not speak TLS: a captive portal, or another service: %w", err)
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		issuer, other := "unknown", ""
		if e.Cert != nil {
			issuer = e.Cert.Issuer.String()
		}
		if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			other = shown(v.UnverifiedCertificates)
		}
		return fmt.Errorf("the collector's certificate is from %.100q, CA %s, and not from the CA that this monitor knows, %s: another collector, or something between that inspects TLS: %w",
			issuer, other, c.id.authorities(), err)
	}
	return err
}

// refusedByTLS tells whether the collector ended the handshake because of this monitor's certificate.
func refusedByTLS(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}

// ended tells whether an error is only that the attempt was given up.
func ended(err error) bool { return errors.Is(err, context.Canceled) }
