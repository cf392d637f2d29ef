package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ServerTLS returns the TLS settings of a receiver: TLS 1.3, a certificate for names (host names and IP addresses)
// followed by what proves it to monitors that know any of the authorities, and client certificates asked for but judged per
// request by Verify, so that a refusal can say why. The settings follow the State by themselves: another authority and the keys of session
// tickets within recheck, another name of the machine within a minute; the certificate is renewed from half of its life.
func (a *Authority) ServerTLS(names func() []string) (*tls.Config, error) {
	s := &server{a: a, names: names}
	if err := s.refresh(); err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         nextProtos,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.get(), nil },
	}, nil
}

var nextProtos = []string{"h2", "http/1.1"}

// namesEvery is how often a server asks for its names.
const namesEvery = time.Minute

// server keeps the settings of a receiver up to date.
type server struct {
	a     *Authority
	names func() []string

	config  atomic.Pointer[tls.Config]
	checked atomic.Int64                // Unix nanoseconds
	cas     atomic.Pointer[authorities] // of config

	mu      sync.Mutex // held while refreshing; guards what follows
	leaf    *x509.Certificate
	tickets uint64 // revision
	asked   time.Time
}

// get returns the settings for a handshake.
func (s *server) get() *tls.Config {
	due := s.a.past(&s.checked, recheck) || s.cas.Load() != s.a.cas.Load()
	if due && s.mu.TryLock() {
		_ = s.refreshLocked() // with an error what was good stays, until the next look
		s.mu.Unlock()
	}
	return s.config.Load()
}

func (s *server) refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshLocked()
}

// refreshLocked makes new settings when anything has changed of which they are made.
func (s *server) refreshLocked() error {
	now := s.a.now()
	s.checked.Store(now.UnixNano())
	cas := s.a.authorities()
	issue := cas != s.cas.Load() || now.After(half(s.leaf)) || now.Before(s.leaf.NotBefore) // the clock was set back
	var names []string
	if issue || now.Sub(s.asked) >= namesEvery {
		names, s.asked = s.names(), now
		issue = issue || !covers(s.leaf, names)
	}
	keys, revision, err := s.a.ticketKeys()
	if err != nil {
		return err
	}
	if !issue && revision == s.tickets {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, NextProtos: nextProtos}
	if issue {
		leaf, cert, err := s.a.serverCertificate(cas, names)
		if err != nil {
			return err
		}
		s.leaf, config.Certificates = leaf, []tls.Certificate{cert}
	} else {
		config.Certificates = s.config.Load().Certificates
	}
	config.SetSessionTicketKeys(keys)
	s.tickets = revision
	s.config.Store(config)
	s.cas.Store(cas)
	return nil
}

// half is when a certificate is to be renewed.
func half(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2)
}

// covers tells whether a certificate is good for all names.
func covers(c *x509.Certificate, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		if ip := net.ParseIP(name); ip != nil {
			return !slices.ContainsFunc(c.IPAddresses, ip.Equal)
		}
		return !slices.Contains(c.DNSNames, name)
	})
}

// serverCertificate issues a certificate for names, with a new key.
func (a *Authority) serverCertificate(cas *authorities, names []string) (*x509.Certificate, tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	der, err := cas.server().sign(serverTemplate(a.now(), names), &key.PublicKey)
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return leaf, tls.Certificate{Certificate: append([][]byte{der}, cas.chain()...), PrivateKey: key, Leaf: leaf}, err
}

func serverTemplate(now time.Time, names []string) *x509.Certificate {
	t := template(now, serverLife)
	t.Subject = pkix.Name{CommonName: "Argus collector"}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t
}

// LocalNames returns the names by which this machine is reached: its host name, localhost and every address it has now.
func LocalNames() []string {
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" {
		names = append(names, host)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return append(names, "127.0.0.1", "::1")
	}
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
