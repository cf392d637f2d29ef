package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// Verify returns the monitor of a connection's certificates, or a *Refusal that says what is wrong with them. It is for
// every request: what it says is never older than recheck.
func (a *Authority) Verify(peer []*x509.Certificate) (uuid.UUID, error) {
	return a.verify(peer, 0)
}

// verify also takes a certificate that has ended no longer than late ago.
func (a *Authority) verify(peer []*x509.Certificate, late time.Duration) (uuid.UUID, error) {
	if len(peer) == 0 {
		return uuid.Nil, refuse(StatusUnauthorized, "no client certificate: enrol first")
	}
	leaf, now, cas := peer[0], a.now(), a.authorities()
	if now.Before(leaf.NotBefore) || now.Add(-late).After(leaf.NotAfter) {
		return uuid.Nil, refuse(StatusUnauthorized, "client certificate is good from %s to %s and the collector's clock says %s",
			leaf.NotBefore.Format(timeFormat), leaf.NotAfter.Format(timeFormat), now.UTC().Format(timeFormat))
	}
	sum := sha256.Sum256(leaf.Raw)
	known, ok := a.verified.get(sum)
	if ok && known.cas == cas && now.Sub(known.read) < recheck {
		return known.monitor, nil
	}
	if !ok || known.cas != cas {
		var err error
		if known, err = a.signed(leaf, now); err != nil {
			a.verified.remove(sum)
			return uuid.Nil, err
		}
	}
	if err := a.counts(known); err != nil {
		a.verified.remove(sum)
		return uuid.Nil, err
	}
	known.read = now
	a.verified.put(sum, known)
	return known.monitor, nil
}

const timeFormat = "2006-01-02T15:04:05Z07:00"

// signed tells which monitor's a certificate is that one of the authorities has issued. The time has been looked at.
func (a *Authority) signed(leaf *x509.Certificate, now time.Time) (v verdict, err error) {
	v.cas = a.authorities()
	err = v.cas.issued(leaf, now)
	if err != nil { // another receiver may know a new authority already
		v.cas = a.latestAuthorities()
		err = v.cas.issued(leaf, now)
	}
	if err != nil {
		return v, refuse(StatusUnauthorized, "client certificate is not of this collector: enrol again")
	}
	if v.monitor, err = wire.MonitorOf(leaf.URIs); err != nil {
		return v, refuse(StatusForbidden, "%v", err)
	}
	if v.key, err = keyHash(leaf.PublicKey); err != nil {
		return v, refuse(StatusForbidden, "%v", err)
	}
	return v, nil
}

// issued checks a client certificate's signature and purpose.
func (s *authorities) issued(leaf *x509.Certificate, now time.Time) error {
	if now.After(leaf.NotAfter) {
		now = leaf.NotAfter
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: s.roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

// counts tells whether the monitor may use the key of its certificate now.
func (a *Authority) counts(v verdict) error {
	m, _, err := load[Monitor](a.state, monitorName(v.monitor))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(StatusUnauthorized, "monitor %s is not known here: enrol again", v.monitor)
	case err != nil:
		return err
	case m.Revoked:
		return revoked(v.monitor)
	case m.Key != v.key:
		return refuse(StatusForbidden, "monitor %s has another key now: enrol again", v.monitor)
	}
	return nil
}

// verdict is what is known of a good certificate: it saves the signature's check on every request and, of a busy monitor,
// the reading of its record.
type verdict struct {
	monitor uuid.UUID
	key     string
	cas     *authorities // by whom it was found good
	read    time.Time    // when the monitor's record said so
}

// verdicts are kept by the SHA-256 of the certificate, for as long as it is in use.
type verdicts struct {
	mu    sync.Mutex
	good  map[[sha256.Size]byte]verdict
	swept time.Time
}

// forgetAfter is how long a verdict on a certificate that is not seen is kept: longer than an idle agent is silent.
const forgetAfter = 5 * time.Minute

func (c *verdicts) get(sum [sha256.Size]byte) (verdict, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.good[sum]
	return v, ok
}

func (c *verdicts) put(sum [sha256.Size]byte, v verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.good == nil {
		c.good = map[[sha256.Size]byte]verdict{}
	}
	c.good[sum] = v
	if v.read.Sub(c.swept) < forgetAfter {
		return
	}
	c.swept = v.read
	for sum, old := range c.good {
		if v.read.Sub(old.read) > forgetAfter {
			delete(c.good, sum)
		}
	}
}

func (c *verdicts) remove(sum [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.good, sum)
}

// keyHash returns the hexadecimal SHA-256 of a public key (its SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7) of a kind
// that monitors may have.
func keyHash(public any) (string, error) {
	ec, isEC := public.(*ecdsa.PublicKey)
	if _, isEd := public.(ed25519.PublicKey); !isEd && (!isEC || ec.Curve != elliptic.P256()) {
		return "", refuse(StatusNonsense, "a monitor's key is P-256 or Ed25519")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", refuse(StatusNonsense, "%v", err)
	}
	return wire.Fingerprint(der), nil
}
