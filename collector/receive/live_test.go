package receive

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// byName takes every certificate for what it says: package pki has tests of its own.
type byName struct{ authority }

func (byName) Verify(peer []*x509.Certificate) (uuid.UUID, error) {
	if len(peer) == 0 {
		return uuid.Nil, refusal(http.StatusUnauthorized)
	}
	return wire.MonitorOf(peer[0].URIs)
}

// live is a handler behind its gate on a real socket.
type live struct {
	*Handler
	addr string

	mu    sync.Mutex
	taken map[uuid.UUID]int
}

func newLive(t testing.TB, change func(*Config)) *live {
	t.Helper()
	l := &live{taken: map[uuid.UUID]int{}}
	l.Handler, _ = newHandler(func(c *Config) {
		c.Authority = byName{}
		c.Append = func(_ context.Context, b *Batch) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.taken[b.Monitor]++
			return nil
		}
		if change != nil {
			change(c)
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.addr = ln.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	server := certificate(t, nil)
	go func() {
		ended <- l.Serve(ctx, ln, &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert,
			NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{server}})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if s := l.Stats(); s.Connections != 0 || s.Strangers != 0 {
			t.Errorf("%d connections and %d strangers are left", s.Connections, s.Strangers)
		}
	})
	return l
}

func (l *live) takenOf(id uuid.UUID) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken[id]
}

// certificate makes one that names a monitor, or of a server.
func certificate(t testing.TB, id *uuid.UUID) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	if id != nil {
		c.URIs = []*url.URL{wire.MonitorURI(*id)}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// peerAgent is a well-behaved agent.
type peerAgent struct {
	t       testing.TB
	id      uuid.UUID
	addr    string
	conf    *tls.Config
	client  *http.Client
	body    []byte // a batch of so many records
	records uint64
}

// agent returns one with a certificate that connects from an address, any when from is empty.
func (l *live) agent(t testing.TB, from string) *peerAgent {
	id := uuid.Must(uuid.NewV4())
	conf := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate(t, &id)}}
	a := &peerAgent{t: t, id: id, addr: l.addr, conf: conf, body: compress(t, stream(t, id, 1, 10)), records: 10}
	d := &net.Dialer{}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	transport := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true, DialContext: d.DialContext}
	a.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return a
}

func (a *peerAgent) request() *http.Request {
	r := post(a.body, 1, a.records)
	u := "https://" + a.addr + wire.PathFlows
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, u, bytes.NewReader(a.body))
	if err != nil {
		a.t.Error(err)
	}
	req.Header = r.Header
	return req
}

// post sends a batch and returns the status, 0 when there was no answer.
func (a *peerAgent) post() (status int, err error) {
	resp, err := a.client.Do(a.request())
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

// mustPost fails the test unless a batch is taken.
func (a *peerAgent) mustPost(when string) {
	a.t.Helper()
	if status, err := a.post(); status != http.StatusNoContent {
		a.t.Errorf("%s: a well-behaved agent is answered %d, %v", when, status, err)
	}
}

// silent opens n connections that say nothing, from an address, any when from is empty.
func (l *live) silent(t testing.TB, from string, n int) (list []net.Conn) {
	t.Helper()
	d := &net.Dialer{}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	for range n {
		c, err := d.DialContext(t.Context(), "tcp", l.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		list = append(list, c)
	}
	return list
}

// ended waits until the peer has closed a connection, and fails the test if it does not.
func ended(t testing.TB, c net.Conn, within time.Duration) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Errorf("a connection is open still after %v", within)
			}
			return
		}
	}
}

func number(n int) string { return strconv.Itoa(n) }
