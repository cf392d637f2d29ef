package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestUnlinkTakenBack: a power cut after the floor was written brings back segments that were freed. They are not sent again, the
// numbering and the epoch stay.
func TestUnlinkTakenBack(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{SegmentBytes: 1 << 10})
	next := fill(t, s, 1, 50, 10)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	freed := map[string][]byte{}
	for _, g := range s.segs[:3] {
		b, err := os.ReadFile(filepath.Join(dir, g.name()))
		if err != nil {
			t.Fatal(err)
		}
		freed[g.name()] = b
	}
	epoch, done := s.epoch, s.segs[3].first-1
	for _, ok := s.Lease(1<<20, 1000); ok; {
		_, ok = s.Lease(1<<20, 1000)
	}
	if err := errors.Join(s.Commit(epoch, done), s.Close()); err != nil {
		t.Fatal(err)
	}
	for name, b := range freed {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Fatalf("%s was not freed", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = mustOpen(t, dir, Options{SegmentBytes: 1 << 10})
	b, ok := s.Lease(1<<20, 1000)
	if !ok || b.First != done+1 || b.Dropped != 0 || b.Epoch != epoch || s.next != next || s.Stats().Discarded != 0 {
		t.Errorf("leased from %d of epoch %x (%d missing), next %d; want %d of %x, next %d: %+v", b.First, b.Epoch, b.Dropped, s.next, done+1, epoch, next, s.Stats())
	}
	for name := range freed {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestCloseCountsWhatWasInMemory: what could not be put on a disk until the end is given up, and said to be.
func TestCloseCountsWhatWasInMemory(t *testing.T) {
	d := newMemFS()
	s := mustOpen(t, "", Options{fs: d})
	d.mu.Lock()
	d.fail = func(op, _ string) error { return fs.ErrPermission }
	d.mu.Unlock()
	fill(t, s, 1, 3, 10)
	s.Close()
	if st := s.Stats(); st.Discarded != 30 || st.Dropped != 30 || st.Pending != 0 || st.DroppedTo.IsZero() {
		t.Errorf("%+v", st)
	}
}
