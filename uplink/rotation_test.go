package uplink

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// crossed is another CA's certificate, signed by this one.
func (a *authority) crossed(t *testing.T, other *authority) []byte {
	t.Helper()
	c := *other.cert
	c.SerialNumber = serial()
	der, err := x509.CreateCertificate(rand.Reader, &c, a.cert, other.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestRotationOfTheCA goes through a whole one while records come: announced, fetched, the collector under the new CA, the old one retired. Nothing is
// lost, and nobody enrols again. Agents that have not seen the new CA yet go on by the cross-signed certificate.
func TestRotationOfTheCA(t *testing.T) {
	col := newTestCollector(t)
	within := func(c *Config) { c.Token = col.token(); c.renewals = time.Millisecond; c.BatchRecords = 20 }
	r := newRig(t, within)
	late := newRig(t, func(c *Config) { within(c); c.renewals = 0 }) // would fetch within the hour
	late.next = 1 << 40
	r.add(50)
	r.all(col)
	late.until("enrolment", func() bool { return late.c.Stats().State == StateUp })

	old, young, address := col.ca, newAuthority("Young CA"), col.address()
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	restart := func(cert tls.Certificate) {
		col.srv.CloseClientConnections()
		col.srv.Close()
		col.start(cert, address)
	}
	col.set(func() { col.bundle = old.pem() + young.pem() })
	r.add(50)
	r.all(col)
	r.wait("the new CA", false, func() bool { return len(r.c.Stats().CA) == 64+1+64 })

	leaf := young.server(from, to, "127.0.0.1")
	leaf.Certificate = [][]byte{leaf.Certificate[0], old.crossed(t, young), young.cert.Raw, old.cert.Raw}
	col.set(func() { col.ca, col.bundle = old, old.pem()+young.pem() })
	restart(leaf)
	r.add(50)
	r.all(col)
	late.until("delivery by the cross-signed certificate", func() bool { return late.c.Stats().State == StateUp })
	if ca := late.c.Stats().CA; ca != wire.Fingerprint(old.cert.Raw) {
		t.Errorf("the late one knows %s", ca)
	}
	late.stop()

	col.set(func() { col.ca, col.bundle = young, young.pem() })
	restart(func() tls.Certificate { // clients with certificates of both are taken until all have new ones
		return leaf
	}())
	col.set(func() { col.srv.TLS.ClientCAs.AddCert(old.cert) })
	r.add(50)
	r.all(col)
	r.wait("the old CA to go", false, func() bool { return r.c.Stats().CA == wire.Fingerprint(young.cert.Raw) })
	restart(young.server(from, to, "127.0.0.1"))
	r.add(50)
	r.all(col)
	if col.enrolled != 2 { // one each
		t.Errorf("enrolled %d times", col.enrolled)
	}
}

// TestRotationIsSpread: a fleet does not fetch the new CA at once.
func TestRotationIsSpread(t *testing.T) {
	var after []time.Duration
	for range 12 {
		inTime(t, nil, func(t *testing.T, s *script, q *spool.Spool, c *Client) {
			s.seen()
			s.set(func() { s.header = http.Header{wire.HeaderCA: {"other"}} })
			put(t, q, 200)
			begin := time.Now()
			for range 61 {
				time.Sleep(time.Minute)
				synctest.Wait()
				if slices.Contains(s.seen(), wire.PathRenew) {
					break
				}
			}
			after = append(after, time.Since(begin))
		})
	}
	if slices.Max(after) > time.Hour+2*time.Minute || slices.Max(after)-slices.Min(after) < 10*time.Minute {
		t.Errorf("fetched after %v", after)
	}
}

// TestCertificateOverWhileAway: a laptop comes back after its certificate has ended. Up to 90 days it renews with the key that it has, and needs neither a
// token nor an operator; later it asks to enrol, with the same key and without showing the old certificate.
func TestCertificateOverWhileAway(t *testing.T) {
	for _, days := range []int{30, 100} {
		col := newTestCollector(t)
		approve, _ := approvals(col)
		approve()
		r := newRig(t, func(c *Config) { c.Collectors = []string{col.address()} })
		r.add(10)
		r.all(col)
		key := r.c.Stats().Key
		r.stop()
		id, err := openIdentity(filepath.Join(r.dir, "identity"), storeFile, r.monitor)
		if err != nil {
			t.Fatal(err)
		}
		csr, _ := id.request("host")
		ended := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
		old, err := col.ca.client(csr, ended.Add(-90*24*time.Hour), ended)
		if err != nil {
			t.Fatal(err)
		}
		if err := id.accept(wire.EnrollResponse{Certificate: old, CA: col.ca.pem()}, nil, ""); err != nil {
			t.Fatal(err)
		}
		id.root.Close()
		address := col.address()
		col.srv.CloseClientConnections()
		col.srv.Close()
		col.asks = true // as the collector, it looks at the certificate's times itself
		col.start(col.srv.TLS.Certificates[0], address)
		enrolments := col.enrolled
		col.set(func() {
			col.before = func(w http.ResponseWriter, q *http.Request) bool {
				over := time.Duration(0)
				if p := q.TLS.PeerCertificates; len(p) > 0 {
					over = time.Since(p[0].NotAfter)
				}
				switch {
				case q.URL.Path == wire.PathEnroll && len(q.TLS.PeerCertificates) > 0:
					t.Error("enrols with the old certificate")
				case q.URL.Path == wire.PathRenew && over < wire.RenewLate || over <= 0:
					return false
				}
				refuse(w, http.StatusForbidden, "the certificate is over")
				return true
			}
		})
		r.start(func(c *Config) { c.Collectors = []string{address} })
		r.add(10)
		r.all(col)
		again, late := col.enrolled-enrolments, days > 90
		if late != (again == 1) || late == (col.renewed > 0) || r.c.Stats().Key != key {
			t.Errorf("after %d days: enrolled %d times, renewed %d times, %+v", days, again, col.renewed, r.c.Stats())
		}
	}
}
