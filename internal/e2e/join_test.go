//go:build linux

package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// TestHostWithoutToken: a host that was told nothing finds its collector by an SRV record of its search domain, waits, is approved by the
// fingerprint that both ends show, delivers through a rotation of the CA, and is refused soon after it is revoked.
func TestHostWithoutToken(t *testing.T) {
	l := newLab(t)
	s := &site{lab: l, col: l.host("col"), a: l.host("a"), colState: filepath.Join(l.dir, "col")}
	l.link(s.a, s.col, "lan0", 1)
	s.nameServer(s.col, "10.1.0.2:53")
	s.resolveBy(s.a, "search corp.test\nnameserver 10.1.0.2\n")
	s.collector = s.start(s.col, "argus-collector", "run", "--state", s.colState, "--listen", ":4561", "--commit-interval", "1s", "--advertise", "collector.corp.test:4561")
	s.agentA = s.startAgent(s.a, monitorA, "", "--mar-status-interval", "1") // before the collector is up

	host := func() (h struct{ State, Fingerprint string }) {
		for line := range strings.SplitSeq(s.run(s.col, "argus-collector", "hosts", "--state", s.colState, "--json"), "\n") {
			if strings.Contains(line, monitorA) {
				if err := json.Unmarshal([]byte(line), &h); err != nil {
					t.Fatal(err)
				}
			}
		}
		return h
	}
	await.Event(t, 30*time.Second, "the host waits for approval", func() bool { return host().State == "pending" })
	shown := s.run(s.a, "argus-endpoint", "status", "--state", s.agentState(s.a))
	ca := s.run(s.col, "argus-collector", "ca", "show", "--state", s.colState)
	key := host().Fingerprint
	if !strings.Contains(shown, key) || len(key) != 64 {
		t.Errorf("the collector shows the key %q, the host\n%s", key, shown)
	}
	_, rest, _ := strings.Cut(shown, "\nca ")
	first, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	if len(first) != 64 || !strings.Contains(ca, first) {
		t.Errorf("the host trusts %q, the collector shows\n%s", first, ca)
	}
	if st, _ := s.status(s.a); st.Spool.Durable != 0 || st.Uplink.State != "pending" {
		t.Errorf("before it was approved: %+v", st)
	}
	s.run(s.col, "argus-collector", "hosts", "approve", "--state", s.colState, key[:12])
	s.agentA.stop(t) // it would ask again within a minute
	s.agentA = s.startAgent(s.a, monitorA, "", "--mar-status-interval", "1")
	delivered := func() uint64 {
		st, _ := s.status(s.a)
		return st.Spool.Durable
	}
	await.Event(t, 20*time.Second, "it delivers", func() bool { return delivered() > 0 })

	s.run(s.col, "argus-collector", "ca", "rotate", "--state", s.colState)
	before := delivered()
	await.Event(t, 30*time.Second, "it delivers under the new CA", func() bool { return delivered() > before+3 })

	revoked := time.Now()
	s.run(s.col, "argus-collector", "hosts", "revoke", "--state", s.colState, monitorA)
	await.Event(t, 20*time.Second, "the host is rejected", func() bool { st, _ := s.status(s.a); return st.Uplink.State == "rejected" })
	t.Logf("measured: rejected %v after the revocation began", time.Since(revoked).Round(100*time.Millisecond))
}

// resolveBy gives a host a resolv.conf of its own, as ip-netns(8) does.
func (l *lab) resolveBy(ns, text string) {
	l.t.Helper()
	dir := filepath.Join("/etc/netns", ns)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// nameServer answers on a host for corp.test: the collector's address 10.1.0.2 and its SRV record.
func (l *lab) nameServer(ns, address string) {
	l.t.Helper()
	var conn net.PacketConn
	l.inside(ns, func() (err error) {
		conn, err = net.ListenPacket("udp", address)
		return err
	})
	l.t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if a := zone(buf[:n]); a != nil {
				conn.WriteTo(a, from)
			}
		}
	}()
}

func zone(question []byte) []byte {
	var q dnsmessage.Message
	if q.Unpack(question) != nil || len(q.Questions) != 1 {
		return nil
	}
	name, kind := q.Questions[0].Name, q.Questions[0].Type
	a := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, Authoritative: true}, Questions: q.Questions}
	var body dnsmessage.ResourceBody
	switch {
	case name.String() == "_argus-collector._tcp.corp.test." && kind == dnsmessage.TypeSRV:
		body = &dnsmessage.SRVResource{Priority: 10, Target: dnsmessage.MustNewName("collector.corp.test."), Port: 4561}
	case name.String() == "collector.corp.test." && kind == dnsmessage.TypeA:
		body = &dnsmessage.AResource{A: [4]byte{10, 1, 0, 2}}
	case name.String() != "collector.corp.test.":
		a.RCode = dnsmessage.RCodeNameError
	}
	if body != nil {
		a.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 60}, Body: body}}
	}
	b, _ := a.Pack()
	return b
}
