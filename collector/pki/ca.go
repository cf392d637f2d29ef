package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 365 * 24 * time.Hour
	// ClientLife is how long a monitor's certificate is good; the monitor renews it from half of that.
	ClientLife = 90 * 24 * time.Hour
	// backdate lets a certificate count at once on a machine whose clock is a little behind.
	backdate = time.Hour
)

// ca is one certificate authority.
type ca struct {
	cert  *x509.Certificate
	key   crypto.Signer
	cross *x509.Certificate // cert's name and key, signed by the authority before this one; nil: there is none, or it may not sign others
}

func (c *ca) fingerprint() string { return wire.Fingerprint(c.cert.Raw) }

// authorities is what State's "ca" says; it is never changed once made.
type authorities struct {
	list     []ca // the one that issues first; a second is trusted too until it is retired
	revision uint64
	roots    *x509.CertPool
	bundle   []byte // PEM of all, for EnrollResponse.CA
}

// current issues the certificates of monitors.
func (s *authorities) current() *ca { return &s.list[0] }

// server issues the certificate of the collector. During a rotation from an authority that may not sign the new one that is the
// old one still: monitors that know no other must get in.
func (s *authorities) server() *ca {
	if last := len(s.list) - 1; s.list[0].cross == nil {
		return &s.list[last]
	}
	return &s.list[0]
}

// chain returns what follows the collector's own certificate in its TLS chain.
func (s *authorities) chain() (chain [][]byte) {
	if cross := s.list[0].cross; cross != nil {
		chain = append(chain, cross.Raw)
	}
	for _, c := range s.list {
		chain = append(chain, c.cert.Raw)
	}
	return chain
}

// caEntry is one authority in State's "ca".
type caEntry struct {
	Certificate string `json:"certificate"` // PEM
	Key         string `json:"key"`         // PEM, PKCS #8
	Cross       string `json:"cross,omitempty"`
}

type caValue struct {
	Authorities []caEntry `json:"authorities"`
}

func (c *ca) entry() (e caEntry, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return e, err
	}
	e = caEntry{Certificate: string(encodeCertificate(c.cert.Raw)), Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	if c.cross != nil {
		e.Cross = string(encodeCertificate(c.cross.Raw))
	}
	return e, nil
}

func parseAuthorities(v caValue, revision uint64) (*authorities, error) {
	s := &authorities{revision: revision, roots: x509.NewCertPool()}
	for _, e := range v.Authorities {
		c, err := parseCA([]byte(e.Certificate), []byte(e.Key))
		if err != nil {
			return nil, err
		}
		if e.Cross != "" {
			if c.cross, err = parseCertificate([]byte(e.Cross)); err != nil {
				return nil, err
			}
		}
		s.list = append(s.list, c)
		s.roots.AddCert(c.cert)
		s.bundle = append(s.bundle, encodeCertificate(c.cert.Raw)...)
	}
	if len(s.list) == 0 {
		return nil, errors.New("it has no authority")
	}
	return s, nil
}

// parseCA reads a certificate and its key, both PEM.
func parseCA(cert, key []byte) (c ca, err error) {
	if c.cert, err = parseCertificate(cert); err != nil {
		return c, err
	}
	if c.key, err = parseKey(key); err != nil {
		return c, err
	}
	public, ok := c.key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(c.cert.PublicKey) {
		return c, errors.New("the certificate is of another key")
	}
	return c, nil
}

// newCA makes an authority. It may have one below it, which is how the next one will be introduced.
func newCA(now time.Time) (c ca, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	t := template(now, caLife)
	t.Subject = pkix.Name{CommonName: "Argus collector CA", SerialNumber: t.SerialNumber.Text(16)[:8]}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLen = true, true, 1
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return c, err
	}
	c.key = key
	c.cert, err = x509.ParseCertificate(der)
	return c, err
}

// introduce returns next with a certificate by which those who know only c trust it, if c may sign one.
func (c *ca) introduce(next ca) (ca, error) {
	if c.cert.MaxPathLen == 0 {
		return next, nil
	}
	t := *next.cert
	t.ExtraExtensions, t.SignatureAlgorithm, t.AuthorityKeyId = nil, x509.UnknownSignatureAlgorithm, nil
	der, err := c.sign(&t, next.cert.PublicKey)
	if err != nil {
		return next, fmt.Errorf("sign the new authority with the old one: %w", err)
	}
	next.cross, err = x509.ParseCertificate(der)
	return next, err
}

// sign issues a certificate for a public key.
func (c *ca) sign(t *x509.Certificate, public any) ([]byte, error) {
	if t.NotAfter.After(c.cert.NotAfter) {
		t.NotAfter = c.cert.NotAfter
	}
	return x509.CreateCertificate(rand.Reader, t, c.cert, public, c.key)
}

func template(now time.Time, life time.Duration) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // rand.Reader never fails since Go 1.24
	}
	return &x509.Certificate{
		SerialNumber: serial.SetBit(serial, 126, 1), // so that it always has 32 digits
		NotBefore:    now.Add(-backdate).UTC(),
		NotAfter:     now.Add(life).UTC(),
	}
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func parseCertificate(b []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("no PEM certificate")
}

// parseKey reads a private key: PKCS #8, or what openssl writes for EC and RSA keys.
func parseKey(b []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		var k any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			k, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			k, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			k, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted: decrypt it first, for example with openssl pkey")
		default:
			continue // such as EC PARAMETERS
		}
		if err != nil {
			return nil, err
		}
		if key, ok := k.(crypto.Signer); ok {
			return key, nil
		}
		return nil, fmt.Errorf("a private key of type %T cannot sign", k)
	}
	return nil, errors.New("no PEM private key")
}
