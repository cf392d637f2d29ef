package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// bench is an authority with a clock that the test turns.
type bench struct {
	*testing.T
	*Authority
	dir   string
	clock time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, dir: filepath.Join(t.TempDir(), "pki"), clock: time.Now()}
	b.Authority = b.beside()
	return b
}

// beside opens the same authority as another process does.
func (b *bench) beside() *Authority {
	b.Helper()
	a, err := open(b.dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Close() })
	a.now = func() time.Time { return b.clock }
	return a
}

func open(dir string) (*Authority, error) {
	s, err := Folder(dir)
	if err != nil {
		return nil, err
	}
	return Open(s)
}

func (b *bench) monitor(id uuid.UUID) Monitor {
	b.Helper()
	m, _, err := load[Monitor](b.state, monitorName(id))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func (b *bench) token(uses int) string {
	b.Helper()
	tok, _, err := b.CreateToken([]string{"soc.example.net:4561"}, time.Hour, uses, Labels{Label: "test"})
	if err != nil {
		b.Fatal(err)
	}
	return tok.Secret.String()
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func csr(t testing.TB, key crypto.Signer, id uuid.UUID) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{wire.MonitorURI(id)}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func (b *bench) enroll(key crypto.Signer, id uuid.UUID, secret string) ([]*x509.Certificate, error) {
	b.Helper()
	resp, err := b.Enroll(&wire.EnrollRequest{Secret: secret, Monitor: id, Name: "h1\x1b[31m", CSR: csr(b, key, id)})
	if err != nil {
		return nil, err
	}
	return b.parse(resp), nil
}

func (b *bench) parse(resp *wire.EnrollResponse) []*x509.Certificate {
	b.Helper()
	cert, err := parseCertificate([]byte(resp.Certificate))
	if err != nil {
		b.Fatal(err)
	}
	return []*x509.Certificate{cert}
}

// mustRefuse fails unless err is a Refusal with the status and words.
func (b *bench) mustRefuse(err error, status int, words string) {
	b.Helper()
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.Status != status || !strings.Contains(r.Reason, words) {
		b.Errorf("got %#v (%v), want status %d with %q", r, err, status, words)
	}
}

func TestEnrolVerifyRenew(t *testing.T) {
	b := newBench(t)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{newKey(t), edKey} {
		id := uuid.Must(uuid.NewV4())
		cert, err := b.enroll(key, id, b.token(1))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Verify(cert); err != nil || got != id {
			t.Fatalf("Verify: %v, %v; want %v", got, err, id)
		}
		b.clock = b.clock.Add(60 * 24 * time.Hour)
		resp, err := b.Renew(cert, &wire.RenewRequest{CSR: csr(t, key, id)})
		if err != nil {
			t.Fatal(err)
		}
		renewed := b.parse(resp)
		b.clock = b.clock.Add(60 * 24 * time.Hour)
		_, err = b.Verify(cert)
		b.mustRefuse(err, StatusUnauthorized, "clock")
		if got, err := b.Verify(renewed); err != nil || got != id {
			t.Errorf("renewed certificate: %v, %v", got, err)
		}
		// Asleep for too long to renew: the key that is known here is enough.
		b.clock = b.clock.Add(200 * 24 * time.Hour)
		if cert, err = b.enroll(key, id, ""); err != nil {
			t.Errorf("enrolment with the known key and no token: %v", err)
		} else if _, err := b.Verify(cert); err != nil {
			t.Error(err)
		}
	}
	list, err := b.Monitors()
	if err != nil || len(list) != 2 || list[0].Name != "h1[31m" {
		t.Errorf("monitors %+v, %v: want 2 with a name without control characters", list, err)
	}
}

func TestRenewalIsForTheSameMonitorAndKey(t *testing.T) {
	b := newBench(t)
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	cert, err := b.enroll(key, id, b.token(0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Renew(cert, &wire.RenewRequest{CSR: csr(t, newKey(t), id)})
	b.mustRefuse(err, StatusNonsense, "old certificate")
	_, err = b.Renew(cert, &wire.RenewRequest{CSR: csr(t, key, uuid.Must(uuid.NewV4()))})
	b.mustRefuse(err, StatusNonsense, "old certificate")
	_, err = b.Renew(nil, &wire.RenewRequest{CSR: csr(t, key, id)})
	b.mustRefuse(err, StatusUnauthorized, "no client certificate")
}

func TestTokensThatDoNotCount(t *testing.T) {
	b := newBench(t)
	fresh := func(secret string) error {
		_, err := b.enroll(newKey(t), uuid.Must(uuid.NewV4()), secret)
		return err
	}
	b.mustRefuse(fresh(wire.NewSecret().String()), StatusForbidden, "did not make")
	b.mustRefuse(fresh("../../ca"), StatusForbidden, "43 characters")

	twice := b.token(2)
	if err := errors.Join(fresh(twice), fresh(twice)); err != nil {
		t.Fatal(err)
	}
	b.mustRefuse(fresh(twice), StatusForbidden, "used")

	_, info, err := b.CreateToken([]string{"h:1"}, time.Hour, 0, Labels{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.RevokeToken(info.ID[:8]); err != nil {
		t.Fatal(err)
	}
	list, err := b.Tokens()
	if err != nil || len(list) != 2 {
		t.Fatalf("tokens %v, %v; want 2", list, err)
	}
	if _, err := b.RevokeToken(""); err == nil {
		t.Error("an empty prefix revoked a token")
	}

	old := b.token(0)
	b.clock = b.clock.Add(time.Hour)
	b.mustRefuse(fresh(old), StatusForbidden, "expired")
}

func TestRevokedTokenIsRefused(t *testing.T) {
	b := newBench(t)
	tok, info, err := b.CreateToken([]string{"h:1"}, time.Hour, 0, Labels{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.RevokeToken(info.ID); err != nil {
		t.Fatal(err)
	}
	_, err = b.enroll(newKey(t), uuid.Must(uuid.NewV4()), tok.Secret.String())
	b.mustRefuse(err, StatusForbidden, "revoked")
}

func TestSecretIsNotKept(t *testing.T) {
	b := newBench(t)
	secret := b.token(0)
	files, err := filepath.Glob(filepath.Join(b.dir, "tokens", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil || strings.Contains(files[0]+string(content), secret) {
		t.Errorf("the secret stands in %s (%v)", files[0], err)
	}
}

func TestNonsenseRequests(t *testing.T) {
	b := newBench(t)
	id := uuid.Must(uuid.NewV4())
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	broken := []byte(csr(t, newKey(t), id))
	block, _ := pem.Decode(broken)
	block.Bytes[len(block.Bytes)-1] ^= 1
	for name, req := range map[string]*wire.EnrollRequest{
		"empty":           {Monitor: id},
		"other monitor":   {Monitor: uuid.Must(uuid.NewV4()), CSR: csr(t, newKey(t), id)},
		"broken":          {Monitor: id, CSR: string(pem.EncodeToMemory(block))},
		"RSA":             {Monitor: id, CSR: csr(t, rsaKey, id)},
		"nil UUID":        {Monitor: uuid.Nil, CSR: csr(t, newKey(t), uuid.Nil)},
		"not PEM of kind": {Monitor: id, CSR: string(encodeCertificate(b.cas.Load().current().cert.Raw))},
	} {
		_, err := b.Enroll(req)
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Status != StatusNonsense {
			t.Errorf("%s: %v, want status 422", name, err)
		}
	}
}

func TestForeignCertificateIsRefused(t *testing.T) {
	mine, other := newBench(t), newBench(t)
	cert, err := other.enroll(newKey(t), uuid.Must(uuid.NewV4()), other.token(0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = mine.Verify(cert)
	mine.mustRefuse(err, StatusUnauthorized, "not of this collector")
	conf, err := mine.ServerTLS(func() []string { return []string{"localhost"} })
	if err != nil {
		t.Fatal(err)
	}
	server := chainOf(t, conf)[0]
	_, err = mine.Verify([]*x509.Certificate{server})
	mine.mustRefuse(err, StatusUnauthorized, "not of this collector")
}
