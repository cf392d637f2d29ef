package pki

import (
	"sync"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

func TestOtherKeyWaitsForApproval(t *testing.T) {
	b := newBench(t)
	id := uuid.Must(uuid.NewV4())
	first, second := newKey(t), newKey(t)
	oldCert, err := b.enroll(first, id, b.token(0))
	if err != nil {
		t.Fatal(err)
	}
	once := b.token(1)
	for range 3 { // asking again must not use the token up
		_, err = b.enroll(second, id, once)
		b.mustRefuse(err, StatusConflict, "hosts approve "+id.String())
	}
	if _, err := b.Verify(oldCert); err != nil {
		t.Errorf("the first owner was put out by a mere request: %v", err)
	}
	if err := b.Approve(id); err != nil {
		t.Fatal(err)
	}
	newCert, err := b.enroll(second, id, "")
	if err != nil {
		t.Fatal(err)
	}
	b.clock = b.clock.Add(recheck)
	if _, err := b.Verify(newCert); err != nil {
		t.Error(err)
	}
	_, err = b.Verify(oldCert)
	b.mustRefuse(err, StatusForbidden, "another key")
	if b.Approve(id) == nil || b.Approve(uuid.Must(uuid.NewV4())) == nil {
		t.Error("approved what does not wait")
	}
}

func TestWithoutTokenWaitsForApproval(t *testing.T) {
	b := newBench(t)
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	_, err := b.enroll(key, id, "")
	b.mustRefuse(err, StatusPending, "hosts approve")
	if err := b.Approve(id); err != nil {
		t.Fatal(err)
	}
	if _, err := b.enroll(key, id, ""); err != nil {
		t.Error(err)
	}
}

func TestRevokedMonitorIsRefusedWithinTwoSeconds(t *testing.T) {
	b := newBench(t)
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	cert, err := b.enroll(key, id, b.token(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Verify(cert); err != nil {
		t.Fatal(err)
	}
	beside := b.beside() // as a command does beside the running collector
	if err := beside.Revoke(id); err != nil {
		t.Fatal(err)
	}
	b.clock = b.clock.Add(recheck)
	_, err = b.Verify(cert)
	b.mustRefuse(err, StatusForbidden, "revoked")
	_, err = b.enroll(key, id, b.token(0))
	b.mustRefuse(err, StatusForbidden, "revoked")
	if err := beside.Approve(id); err != nil {
		t.Fatal(err)
	}
	b.clock = b.clock.Add(recheck)
	if _, err := b.Verify(cert); err != nil {
		t.Errorf("approved again: %v", err)
	}
}

// TestRevocationSurvivesARenewal: the operator's command is another process than the collector.
func TestRevocationSurvivesARenewal(t *testing.T) {
	b := newBench(t)
	operator := b.beside()
	id, key := uuid.Must(uuid.NewV4()), newKey(t)
	if _, err := b.enroll(key, id, b.token(1)); err != nil {
		t.Fatal(err)
	}
	for range 50 { // the two meet at different points
		var both sync.WaitGroup
		both.Go(func() { b.enroll(key, id, "") }) // granted or, after the revocation, refused
		if err := operator.Revoke(id); err != nil {
			t.Fatal(err)
		}
		both.Wait()
		if m := b.monitor(id); !m.Revoked {
			t.Fatalf("a revocation was undone by a certificate issued at the same time: %+v", m)
		}
		if err := operator.Approve(id); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStrangerRenamesNoHost: an enrolment without a token may name any monitor.
func TestStrangerRenamesNoHost(t *testing.T) {
	b := newBench(t)
	id := uuid.Must(uuid.NewV4())
	if _, err := b.enroll(newKey(t), id, b.token(1)); err != nil {
		t.Fatal(err)
	}
	_, err := b.Enroll(&wire.EnrollRequest{Monitor: id, Name: "stranger", OS: "plan9", CSR: csr(t, newKey(t), id)})
	b.mustRefuse(err, StatusConflict, "another key")
	if m := b.monitor(id); m.Name != "h1[31m" || m.OS != "" {
		t.Errorf("%+v", m)
	}
}
