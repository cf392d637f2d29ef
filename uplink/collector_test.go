package uplink

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// authority is a small CA.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func newAuthority(name string) *authority {
	a := &authority{key: newKey()}
	t := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-10 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, a.key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	return a
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return n
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// server returns a certificate for names and addresses; the CA's follows it in the chain.
func (a *authority) server(from, to time.Time, hosts ...string) tls.Certificate {
	key := newKey()
	t := &x509.Certificate{SerialNumber: serial(), NotBefore: from, NotAfter: to, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}
}

// client signs a CSR.
func (a *authority) client(csrPEM string, from, to time.Time) (string, error) {
	block, _ := pem.Decode([]byte(csrPEM))
	if block == nil {
		return "", fmt.Errorf("no PEM")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		return "", fmt.Errorf("bad CSR: %w", err)
	}
	t := &x509.Certificate{SerialNumber: serial(), Subject: csr.Subject, URIs: csr.URIs, NotBefore: from, NotAfter: to, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, csr.PublicKey, a.key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

const preamble = "START MAR"

// testCollector implements the contract of package wire, and misbehaves on demand.
type testCollector struct {
	t      testing.TB
	ca     *authority
	secret wire.Secret
	srv    *httptest.Server

	mu          sync.Mutex
	before      func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	asks        bool                                              // for client certificates, and does not judge them
	open        bool                                              // no token is needed
	bundle      string                                            // wire.EnrollResponse.CA; the CA if empty
	after       func(w http.ResponseWriter) bool                  // instead of the 204 to a batch that was taken
	life        time.Duration                                     // of client certificates
	journal     map[wire.Watermark]uint64                         // (epoch, sequence) -> record
	high        map[wire.Epoch]uint64
	stored      map[wire.Epoch]uint64
	lag         uint64 // records that the store is behind the journal
	enrolled    int
	renewed     int
	posts       int
	polls       int
	requests    int
	fault       error
	lastMonitor uuid.UUID
	proto       string
	connected   map[string]bool // remote addresses
	crashes     int
}

// crashesKey is what a connection remembers: after how many crashes it was made.
type crashesKey struct{}

func newTestCollector(t testing.TB) *testCollector {
	c := &testCollector{t: t, ca: newAuthority("Test CA"), secret: wire.NewSecret(), life: 24 * time.Hour,
		journal: map[wire.Watermark]uint64{}, high: map[wire.Epoch]uint64{}, stored: map[wire.Epoch]uint64{}, connected: map[string]bool{}}
	c.start(c.ca.server(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1", "localhost"), "127.0.0.1:0")
	return c
}

func (c *testCollector) start(cert tls.Certificate, address string) {
	c.srv = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	if address != "127.0.0.1:0" {
		c.srv.Listener.Close()
		l, err := net.Listen("tcp", address)
		if err != nil {
			c.t.Fatal(err)
		}
		c.srv.Listener = l
	}
	pool := x509.NewCertPool()
	pool.AddCert(c.ca.cert)
	c.srv.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	if c.asks {
		c.srv.TLS.ClientAuth = tls.RequestClientCert
	}
	c.srv.EnableHTTP2 = true
	c.srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		c.mu.Lock()
		defer c.mu.Unlock()
		return context.WithValue(ctx, crashesKey{}, c.crashes)
	}
	c.srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.srv.StartTLS()
	c.t.Cleanup(c.srv.Close)
}

func (c *testCollector) address() string { return c.srv.Listener.Addr().String() }

// pin is what a token knows the CA by.
func (c *testCollector) pin() [sha256.Size]byte { return sha256.Sum256(c.ca.cert.Raw) }

func (c *testCollector) token() string {
	return wire.Token{Collectors: []string{c.address()}, CA: c.pin(), Secret: c.secret}.String()
}

func (c *testCollector) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxCompressed+1))
	if err != nil {
		return // the client went away
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Context().Value(crashesKey{}) != c.crashes {
		panic(http.ErrAbortHandler) // nothing is told to a process that is no more
	}
	c.requests++
	c.connected[r.RemoteAddr] = true
	c.proto = r.Proto
	if c.before != nil && c.before(w, r) {
		return
	}
	if r.URL.Path == wire.PathEnroll {
		c.enroll(w, body)
		return
	}
	if len(r.TLS.PeerCertificates) == 0 {
		refuse(w, http.StatusUnauthorized, "no certificate")
		return
	}
	m, err := wire.MonitorOf(r.TLS.PeerCertificates[0].URIs)
	if err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	c.lastMonitor = m
	epoch, err := wire.ParseEpoch(r.Header.Get(wire.HeaderEpoch))
	switch r.URL.Path {
	case wire.PathRenew:
		c.renew(w, body)
		return
	case wire.PathDurable:
		c.polls++
	case wire.PathFlows:
		c.posts++
		if err == nil {
			err = c.take(epoch, r.Header, body)
		}
		if err != nil {
			c.fault = err
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		if c.after != nil && c.after(w) {
			return
		}
	}
	c.answer(w, epoch)
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(wire.ErrorResponse{Error: why, Advice: "look"})
}

func (c *testCollector) answer(w http.ResponseWriter, epoch wire.Epoch) {
	if h := c.high[epoch]; h > c.lag {
		c.stored[epoch] = max(c.stored[epoch], h-c.lag)
	}
	w.Header().Set(wire.HeaderCA, wire.Fingerprint([]byte(c.authorities())))
	w.Header().Set(wire.HeaderDurable, wire.Watermark{Epoch: epoch, Sequence: c.stored[epoch]}.String())
	w.WriteHeader(http.StatusNoContent)
}

// take journals a batch: each (epoch, sequence) once, and never two records under one.
func (c *testCollector) take(epoch wire.Epoch, h http.Header, body []byte) error {
	first, err1 := wire.ParseSequence(h.Get(wire.HeaderFirst))
	last, err2 := wire.ParseSequence(h.Get(wire.HeaderLast))
	dropped, err3 := wire.ParseSequence(h.Get(wire.HeaderDropped))
	if err1 != nil || err2 != nil || err3 != nil || h.Get("Content-Type") != wire.ContentFlows || h.Get("Content-Encoding") != wire.EncodingZstd || len(body) > wire.MaxCompressed {
		return fmt.Errorf("headers: %v", h)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(wire.MaxWindow), zstd.WithDecoderMaxMemory(wire.MaxDecompressed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer dec.Close()
	text, err := dec.DecodeAll(body, nil)
	if err != nil {
		return err
	}
	records, ok := strings.CutPrefix(string(text), preamble)
	if !ok || uint64(len(records)) != recordSize*(last-first+1) {
		return fmt.Errorf("%d octets for [%d, %d]", len(text), first, last)
	}
	for i := range last - first + 1 {
		rec := []byte(records[i*recordSize:])
		seq, id := binary.BigEndian.Uint64(rec), binary.BigEndian.Uint64(rec[8:])
		k := wire.Watermark{Epoch: epoch, Sequence: first + i}
		if old, dup := c.journal[k]; seq != first+i || dup && old != id {
			return fmt.Errorf("%s: sequence %d, record %d was %d", k, seq, id, old)
		}
		c.journal[k] = id
	}
	// The watermark passes over what is missing only if the agent has said that it never comes.
	if c.high[epoch] == 0 || first-dropped <= c.high[epoch]+1 {
		c.high[epoch] = max(c.high[epoch], last)
	}
	for c.journal[wire.Watermark{Epoch: epoch, Sequence: c.high[epoch] + 1}] != 0 {
		c.high[epoch]++
	}
	return nil
}

func (c *testCollector) enroll(w http.ResponseWriter, body []byte) {
	var req wire.EnrollRequest
	if err := json.Unmarshal(body, &req); err != nil || req.Secret != c.secret.String() && !(c.open && req.Secret == "") {
		refuse(w, http.StatusForbidden, "token unknown")
		return
	}
	c.enrolled++
	c.issue(w, req.CSR)
}

func (c *testCollector) renew(w http.ResponseWriter, body []byte) {
	var req wire.RenewRequest
	if err := json.Unmarshal(body, &req); err != nil {
		refuse(w, http.StatusUnprocessableEntity, "?")
		return
	}
	c.renewed++
	c.issue(w, req.CSR)
}

func (c *testCollector) issue(w http.ResponseWriter, csr string) {
	cert, err := c.ca.client(csr, time.Now().Add(-time.Minute), time.Now().Add(c.life))
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	json.NewEncoder(w).Encode(wire.EnrollResponse{Certificate: cert, CA: c.authorities()})
}

// authorities is the bundle of CAs.
func (c *testCollector) authorities() string {
	if c.bundle != "" {
		return c.bundle
	}
	return c.ca.pem()
}

// set changes how the collector behaves.
func (c *testCollector) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// crash loses what was journalled and is not in the store, as a journal whose disk lied would, and drops all connections.
func (c *testCollector) crash() {
	c.set(func() {
		c.crashes++
		for k := range c.journal {
			if k.Sequence > c.stored[k.Epoch] {
				delete(c.journal, k)
			}
		}
		for e := range c.high {
			c.high[e] = c.stored[e]
		}
	})
	c.srv.CloseClientConnections()
}

// counts returns how often each record is in the journal.
func (c *testCollector) counts() map[uint64]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := map[uint64]int{}
	for _, id := range c.journal {
		n[id]++
	}
	return n
}
