package pki

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

func TestRejectedKeyStaysOut(t *testing.T) {
	b := newBench(t)
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	_, err := b.enroll(key, id, "")
	b.mustRefuse(err, StatusPending, "key ")
	if err := b.Reject(id); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"", b.token(0)} {
		_, err = b.enroll(key, id, secret)
		b.mustRefuse(err, StatusForbidden, "turned down")
	}
	if b.Reject(id) == nil {
		t.Error("rejected what does not wait")
	}
	other := newKey(t) // a host installed anew is another decision
	_, err = b.enroll(other, id, "")
	b.mustRefuse(err, StatusPending, "waits")
	if err := b.Approve(id); err != nil {
		t.Fatal(err)
	}
	if _, err := b.enroll(other, id, ""); err != nil {
		t.Error(err)
	}
	_, err = b.enroll(key, id, "")
	b.mustRefuse(err, StatusForbidden, "turned down")
}

// readCounter counts what is read of a state.
type readCounter struct {
	State
	n int
}

func (c *readCounter) Get(name string) ([]byte, uint64, error) {
	c.n++
	return c.State.Get(name)
}

func TestStrangersFillABoundedPlace(t *testing.T) {
	b := newBench(t)
	if _, err := b.enroll(newKey(t), uuid.Must(uuid.NewV4()), b.token(0)); err != nil {
		t.Fatal(err)
	}
	for n := range maxWaiting { // as strangers would, without the 10,000 signatures
		m := Monitor{ID: uuid.NewV5(uuid.Nil, fmt.Sprint(n)), Pending: "x", Asked: b.clock}
		if _, err := b.state.(*folder).putUnsynced(pendingName(m.ID), &m); err != nil {
			t.Fatal(err)
		}
	}
	reads := &readCounter{State: b.state}
	b.state = reads
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	_, err := b.enroll(key, id, "")
	b.mustRefuse(err, StatusFull, "token")
	before := reads.n
	for range 3 {
		b.clock = b.clock.Add(recheck)
		_, err := b.enroll(key, id, "")
		b.mustRefuse(err, StatusFull, "token")
	}
	if n := reads.n - before; n > 100 {
		t.Errorf("three strangers who are turned away cost %d readings of the state", n)
	}
	if _, err := b.enroll(newKey(t), uuid.Must(uuid.NewV4()), b.token(0)); err != nil {
		t.Errorf("strangers keep a host with a token out: %v", err)
	}
	b.clock = b.clock.Add(waitingLife + time.Second)
	_, err = b.enroll(key, id, "")
	b.mustRefuse(err, StatusPending, "waits")
	if list, err := b.state.List(pendingPrefix); err != nil || len(list) != 1 {
		t.Errorf("%d wait after a week, %v; want those that gave up to be gone", len(list), err)
	}
}

