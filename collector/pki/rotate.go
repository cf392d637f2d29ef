package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// CA is what is told of one of the authorities.
type CA struct {
	Fingerprint string    `json:"fingerprint"` // SHA-256 of its certificate, as in tokens made while it proved the collector
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"` // itself, unless it was imported
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Issues      bool      `json:"issues"`   // new certificates; otherwise it is only trusted still
	Monitors    int       `json:"monitors"` // whose latest certificate it has signed, those revoked left out
}

// CAs returns the authorities, the one that issues first.
func (a *Authority) CAs() ([]CA, error) {
	if err := a.readNow(); err != nil {
		return nil, err
	}
	list, err := a.Monitors()
	if err != nil {
		return nil, err
	}
	var all []CA
	for i, c := range a.cas.Load().list {
		all = append(all, CA{c.fingerprint(), c.cert.Subject.String(), c.cert.Issuer.String(), c.cert.NotBefore, c.cert.NotAfter, i == 0, a.holders(list, i)})
	}
	return all, nil
}

// holders counts the monitors whose latest certificate is from authority n. Those of a version that did not note it have it from the oldest.
func (a *Authority) holders(list []Monitor, n int) (count int) {
	cas := a.cas.Load().list
	for _, m := range list {
		if m.Revoked || m.Issued.IsZero() {
			continue
		}
		if m.Issuer == cas[n].fingerprint() || m.Issuer == "" && n == len(cas)-1 {
			count++
		}
	}
	return count
}

func (a *Authority) readNow() error {
	a.reading.Lock()
	defer a.reading.Unlock()
	return a.read()
}

// Rotate makes a new authority that issues from now on. The present one stays trusted, and is what monitors know the collector by that have no
// certificate of the new one yet, until Retire.
func (a *Authority) Rotate() error {
	c, err := newCA(a.now())
	if err != nil {
		return err
	}
	return a.introduce(c)
}

// Import is Rotate to an authority that is given: cert and key in PEM, such as an intermediate authority of a company. While no token has been
// made and no monitor has enrolled it takes the place of the present one instead.
func (a *Authority) Import(cert, key []byte) error {
	c, err := parseCA(cert, key)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if err := c.fit(a.now()); err != nil {
		return fmt.Errorf("import: the authority %q cannot be used: %w", c.cert.Subject, err)
	}
	for _, prefix := range []string{tokensPrefix, monitorsPrefix} {
		names, err := a.state.List(prefix)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return a.introduce(c)
		}
	}
	if err := a.readNow(); err != nil {
		return err
	}
	if err := a.put([]ca{c}, a.cas.Load().revision); err != nil {
		return err
	}
	return a.readNow()
}

// fit tells why an authority of somebody else's making cannot issue what is needed, by trying.
func (c *ca) fit(now time.Time) error {
	if now.Before(c.cert.NotBefore) || now.Add(ClientLife).After(c.cert.NotAfter) {
		return fmt.Errorf("it is good from %s to %s: it must be good now and for %d days more", c.cert.NotBefore.Format(timeFormat), c.cert.NotAfter.Format(timeFormat), ClientLife/24/time.Hour)
	}
	if !c.cert.IsCA {
		return errors.New("its certificate is not that of an authority (basic constraint CA)")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.cert)
	try := &Authority{now: func() time.Time { return now }}
	for usage, t := range map[x509.ExtKeyUsage]*x509.Certificate{
		x509.ExtKeyUsageClientAuth: try.clientTemplate([16]byte{15: 1}),
		x509.ExtKeyUsageServerAuth: serverTemplate(now, []string{"localhost"}),
	} {
		der, err := c.sign(t, &key.PublicKey)
		if err != nil {
			return err
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			return err
		}
	}
	return nil
}

// introduce makes next the authority that issues.
func (a *Authority) introduce(next ca) error {
	if err := a.readNow(); err != nil {
		return err
	}
	cas := a.cas.Load()
	if len(cas.list) > 1 {
		return fmt.Errorf("the authority before this one, %.16s, is trusted still: retire it first (argus-collector ca retire)", cas.list[1].fingerprint())
	}
	present := cas.list[0]
	if present.fingerprint() == next.fingerprint() {
		return errors.New("that authority is in use already")
	}
	next, err := present.introduce(next)
	if err != nil {
		return err
	}
	present.cross = nil
	return a.change([]ca{next, present}, cas.revision)
}

// change writes the authorities unless another process has changed them.
func (a *Authority) change(list []ca, revision uint64) error {
	err := a.put(list, revision)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("somebody else has changed the authorities at this moment: look at them and try again: %w", err)
	}
	if err != nil {
		return err
	}
	return a.readNow()
}

// Retire ends the trust in the authority before the present one. It is refused, with their number, while there are monitors that have
// no certificate of the present one, unless force is set: they have to enrol anew, with a new token.
func (a *Authority) Retire(force bool) error {
	list, err := a.Monitors()
	if err != nil {
		return err
	}
	if err := a.readNow(); err != nil {
		return err
	}
	cas := a.cas.Load()
	if len(cas.list) < 2 {
		return errors.New("there is one authority only: rotate first")
	}
	if n := a.holders(list, 1); n > 0 && !force {
		return fmt.Errorf("the latest certificate of %d host(s) is from the old authority: without it they would have to enrol anew, with a new token; wait for them, revoke those that are gone, or use --force", n)
	}
	present := cas.list[0]
	present.cross = nil
	return a.change([]ca{present}, cas.revision)
}
