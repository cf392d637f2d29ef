package spool

import (
	"errors"
	"testing"
)

// TestAFailedSyncIsNotCoveredByAnOlderOne: of two segments the older one's sync works, and no other does. What the newer one holds may not
// be on the disk: a collector must not see its numbers before a later segment is.
func TestAFailedSyncIsNotCoveredByAnOlderOne(t *testing.T) {
	d := newMemFS()
	s := mustOpen(t, "", Options{fs: d, SegmentBytes: 1 << 10})
	next := fill(t, s, 1, 1, 10)
	for len(s.segs) < 2 {
		next = fill(t, s, next, 1, 10)
	}
	first, second := s.segs[0].name(), s.segs[1].first
	broken := true
	d.mu.Lock()
	d.fail = func(op, name string) error {
		if broken && op == "sync" && name != first {
			return errors.New("input/output error")
		}
		return nil
	}
	d.mu.Unlock()
	if s.Sync() == nil {
		t.Fatal("no sync failed")
	}
	b, ok := s.Lease(1<<20, 1000)
	if more, again := s.Lease(1<<20, 1000); !ok || b.Last != second-1 || again {
		t.Errorf("leased up to %d, then %d; want %d and no more", b.Last, more.Last, second-1)
	}
	broken = false
	fill(t, s, next, 1, 10)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if b, ok = s.Lease(1<<20, 1000); !ok || b.First != second {
		t.Errorf("leased from %d, want %d", b.First, second)
	}
}
