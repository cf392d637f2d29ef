package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// TestLargeKeysAreNotTried: whoever asks to be enrolled is a stranger, and may not choose how long the check of a signature takes.
func TestLargeKeysAreNotTried(t *testing.T) {
	b := newBench(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.Must(uuid.NewV4())
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{wire.MonitorURI(id)}}, key)
	if err != nil {
		t.Fatal(err)
	}
	// In place of the modulus one of 150,000 bits, with the largest exponent; the signature is not of it.
	large := make([]byte, 150_000/8)
	rand.Read(large)
	large[0], large[len(large)-1] = 0xff, 0xff
	text := withKey(t, der, &rsa.PublicKey{N: new(big.Int).SetBytes(large), E: 1<<31 - 1}, large)
	begun := time.Now()
	_, err = b.Enroll(&wire.EnrollRequest{Monitor: id, CSR: text})
	t.Logf("a stranger's key of 150,000 bits took %v", time.Since(begun))
	b.mustRefuse(err, StatusNonsense, "P-256 or Ed25519")
}

// withKey puts another key and a signature into a certificate request.
func withKey(t *testing.T, der []byte, key *rsa.PublicKey, signature []byte) string {
	t.Helper()
	type info struct { // RFC 2986 section 4.1
		Version    int
		Subject    asn1.RawValue
		Key        asn1.RawValue
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
	}
	var csr struct {
		Info      info
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	_, err := asn1.Unmarshal(der, &csr)
	if err == nil {
		csr.Info.Key.FullBytes, err = x509.MarshalPKIXPublicKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	csr.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	if der, err = asn1.Marshal(csr); err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}
