package collector

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// beside opens the authority of a running collector as a command does.
func beside(t testing.TB, s *Server) *pki.Authority {
	t.Helper()
	a, err := s.config.Place.FindAuthority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// trusting accepts a chain that leads to one of the certificates in PEM, for the name dialled: what an agent does after its enrolment.
func trusting(bundle, addr string) func(tls.ConnectionState) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(bundle))
	return func(c tls.ConnectionState) error { return leadsTo(roots, c, addr) }
}

// renew gets a certificate for the same key and trusts from then on what the collector says.
func (a *agent) renew() error {
	old := a.conf.Certificates[0]
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{wire.MonitorURI(a.id)}}, old.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return err
	}
	body, err := json.Marshal(wire.RenewRequest{CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))})
	if err != nil {
		return err
	}
	resp, answer, err := a.try(a.t.Context(), http.MethodPost, wire.PathRenew, body, nil)
	if err != nil {
		return err
	}
	var issued wire.EnrollResponse
	if resp.StatusCode != http.StatusOK || json.Unmarshal(answer, &issued) != nil {
		return errors.New("renewal: " + resp.Status + string(answer))
	}
	block, _ := pem.Decode([]byte(issued.Certificate))
	a.conf.Certificates = []tls.Certificate{{Certificate: [][]byte{block.Bytes}, PrivateKey: old.PrivateKey}}
	a.conf.VerifyConnection = trusting(issued.CA, a.addr)
	return nil
}

// deliverer is an agent that posts all the time, each batch on a connection of its own.
type deliverer struct {
	*agent
	follows bool // it renews when the collector tells of another bundle
	bundle  string
	taken   atomic.Int64
	renewed atomic.Int64
}

func (d *deliverer) step() error {
	d.dial()
	b := d.batch(5)
	resp, answer, err := d.try(d.t.Context(), http.MethodPost, wire.PathFlows, b.body, b.header)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		return errors.New(resp.Status + " " + string(answer))
	}
	d.taken.Add(1)
	if now := resp.Header.Get(wire.HeaderCA); d.follows && d.bundle != "" && now != d.bundle {
		if err := d.renew(); err != nil {
			return err
		}
		d.renewed.Add(1)
	}
	d.bundle = resp.Header.Get(wire.HeaderCA)
	return nil
}

// TestRotationWhileAgentsDeliver: through a whole rotation of the authority no agent is refused and nothing is lost, whether it follows at once
// or at the last moment, and tokens from before and after let others in.
func TestRotationWhileAgentsDeliver(t *testing.T) {
	s, stop := start(t, testConfig(t))
	defer stop()
	authority := beside(t, s)
	oldToken := token(t, s)
	var agents []*deliverer
	for n := range 4 {
		agents = append(agents, &deliverer{agent: newAgent(t, oldToken), follows: n > 0})
	}
	var wg sync.WaitGroup
	var done atomic.Bool
	var late atomic.Bool // the first agent follows now
	for _, d := range agents {
		wg.Go(func() {
			for !done.Load() {
				if err := d.step(); err != nil {
					t.Errorf("agent that follows=%v, batch %d: %v", d.follows, d.taken.Load(), err)
					return
				}
				if late.Load() && !d.follows {
					if err := d.renew(); err != nil {
						t.Error(err)
						return
					}
					d.follows = true
					d.renewed.Add(1)
				}
			}
		})
	}
	defer wg.Wait()
	defer done.Store(true)
	more := func(what string) {
		t.Helper()
		var from []int64
		for _, d := range agents {
			from = append(from, d.taken.Load())
		}
		await.Event(t, 20*time.Second, what, func() bool {
			for i, d := range agents {
				if d.taken.Load() < from[i]+10 {
					return t.Failed()
				}
			}
			return true
		})
	}
	more("deliveries before the rotation")
	if err := authority.Rotate(); err != nil {
		t.Fatal(err)
	}
	await.Event(t, 20*time.Second, "three agents renew", func() bool {
		return t.Failed() || agents[1].renewed.Load() > 0 && agents[2].renewed.Load() > 0 && agents[3].renewed.Load() > 0
	})
	more("deliveries with both authorities")
	if err := authority.Retire(false); err == nil || !strings.Contains(err.Error(), "1 host(s)") {
		t.Errorf("retired with one host on the old authority: %v", err)
	}
	before, after := newAgent(t, oldToken), newAgent(t, token(t, s)) // with tokens from before and after the rotation
	before.post(before.batch(1))
	after.post(after.batch(1))
	for _, a := range []*agent{before, after} {
		if err := a.renew(); err != nil { // so that they are not in the way of retiring
			t.Error(err)
		}
	}
	late.Store(true)
	await.Event(t, 20*time.Second, "the last one renews", func() bool { return t.Failed() || agents[0].renewed.Load() > 0 })
	if err := authority.Retire(false); err != nil {
		t.Fatal(err)
	}
	await.Event(t, 20*time.Second, "all see the bundle without the old one", func() bool {
		for _, d := range agents[1:] {
			if d.renewed.Load() < 2 {
				return t.Failed()
			}
		}
		return true
	})
	more("deliveries after the old one is retired")
	done.Store(true)
	wg.Wait()
	flushAll(t, s)
	for _, d := range agents {
		if n, want := len(stored(t, s.config.State, d.id)), 5*int(d.taken.Load()); n != want {
			t.Errorf("%d records are stored of %d", n, want)
		}
	}
}

