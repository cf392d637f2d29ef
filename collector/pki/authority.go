package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
)

const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 365 * 24 * time.Hour
	// ClientLife is how long a monitor's certificate is good; the monitor renews it from half of that.
	ClientLife = 90 * 24 * time.Hour
	// backdate lets a certificate count at once on a machine whose clock is a little behind.
	backdate = time.Hour
)

// Authority is the certificate authority in one folder. Its methods may be called from several goroutines,
// and several processes may work on one folder.
type Authority struct {
	root *os.Root
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  func() time.Time

	change   sync.Mutex // held from begin to end
	mu       sync.Mutex // guards verified
	verified map[uuid.UUID]cachedMonitor
}

// Open opens the authority in the folder dir, and makes it when there is none.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	a := &Authority{root: root, now: time.Now, verified: map[uuid.UUID]cachedMonitor{}}
	if err := a.load(); err != nil {
		root.Close()
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return a, nil
}

// Close releases the folder.
func (a *Authority) Close() error { return a.root.Close() }

// Fingerprint is the SHA-256 of the authority's certificate, which tokens carry.
func (a *Authority) Fingerprint() [sha256.Size]byte { return sha256.Sum256(a.cert.Raw) }

func (a *Authority) load() error {
	for _, dir := range []string{"tokens", "monitors"} {
		if err := a.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := a.checkModes(); err != nil {
		return err
	}
	text, err := a.root.ReadFile(caFile)
	if errors.Is(err, fs.ErrNotExist) {
		if enrolled, _ := fs.ReadDir(a.root.FS(), "monitors"); len(enrolled) > 0 {
			return fmt.Errorf("%s is lost: restore it from a backup, or remove the folder monitors too to begin anew: every monitor must enrol again", caFile)
		}
		if err := a.create(); err != nil {
			return err
		}
		text, err = a.root.ReadFile(caFile)
	}
	if err != nil {
		return err
	}
	if err := a.parse(text); err != nil {
		return fmt.Errorf("%s is damaged: %w; restore it from a backup: with a new one every monitor must enrol again", caFile, err)
	}
	return nil
}

// caFile holds the authority's key and certificate: one file, so that there is never one without the other.
const caFile = "ca.pem"

func (a *Authority) parse(text []byte) (err error) {
	block, rest := pem.Decode(text)
	if a.key, err = parseKey(block); err != nil {
		return err
	}
	if a.cert, err = parseCertificate(rest); err != nil {
		return err
	}
	if !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return errors.New("the certificate is of another key")
	}
	return nil
}

// create makes the authority's key and certificate, unless another process does so first (the first start of a collector
// beside the first token): then there is that one's.
func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	t := template(a.now(), caLife)
	t.Subject = pkix.Name{CommonName: "Argus collector CA"}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	cert, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), encodeCertificate(cert)...)
	if err := a.place(caFile, text, a.root.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// sign issues a certificate for a public key.
func (a *Authority) sign(t *x509.Certificate, public any) ([]byte, error) {
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	return x509.CreateCertificate(rand.Reader, t, a.cert, public, a.key)
}

func template(now time.Time, life time.Duration) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // rand.Reader never fails since Go 1.24
	}
	return &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    now.Add(-backdate).UTC(),
		NotAfter:     now.Add(life).UTC(),
	}
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func parseCertificate(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

func parseKey(block *pem.Block) (*ecdsa.PrivateKey, error) {
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("no PEM private key")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("not a P-256 key")
	}
	return key, nil
}
