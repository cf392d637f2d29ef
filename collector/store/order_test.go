package store

import (
	"testing"
	"time"
)

func TestRepeatedAndOverlappingBatchesAreStoredOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, again := newHost(t, 1), newHost(t, 1)
	first := a.batch(t, 100, 0)
	wide := again.batch(t, 150, 0) // 1 to 150, after 1 to 100
	add(t, s, first, first)
	commit(t, s)
	add(t, s, first, wide)
	commit(t, s)
	m := s.Marks()[0]
	if m.Sequence != 150 || m.Records != 150 || m.Repeated != 300 || m.Lost != 0 {
		t.Errorf("mark %+v, want 150 records and 300 repeated", m)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	add(t, s, first, wide)
	commit(t, s)
	wantOnce(t, dir, wide)
}

func TestEpochsAreApart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	old, fresh := newHost(t, 1), newHost(t, 1)
	fresh.epoch++
	a, b, c := old.batch(t, 10, 0), fresh.batch(t, 10, 0), old.batch(t, 10, 0)
	add(t, s, a, b, c) // the rest of an old epoch after the new one began
	commit(t, s)
	wantOnce(t, dir, a, b, c)
}

func TestGapsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, Config{Account: accountGaps})
	h := newHost(t, 1)
	add(t, s, h.batch(t, 10, 0))
	reported := h.batch(t, 10, 5)
	silent := h.batch(t, 10, 7)
	silent.Dropped = 2
	add(t, s, reported)
	for range 2 { // the second time is the journal being read again, and shows nothing
		if _, err := s.Add(silent); err == nil {
			t.Error("a batch behind a gap that nobody reported is taken at once: the agent may still have what is missing")
		}
	}
	silent.Received = silent.Received.Add(2 * time.Minute)
	if _, err := s.Add(silent); err == nil {
		t.Error("a batch behind a gap is taken while the journal may keep out what is missing: it was sent two minutes ago")
	}
	silent.Received = silent.Received.Add(time.Minute)
	add(t, s, silent)
	if s.Watermark(h.id, h.epoch) != 0 {
		t.Error("the watermark rose before the commit")
	}
	commit(t, s)
	s.Close()
	s = openWith(t, dir, Config{Account: accountGaps})
	defer s.Close()
	gaps := intervals(t, dir, h.id)
	if len(gaps) != 2 || gaps[0].First != 11 || gaps[0].Last != 15 || gaps[0].Records != 5 || gaps[1].First != 26 || gaps[1].Last != 32 || gaps[1].Records != 2 {
		t.Errorf("gaps %+v", gaps)
	}
	if m := s.Marks()[0]; m.Lost != 12 || m.Sequence != 42 || s.Watermark(h.id, h.epoch) != 42 {
		t.Errorf("mark %+v", m)
	}
	// An epoch that begins anywhere has no gap before it.
	late := newHost(t, 2)
	late.next = 1000
	add(t, s, late.batch(t, 10, 0))
	commit(t, s)
	if gaps := intervals(t, dir, late.id); len(gaps) != 0 {
		t.Errorf("gaps before the first batch: %+v", gaps)
	}
}

// TestWhatTheJournalLostIsTakenFromTheAgent: after the loss comes what is newer, then all that the agent still has.
func TestWhatTheJournalLostIsTakenFromTheAgent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	h := newHost(t, 1)
	a, lost, newer, newest := h.batch(t, 10, 0), h.batch(t, 10, 0), h.batch(t, 10, 0), h.batch(t, 10, 0)
	add(t, s, a)
	for _, b := range []*Batch{newer, newest} {
		if _, err := s.Add(b); err == nil {
			t.Errorf("batch %d-%d is taken, and the agent told to forget what is missing before it", b.First, b.Last)
		}
	}
	commit(t, s)
	if got := s.Watermark(h.id, h.epoch); got != a.Last {
		t.Fatalf("watermark %d, want %d", got, a.Last)
	}
	for _, b := range []*Batch{lost, newer, newest} {
		b.Received = b.Received.Add(time.Minute)
		add(t, s, b)
	}
	commit(t, s)
	wantOnce(t, dir, a, lost, newer, newest)
	if m := s.Marks()[0]; m.Lost != 0 {
		t.Errorf("%+v", m)
	}
}

// TestAGapGrowsNoLarger: after a batch behind a gap that nobody has reported, only that one or what was before it may close the gap, however late another one comes.
func TestAGapGrowsNoLarger(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	h := newHost(t, 1)
	a, lost, behind, farther := h.batch(t, 10, 0), h.batch(t, 10, 0), h.batch(t, 10, 0), h.batch(t, 10, 0)
	add(t, s, a)
	for range 2 {
		for _, b := range []*Batch{behind, farther} {
			if _, err := s.Add(b); err == nil {
				t.Fatalf("batch %d-%d is taken", b.First, b.Last)
			}
		}
		farther.Received = farther.Received.Add(time.Hour) // the second time: behind alone would do now
	}
	for _, b := range []*Batch{lost, behind, farther} {
		b.Received = b.Received.Add(2 * time.Hour)
		add(t, s, b)
	}
	commit(t, s)
	wantOnce(t, dir, a, lost, behind, farther)
	if m := s.Marks()[0]; !m.First.Equal(a.Received) || !m.Last.Equal(farther.Received) || m.Lost != 0 {
		t.Errorf("mark %+v: the first batch was received at %v, the last one at %v", m, a.Received, farther.Received)
	}
}