func TestHostsAreFoundByWhatOperatorsSee(t *testing.T) {
	b := newBench(t)
	ids := []uuid.UUID{uuid.Must(uuid.NewV4()), uuid.Must(uuid.NewV4()), uuid.Must(uuid.NewV4())}
	names := []string{"db1", "web", "DB1"}
	for i, id := range ids {
		_, err := b.Enroll(&wire.EnrollRequest{Monitor: id, Name: names[i], CSR: csr(t, newKey(t), id)})
		b.mustRefuse(err, StatusPending, "waits")
	}
	web, err := b.Find("WEB")
	if err != nil || web.ID != ids[1] {
		t.Fatalf("%+v, %v", web, err)
	}
	for _, text := range []string{ids[1].String(), web.Fingerprint(), web.Fingerprint()[:8], strings.ToUpper(web.Fingerprint()[:10])} {
		if m, err := b.Find(text); err != nil || m.ID != ids[1] {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := b.Find("db1"); err == nil || !strings.Contains(err.Error(), ids[0].String()) || !strings.Contains(err.Error(), ids[2].String()) {
		t.Errorf("a name that two hosts claim: %v", err)
	}
	for _, text := range []string{"", "nobody", web.Fingerprint()[:7], uuid.Must(uuid.NewV4()).String()} {
		if m, err := b.Find(text); err == nil {
			t.Errorf("%q is %s", text, m.ID)
		}
	}
}

func TestTokenIsUsedExactlyAsOftenAsItMay(t *testing.T) {
	b := newBench(t)
	const uses, hosts = 10, 24
	secret := b.token(uses)
	receivers := []*Authority{b.Authority, b.beside(), b.beside()}
	var wg sync.WaitGroup
	var granted atomic.Int32
	for n := range hosts {
		key, id := newKey(t), uuid.Must(uuid.NewV4())
		req := &wire.EnrollRequest{Secret: secret, Monitor: id, CSR: csr(t, key, id)}
		wg.Go(func() {
			if _, err := receivers[n%len(receivers)].Enroll(req); err == nil {
				granted.Add(1)
			} else {
				b.mustRefuse(err, StatusForbidden, "used")
			}
		})
	}
	wg.Wait()
	if n := granted.Load(); n != uses {
		t.Errorf("%d hosts enrolled with a token for %d", n, uses)
	}
	if list, err := b.Tokens(); err != nil || list[0].Used != uses || list[0].State(b.clock) != "used" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestLostAnswerCostsNoSecondUse(t *testing.T) {
	b := newBench(t)
	key, id, secret := newKey(t), uuid.Must(uuid.NewV4()), b.token(1)
	for range 3 {
		if _, err := b.enroll(key, id, secret); err != nil {
			t.Fatal(err)
		}
	}
	// The receiver died between counting the use and writing down the host.
	if err := b.state.Remove(monitorName(id)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.enroll(key, id, secret); err != nil {
		t.Errorf("the same key with the same token: %v", err)
	}
	if list, err := b.Tokens(); err != nil || list[0].Used != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestLabelsOfTheTokenStayWithTheHost(t *testing.T) {
	b := newBench(t)
	want := Labels{Site: "berlin", Group: "laptops", Label: "batch 7"}
	tok, info, err := b.CreateToken([]string{"h:1"}, time.Hour, 0, Labels{"berlin\x1b[2J", "laptops", "batch 7"})
	if err != nil || info.Site != "berlin[2J" {
		t.Fatal(info, err)
	}
	want.Site = info.Site
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	_, err = b.enroll(key, id, "") // it waited before it got its token
	b.mustRefuse(err, StatusPending, "waits")
	if _, err := b.enroll(key, id, tok.Secret.String()); err != nil {
		t.Fatal(err)
	}
	if m := b.monitor(id); m.Labels != want {
		t.Errorf("labels %+v", m.Labels)
	}
	if list, err := b.Monitors(); err != nil || len(list) != 1 {
		t.Errorf("%d hosts, %v: it waits no more", len(list), err)
	}
}

func TestLateRenewal(t *testing.T) {
	b := newBench(t)
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	cert, err := b.enroll(key, id, b.token(0))
	if err != nil {
		t.Fatal(err)
	}
	b.clock = cert[0].NotAfter.Add(wire.RenewLate - time.Minute)
	_, err = b.Verify(cert)
	b.mustRefuse(err, StatusUnauthorized, "clock")
	resp, err := b.Renew(cert, &wire.RenewRequest{CSR: csr(t, key, id)})
	if err != nil {
		t.Fatalf("89 days late: %v", err)
	}
	if _, err := b.Verify(b.parse(resp)); err != nil {
		t.Error(err)
	}
	_, err = b.Verify(cert)
	b.mustRefuse(err, StatusUnauthorized, "clock")
	b.clock = b.clock.Add(2 * time.Minute)
	_, err = b.Renew(cert, &wire.RenewRequest{CSR: csr(t, key, id)})
	b.mustRefuse(err, StatusUnauthorized, "clock")
	if err := b.Revoke(id); err != nil {
		t.Fatal(err)
	}
	b.clock = b.clock.Add(-2 * time.Minute)
	_, err = b.Renew(cert, &wire.RenewRequest{CSR: csr(t, key, id)})
	b.mustRefuse(err, StatusForbidden, "revoked")
}

func TestAlternatingEpochsTellOfAClone(t *testing.T) {
	b := newBench(t)
	id := uuid.Must(uuid.NewV4())
	if _, err := b.enroll(newKey(t), id, b.token(0)); err != nil {
		t.Fatal(err)
	}
	delivers := func(a *Authority, epochs ...wire.Epoch) {
		t.Helper()
		for _, e := range epochs {
			if err := a.Delivers(id, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	delivers(b.Authority, 1, 1, 2, 2, 3, 3) // a spool that was wiped, twice
	if m := b.monitor(id); !m.Cloned.IsZero() || len(m.Epochs) != 3 {
		t.Fatalf("%+v", m)
	}
	delivers(b.beside(), 2) // the other one comes to another receiver
	m := b.monitor(id)
	if !m.Cloned.Equal(b.clock) {
		t.Fatalf("not flagged: %+v", m)
	}
	_, before, err := b.state.Get(monitorName(id))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		delivers(b.Authority, 3, 2)
	}
	if _, after, _ := b.state.Get(monitorName(id)); after != before {
		t.Error("clones make the state be written again and again")
	}
	b.clock = b.clock.Add(cloneMemory)
	delivers(b.Authority, 3, 2)
	if m := b.monitor(id); !m.Cloned.Equal(b.clock) {
		t.Errorf("not flagged again: %+v", m)
	}
	delivers(b.Authority, 4, 5, 6, 7, 8, 9)
	if m := b.monitor(id); len(m.Epochs) > keptEpochs {
		t.Errorf("%d epochs kept", len(m.Epochs))
	}
	if err := b.Delivers(uuid.Must(uuid.NewV4()), 1); err != nil {
		t.Errorf("a monitor that is gone: %v", err)
	}
}

// TestRevokedHostDoesNotWait: it is refused with whatever key and token, and leaves nothing for an operator to approve by mistake.
func TestRevokedHostDoesNotWait(t *testing.T) {
	b := newBench(t)
	id := uuid.Must(uuid.NewV4())
	if _, err := b.enroll(newKey(t), id, b.token(0)); err != nil {
		t.Fatal(err)
	}
	if err := b.Revoke(id); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"", b.token(0)} {
		_, err := b.enroll(newKey(t), id, secret)
		b.mustRefuse(err, StatusForbidden, "revoked")
	}
	if m := b.monitor(id); m.Pending != "" {
		t.Errorf("key %.16s waits", m.Pending)
	}
}