// TestRevocationReachesResumedSessions: a session that began before the revocation ends with it, on the same connection and on one that
// resumes it, within five seconds at every receiver.
func TestRevocationReachesResumedSessions(t *testing.T) {
	s, stop := start(t, testConfig(t))
	defer stop()
	a := newAgent(t, token(t, s))
	a.conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	a.dial()
	a.post(a.batch(1))
	a.dial()
	resp, _ := a.do(http.MethodGet, wire.PathDurable, nil, http.Header{wire.HeaderEpoch: {a.epoch.String()}})
	if !resp.TLS.DidResume {
		t.Fatal("the second connection does not resume the session of the first")
	}
	begun := time.Now()
	if err := beside(t, s).Revoke(a.id); err != nil {
		t.Fatal(err)
	}
	b := a.batch(1)
	await.Event(t, 20*time.Second, "the connection that is open is refused", func() bool {
		resp, _ := a.do(http.MethodPost, wire.PathFlows, b.body, b.header)
		return resp.StatusCode == http.StatusForbidden
	})
	took := time.Since(begun)
	a.dial()
	resp, _ = a.do(http.MethodPost, wire.PathFlows, b.body, b.header)
	if resp.StatusCode != http.StatusForbidden || !resp.TLS.DidResume {
		t.Errorf("a resumed connection after that: %s (resumed: %v)", resp.Status, resp.TLS.DidResume)
	}
	t.Logf("refused after %v", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("refused only after %v", took)
	}
}

// TestSessionsOutliveARestart: a fleet that comes back after a restart resumes its sessions, which costs no signatures.
func TestSessionsOutliveARestart(t *testing.T) {
	c := testConfig(t)
	s, stop := start(t, c)
	a := newAgent(t, token(t, s))
	a.conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	a.dial()
	a.post(a.batch(1))
	c.Listen = s.Addr().String()
	stop()
	_, stop = start(t, c)
	defer stop()
	a.dial()
	resp, _ := a.do(http.MethodGet, wire.PathDurable, nil, http.Header{wire.HeaderEpoch: {a.epoch.String()}})
	if resp.StatusCode != http.StatusNoContent || !resp.TLS.DidResume {
		t.Errorf("after the restart: %s, resumed: %v", resp.Status, resp.TLS.DidResume)
	}
}
