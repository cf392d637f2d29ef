package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// reaches tells whether an agent that trusts these authorities, and nothing else, takes the receiver's chain.
func (b *bench) reaches(chain []*x509.Certificate, trusted ...*x509.Certificate) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range trusted {
		roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, Intermediates: between, CurrentTime: b.clock})
	return err
}

// bundle returns the certificates of an EnrollResponse.CA.
func bundle(t testing.TB, text string) (list []*x509.Certificate) {
	t.Helper()
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func TestRotationKeepsEverybodyIn(t *testing.T) {
	b := newBench(t)
	receiver := b.beside() // another receiver on the same state, which is told nothing
	conf, err := receiver.ServerTLS(func() []string { return []string{"localhost"} })
	if err != nil {
		t.Fatal(err)
	}
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	oldToken, _, err := b.CreateToken([]string{"h:1"}, time.Hour, 0, Labels{})
	if err != nil {
		t.Fatal(err)
	}
	oldCert, err := b.enroll(key, id, oldToken.Secret.String())
	if err != nil {
		t.Fatal(err)
	}
	oldCA, oldBundle := b.cas.Load().current().cert, b.Bundle()

	if err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	newCA := b.cas.Load().current().cert
	if newCA.Equal(oldCA) || b.Bundle() == oldBundle {
		t.Fatal("the authority is the same after its rotation")
	}
	if err := b.Rotate(); err == nil || !strings.Contains(err.Error(), "retire") {
		t.Errorf("a second rotation before the old one is retired: %v", err)
	}
	resp, err := b.Renew(oldCert, &wire.RenewRequest{CSR: csr(t, key, id)})
	if err != nil {
		t.Fatal(err)
	}
	newCert, trusted := b.parse(resp), bundle(t, resp.CA)
	if len(trusted) != 2 || wire.Fingerprint([]byte(resp.CA)) != b.Bundle() || newCert[0].CheckSignatureFrom(newCA) != nil {
		t.Fatalf("renewal gave %d authorities, certificate by %v", len(trusted), newCert[0].Issuer)
	}
	b.clock = b.clock.Add(time.Second / 2) // it looks again when it sees a certificate of an authority that it does not know
	if got, err := receiver.Verify(newCert); err != nil || got != id {
		t.Errorf("the other receiver, at once: %v", err)
	}
	if _, err := receiver.Verify(oldCert); err != nil {
		t.Errorf("certificate of the old authority: %v", err)
	}
	b.clock = b.clock.Add(recheck)
	chain := chainOf(t, conf)
	if receiver.Bundle() != b.Bundle() || chain[len(chain)-1].Equal(newCA) {
		t.Error("the other receiver does not follow, or does not show the old authority last")
	}
	newToken, _, err := b.CreateToken([]string{"h:1"}, time.Hour, 0, Labels{})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"knows the old":  b.reaches(chain, oldCA),
		"knows the new":  b.reaches(chain, newCA),
		"knows both":     b.reaches(chain, trusted...),
		"with old token": b.pinned(chain, oldToken.CA),
		"with new token": b.pinned(chain, newToken.CA),
	} {
		if err != nil {
			t.Errorf("an agent that %s is not let in: %v", name, err)
		}
	}
	if newToken.CA == oldToken.CA {
		t.Error("a new token is bound to the old authority")
	}
}

// pinned is what an agent with a token does.
func (b *bench) pinned(chain []*x509.Certificate, print [32]byte) error {
	for _, c := range chain {
		if wire.Fingerprint(c.Raw) == hexOf(print) {
			return b.reaches(chain, c)
		}
	}
	return os.ErrNotExist
}

