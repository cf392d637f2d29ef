package feed

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// TLS is a listener's affair; the protocol inside is the same.
func TestTLS(t *testing.T) {
	pair, pool := selfSigned(t)
	s := NewServer(Config{Monitor: serverID, Parse: ports, Clients: 2})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	src := Source{Network: "tcp", Address: l.Addr().String(), TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"}, Filter: "port 2"}
	in, err := Open(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	await.Event(t, 10*time.Second, "a listener", s.Listened)
	s.Publish(flows(3, 1))
	records := argus.NewReader(in)
	if r, err := records.Next(); err != nil || r.Kind != argus.KindManagement {
		t.Errorf("%v", err)
	}
	if r, err := records.Next(); err != nil || r.Flow.SrcPort != 2 {
		t.Errorf("%v", err)
	}
	src.TLS = &tls.Config{ServerName: "localhost"}
	if _, err := Open(t.Context(), src); err == nil {
		t.Error("a certificate of nobody is believed")
	}
	plain, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(plain, "START: ")
	_ = plain.SetReadDeadline(time.Now().Add(20 * time.Second))
	if b, err := io.ReadAll(plain); errors.Is(err, os.ErrDeadlineExceeded) || len(b) > 0 && argus.IsStream(b) {
		t.Errorf("without TLS: %d octets, %v", len(b), err)
	}
	_ = plain.Close()
	_ = in.Close()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// A reader in TLS that does not read is hung up upon, and nobody waits for its farewell.
func TestSlowInTLS(t *testing.T) {
	pair, pool := selfSigned(t)
	s := NewServer(Config{Monitor: serverID, Buffer: 1 << 20})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	for range 3 {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.ReadFull(c, make([]byte, marSize)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "START: "); err != nil {
			t.Fatal(err)
		}
		_ = c.NetConn().(*net.TCPConn).SetReadBuffer(1 << 14)
	}
	await.Event(t, 10*time.Second, "they are there", func() bool { return s.listeners() == 3 })
	block := flows(300, 1)
	await.Event(t, 10*time.Second, "they do not read", func() bool { s.Publish(block); return s.behind() > 1<<18 })
	began := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 3*byeTimeout {
		t.Errorf("the server took %v to end", d)
	}
}
