package spool

import (
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestCloneGetsANewEpoch is part of fault 11: another host under the same folder.
func TestCloneGetsANewEpoch(t *testing.T) {
	d := newMemFS()
	s := mustOpen(t, "", Options{fs: d, Host: "a"})
	next := fill(t, s, 1, 5, 5)
	s.Close()
	clone := mustOpen(t, "", Options{fs: d, Host: "b"})
	st := clone.Stats()
	if st.Epoch == s.Epoch() || st.Foreign != 1 || st.Pending != 0 {
		t.Fatalf("%+v", st)
	}
	fill(t, clone, next, 1, 5)
	clone.Sync()
	if b, ok := clone.Lease(1<<10, 10); !ok || b.Epoch != st.Epoch {
		t.Error("the clone delivers under the old epoch")
	}
	if !slices.ContainsFunc(must(d.list(".")), func(f fs.FileInfo) bool { return strings.HasSuffix(f.Name(), ".foreign") }) {
		t.Error("the other host's records were erased")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// rolledBack returns a spool that was opened from a snapshot: it has records 1 to 100, and the collector all 400 that were made.
func rolledBack(t *testing.T) (*Spool, *collector, *memFS) {
	t.Helper()
	d := newMemFS()
	s := mustOpen(t, "", Options{fs: d})
	c := newCollector()
	fill(t, s, 1, 10, 10)
	s.Sync()
	snapshot := d.crash(rand.New(rand.NewPCG(1, 1)))
	old := s.Epoch()
	fill(t, s, 101, 30, 10)
	c.drain(t, s)
	s = mustOpen(t, "", Options{fs: snapshot})
	if s.Epoch() != old {
		t.Fatal("the snapshot is in doubt by itself: nothing would be tested")
	}
	return s, c, snapshot
}

// TestSnapshotRolledBack is the rest of fault 11: the collector has more than the spool ever made.
func TestSnapshotRolledBack(t *testing.T) {
	s, c, snapshot := rolledBack(t)
	old := s.Epoch()
	if s.Resume(old, 90) || s.Resume(old+1, 400) {
		t.Fatal("a plausible watermark was taken for a rollback")
	}
	fill(t, s, 401, 20, 10) // numbers 101 to 300 again
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if !s.Resume(old, 400) || s.Epoch() == old {
		t.Fatal("not noticed")
	}
	for b, ok := s.Lease(1<<10, 50); ok; b, ok = s.Lease(1<<10, 50) {
		if b.Epoch != old {
			t.Fatal("leased under the new epoch before that is on the disk")
		}
	}
	s.Rewind()
	fill(t, s, 601, 10, 10)
	c.drain(t, s)
	c.want(t, 700)
	e := s.Epoch()
	s.Close()
	if s = mustOpen(t, "", Options{fs: snapshot}); s.Epoch() != e {
		t.Error("the new epoch was forgotten")
	}
}

// TestSnapshotRolledBackSeenLate: the collector did not know what it has when it was asked first, and some of what is new was sent and thrown away.
func TestSnapshotRolledBackSeenLate(t *testing.T) {
	s, c, _ := rolledBack(t)
	old := s.Epoch()
	fill(t, s, 401, 30, 10) // numbers 101 to 400 again
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // 100 that are inherited, 100 of the new
		if b, ok := s.Lease(1<<10, 10); !ok || b.Epoch != old {
			t.Fatalf("lease %d: %+v", i, b)
		}
	}
	if s.Resume(old, 199) { // of what was sent
		t.Fatal("what was sent is taken for a rollback")
	}
	if !s.Resume(old, 400) || s.Epoch() == old {
		t.Fatal("not noticed")
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if s.Resume(s.Epoch(), 50) {
		t.Error("noticed again")
	}
	c.drain(t, s)
	c.want(t, 700) // the last 300 under a new epoch, all of them
	if st := s.Stats(); st.WriteErrors != 0 {
		t.Errorf("%+v", st)
	}
}