func TestRetireWaitsForTheLastHost(t *testing.T) {
	b := newBench(t)
	if err := b.Retire(true); err == nil {
		t.Error("the only authority was retired")
	}
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	old, err := b.enroll(key, id, b.token(0))
	if err != nil {
		t.Fatal(err)
	}
	gone := uuid.Must(uuid.NewV4())
	if _, err := b.enroll(newKey(t), gone, b.token(0)); err != nil {
		t.Fatal(err)
	}
	if err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := b.Retire(false); err == nil || !strings.Contains(err.Error(), "2 host(s)") {
		t.Errorf("with 2 hosts on the old authority: %v", err)
	}
	if err := b.Revoke(gone); err != nil {
		t.Fatal(err)
	}
	resp, err := b.Renew(old, &wire.RenewRequest{CSR: csr(t, key, id)})
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.CAs()
	if err != nil || len(list) != 2 || !list[0].Issues || list[0].Monitors != 1 || list[1].Monitors != 0 {
		t.Errorf("authorities %+v, %v", list, err)
	}
	if err := b.Retire(false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Verify(old); err == nil {
		t.Error("a certificate of a retired authority is good")
	}
	if _, err := b.Verify(b.parse(resp)); err != nil {
		t.Error(err)
	}
	if list, _ = b.CAs(); len(list) != 1 {
		t.Errorf("authorities %+v after retiring one", list)
	}
}

// foreign makes an intermediate authority of a company, as PEM.
func foreign(t testing.TB, change func(*x509.Certificate)) (cert, key []byte) {
	t.Helper()
	root, err := newCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := template(time.Now(), caLife)
	c.Subject = pkix.Name{CommonName: "Example Corp sensors"}
	c.IsCA, c.BasicConstraintsValid, c.MaxPathLenZero, c.KeyUsage = true, true, true, x509.KeyUsageCertSign
	change(c)
	der, err := root.sign(c, &own.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return encodeCertificate(der), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text})
}

func TestImportTakesThePlaceOrRotates(t *testing.T) {
	b := newBench(t)
	cert, key := foreign(t, func(*x509.Certificate) {})
	if err := b.Import(cert, key); err != nil {
		t.Fatal(err)
	}
	if list, err := b.CAs(); err != nil || len(list) != 1 || list[0].Subject != "CN=Example Corp sensors" || list[0].Issuer == list[0].Subject {
		t.Fatalf("authorities %+v, %v", list, err)
	}
	hostKey, id := newKey(t), uuid.Must(uuid.NewV4())
	old, err := b.enroll(hostKey, id, b.token(0))
	if err != nil {
		t.Fatal(err)
	}
	imported := b.cas.Load().current().cert
	// It may not sign another authority: hosts that know only this one must get in all the same.
	if err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	conf, err := b.ServerTLS(func() []string { return []string{"localhost"} })
	if err != nil {
		t.Fatal(err)
	}
	chain := chainOf(t, conf)
	resp, err := b.Renew(old, &wire.RenewRequest{CSR: csr(t, hostKey, id)})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.reaches(chain, imported); err != nil {
		t.Errorf("a host that knows only the imported authority: %v", err)
	}
	if err := b.reaches(chain, bundle(t, resp.CA)...); err != nil {
		t.Errorf("a host that knows both: %v", err)
	}
	if err := b.pinned(chain, b.Fingerprint()); err != nil {
		t.Errorf("a host with a new token: %v", err)
	}
	if err := b.Retire(false); err != nil {
		t.Fatal(err)
	}
	// At once: what the authority tells a host that renews and the chain of its receiver never disagree.
	if err := b.reaches(chainOf(t, conf), bundle(t, resp.CA)...); err != nil {
		t.Errorf("after the old one is retired: %v", err)
	}
	if _, err := b.Verify(b.parse(resp)); err != nil {
		t.Error(err)
	}
}

func TestImportRefusesWhatCannotWork(t *testing.T) {
	b := newBench(t)
	before := b.Fingerprint()
	good, key := foreign(t, func(*x509.Certificate) {})
	_, other := foreign(t, func(*x509.Certificate) {})
	leaf, leafKey := foreign(t, func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero, c.MaxPathLen = false, false, -1 })
	old, oldKey := foreign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(24 * time.Hour) })
	narrow, narrowKey := foreign(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	for name, pair := range map[string][2][]byte{
		"another key":      {good, other},
		"no certificate":   {key, key},
		"no key":           {good, good},
		"not an authority": {leaf, leafKey},
		"ends tomorrow":    {old, oldKey},
		"only for servers": {narrow, narrowKey},
		"encrypted":        {good, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY"})},
	} {
		if err := b.Import(pair[0], pair[1]); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if b.Fingerprint() != before {
		t.Error("a refused import changed the authority")
	}
}

func TestAuthorityOfAnOlderVersionIsTakenOver(t *testing.T) {
	c, err := newCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.entry()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "pki")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, oldCA), []byte(e.Key+e.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Fingerprint(); hexOf(got) != c.fingerprint() {
			t.Error("another authority than before")
		}
		a.Close()
	}
	if _, err := os.Stat(filepath.Join(dir, oldCA)); err == nil {
		t.Error("the old file is there still")
	}
}
