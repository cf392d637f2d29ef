package pki

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// FuzzEnroll gives the authority any enrolment that is JSON: it is granted or refused, and what is kept of it is fit for a screen.
func FuzzEnroll(f *testing.F) {
	dir := f.TempDir() + "/pki"
	a, err := open(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { a.Close() })
	id := uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef"))
	good, err := json.Marshal(wire.EnrollRequest{Monitor: id, Name: "h1", OS: "linux", CSR: csr(f, newKey(f), id)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"monitor":"01234567-89ab-cdef-0123-456789abcdef","csr":"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var req wire.EnrollRequest
		if json.Unmarshal(body, &req) != nil {
			return
		}
		resp, err := a.Enroll(&req)
		if _, refused := errors.AsType[*Refusal](err); err != nil && !refused || err == nil && resp.Certificate == "" {
			t.Fatalf("%v, %v", resp, err)
		}
		list, err := a.Monitors()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			for _, s := range []string{m.Name, m.OS, m.Arch, m.Version} {
				if !utf8.ValidString(s) || len(s) > maxFact {
					t.Fatalf("%q is kept", s)
				}
				for _, r := range s {
					if !unicode.IsPrint(r) {
						t.Fatalf("%q is kept", s)
					}
				}
			}
		}
	})
}

// FuzzAuthority gives what stands in State and in an operator's files: an authority that is taken can issue certificates that it verifies.
func FuzzAuthority(f *testing.F) {
	now := time.Now()
	c, err := newCA(now)
	if err != nil {
		f.Fatal(err)
	}
	e, err := c.entry()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(e.Certificate), []byte(e.Key))
	f.Add([]byte(e.Key+e.Certificate), []byte("-----BEGIN EC PARAMETERS-----\n-----END EC PARAMETERS-----\n"+e.Key))
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		c, err := parseCA(cert, key)
		if err != nil || c.fit(now) != nil {
			return
		}
		set, err := parseAuthorities(caValue{[]caEntry{{Certificate: string(cert), Key: string(key)}}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		a := &Authority{now: func() time.Time { return now }}
		der, err := c.sign(a.clientTemplate(uuid.Must(uuid.NewV4())), newKey(t).Public())
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil || set.issued(leaf, now) != nil {
			t.Fatalf("what it has issued does not count: %v", err)
		}
	})
}
