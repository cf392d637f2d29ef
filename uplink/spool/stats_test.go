package spool

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTimeOfTheLatestLoss: what is given up in pieces that lie side by side is one loss, from the oldest to the newest of them; what is
// given up after something that was kept is another one.
func TestTimeOfTheLatestLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, "", Options{fs: newMemFS(), SegmentBytes: 1 << 10})
		begun := time.Now()
		at := func(minute int) time.Time { return begun.Add(time.Duration(minute) * time.Minute) }
		id := uint64(1)
		for range 5 { // a segment a minute
			id = fill(t, s, id, 1, 60)
			time.Sleep(time.Minute)
		}
		lost := func(drops int, from, to time.Time) {
			t.Helper()
			s.mu.Lock()
			for range drops {
				s.dropOldest(false)
			}
			s.mu.Unlock()
			if st := s.Stats(); !st.DroppedFrom.Equal(from) || !st.DroppedTo.Equal(to) {
				t.Errorf("lost from %v to %v, want %v to %v", st.DroppedFrom, st.DroppedTo, from, to)
			}
		}
		lost(2, at(0), at(1))
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if b, ok := s.Lease(1, 1); !ok || s.Commit(b.Epoch, b.Last) != nil {
			t.Fatal("the third segment was not delivered")
		}
		lost(1, at(3), at(3))
	})
}
