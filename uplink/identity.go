package uplink

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

const (
	keyFile  = "key.pem"
	certFile = "cert.pem"
	caFile   = "ca.pem"
	hostFile = "collectors" // where the certificate came from, host:port a line: a token is needed only once
)

// identity is what a monitor proves itself with: a folder with its key, its certificate and the CA of its collector.
type identity struct {
	root    *os.Root
	monitor uuid.UUID
	store   string // where a new key is made: Config.KeyStore
	key     crypto.Signer
	cert    *tls.Certificate // nil: not enrolled
	roots   *x509.CertPool   // nil: nobody is known yet
	ca      []byte           // roots in PEM, octet for octet as they were given
}

// openIdentity makes the folder if it is missing, checks who may read and write it, and reads what is there. Files that
// make no sense count as missing; a certificate of another monitor (a cloned folder) makes the key be replaced.
func openIdentity(dir, store string, monitor uuid.UUID) (*identity, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("identity folder: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("identity folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("identity folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("identity folder %s is refused: not a folder but %s; name the folder itself", dir, info.Mode().Type())
	}
	if err := checkPrivate(dir, info); err != nil {
		return nil, fmt.Errorf("identity folder %s is refused: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("identity folder: %w", err)
	}
	id := &identity{root: root, monitor: monitor, store: store}
	if info, err := root.Lstat(keyFile); err == nil {
		if err := checkPrivate(keyFile, info); err != nil {
			root.Close()
			return nil, fmt.Errorf("key %s is refused: %w", filepath.Join(dir, keyFile), err)
		}
	}
	id.load()
	return id, nil
}

func (id *identity) load() {
	id.key, id.cert = nil, nil
	if text, err := id.root.ReadFile(keyFile); err == nil {
		id.key = readKey(text, id.store)
	}
	if ca, err := id.root.ReadFile(caFile); err == nil {
		id.trust(ca)
	}
	chain, err := id.root.ReadFile(certFile)
	if id.key == nil || id.roots == nil || err != nil {
		return
	}
	cert, err := parseChain(chain)
	if err != nil || !sameKey(id.key, cert.Leaf) {
		return
	}
	if m, err := wire.MonitorOf(cert.Leaf.URIs); err != nil || m != id.monitor {
		id.key = nil
		return
	}
	cert.PrivateKey = id.key
	id.cert = cert
}

// collectors returns the addresses of the collector that gave the certificate, none without a certificate.
func (id *identity) collectors() []string {
	text, err := id.root.ReadFile(hostFile)
	if err != nil || id.cert == nil {
		return nil
	}
	return strings.Fields(string(text))
}

// parseChain reads certificates in PEM, the leaf first.
func parseChain(text []byte) (*tls.Certificate, error) {
	cert := &tls.Certificate{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
	}
	if len(cert.Certificate) == 0 {
		return nil, errors.New("no certificate in PEM")
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	cert.Leaf = leaf
	return cert, err
}

// request returns a CSR in PEM for the monitor, and makes the key if there is none.
func (id *identity) request(name string) (string, error) {
	if id.key == nil {
		if err := id.makeKey(); err != nil {
			return "", err
		}
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: clip(name, 64)}, URIs: []*url.URL{wire.MonitorURI(id.monitor)}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, id.key)
	if err != nil {
		return "", fmt.Errorf("certificate request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

func clip(s string, n int) string {
	for i := range s {
		if i > n {
			return s[:n]
		}
	}
	return s[:min(len(s), n)]
}

// accept checks a collector's answer to a request and takes it over: the certificate must be for this key and this monitor, and the CA
// must be the one that the answering collector has proved itself by.
func (id *identity) accept(r wire.EnrollResponse, peer []*x509.Certificate, host string) error {
	cert, err := parseChain([]byte(r.Certificate))
	if err != nil {
		return fmt.Errorf("the collector's answer has no good certificate: %w", err)
	}
	if !sameKey(id.key, cert.Leaf) {
		return errors.New("the collector's certificate is for another key")
	}
	if m, err := wire.MonitorOf(cert.Leaf.URIs); err != nil || m != id.monitor {
		return fmt.Errorf("the collector's certificate is not for monitor %s", id.monitor)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(r.CA)) {
		return errors.New("the collector's answer has no CA certificate")
	}
	if len(peer) > 0 {
		if err := verifyPeer(peer, pool, host); err != nil {
			return fmt.Errorf("the collector would not be trusted by the CA that it sends: %w", err)
		}
	}
	// The CA first: a certificate without its CA would not count as enrolled.
	if err := id.write(caFile, []byte(r.CA)); err != nil {
		return err
	}
	if err := id.write(certFile, []byte(r.Certificate)); err != nil {
		return err
	}
	cert.PrivateKey = id.key
	id.cert = cert
	id.trust([]byte(r.CA))
	return nil
}

// write replaces a file: temporary file, sync, rename.
func (id *identity) write(name string, data []byte) error {
	tmp := name + ".tmp"
	f, err := id.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = id.root.Rename(tmp, name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if d, err := id.root.Open("."); err == nil {
		d.Sync() // not every system can; the rename is whole in any case
		d.Close()
	}
	return nil
}

// renewAt is when half of the certificate's life is over.
func (id *identity) renewAt() time.Time {
	l := id.cert.Leaf
	return l.NotBefore.Add(l.NotAfter.Sub(l.NotBefore) / 2)
}
