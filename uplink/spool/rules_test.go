package spool

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTornTailIsCut is rule 2: the next start finds nothing to complain of.
func TestTornTailIsCut(t *testing.T) {
	d := newMemFS()
	o := Options{fs: d}
	s := mustOpen(t, "", o)
	next := fill(t, s, 1, 5, 10)
	s.Sync()
	f := d.names[segmentName(1)]
	f.data = f.data[:len(f.data)-7]
	s = mustOpen(t, "", o)
	if st := s.Stats(); st.Torn != 10*recordSize+frameHeader-7 || st.Bad != 0 || st.Pending != 40 {
		t.Fatalf("after a torn write: %+v", st)
	}
	fill(t, s, next, 5, 10)
	s.Close()
	s = mustOpen(t, "", o)
	if st := s.Stats(); st.Torn != 0 || st.Bad != 0 || st.Pending != 90 {
		t.Errorf("at the start after: %+v", st)
	}
}

// TestLeasedIsOnTheDisk: a power cut between the sync of a new segment and the floor that names it takes nothing back that the
// collector has.
func TestLeasedIsOnTheDisk(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 4))
		d := newMemFS()
		o := Options{fs: d, Host: "h"}
		s := mustOpen(t, "", o)
		s.Sync()
		c := newCollector()
		var cut *memFS
		d.enter = func(_, name string) {
			if cut != nil || name != floorName+".tmp" || s.Stats().Appended == 0 {
				return
			}
			for b, ok := s.Lease(1<<10, 20); ok; b, ok = s.Lease(1<<10, 20) {
				if _, err := c.take(b); err != nil {
					t.Error(err)
				}
			}
			cut = d.crash(r)
		}
		next := fill(t, s, 1, 5, 10)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if len(c.times) == 0 || cut == nil {
			t.Fatal("nothing was leased before the floor was written: this test sees nothing")
		}
		s = mustOpen(t, "", Options{fs: cut, Host: "h"})
		next = fill(t, s, next, 5, 10)
		c.drain(t, s)
		c.want(t, next-1)
	}
}

// TestASecondAndASync: however slow the disk, no record waits for more than the second between two syncs and a sync (here of two
// segments, 0.3 s each, and 0.2 s until somebody looks), and so when a segment was begun just now and while no floor can be written.
func TestASecondAndASync(t *testing.T) {
	for _, floors := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemFS()
			d.enter = func(op, _ string) {
				if op == "sync" {
					time.Sleep(300 * time.Millisecond)
				}
			}
			s := mustOpen(t, "", Options{fs: d, SegmentBytes: 16 << 10})
			d.mu.Lock()
			d.fail = func(op, name string) error {
				if !floors && op == "open" && name == floorName+".tmp" {
					return errors.New("no floor")
				}
				return nil
			}
			d.mu.Unlock()
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- s.Run(ctx) }()
			made := map[uint64]time.Time{}
			longest := time.Duration(0)
			for i := range uint64(2000) { // 20 s of a block each 10 ms, then as much of one each 200 ms
				if err := s.Append(records(i+1, 1), 1, number); err != nil {
					t.Fatal(err)
				}
				made[i+1] = time.Now()
				if time.Sleep(10 * time.Millisecond); i >= 1900 {
					time.Sleep(190 * time.Millisecond)
				}
				for b, ok := s.Lease(1<<16, 1000); ok; b, ok = s.Lease(1<<16, 1000) {
					longest = max(longest, time.Since(made[b.First]))
				}
			}
			if longest == 0 || longest > 1850*time.Millisecond {
				t.Errorf("floors %v: a record waited for %v to be safe", floors, longest)
			}
			stop()
			<-done // Close would wait for it with a lock, and the clock for Close
		})
	}
}

// TestNamesCarryTheNumbering: every segment is destroyed and the floor is gone; the names still say which numbers were given.
func TestNamesCarryTheNumbering(t *testing.T) {
	d := newMemFS()
	o := Options{fs: d, SegmentBytes: 1 << 10}
	s := mustOpen(t, "", o)
	fill(t, s, 1, 40, 10)
	s.Close()
	delete(d.names, floorName)
	last := uint64(0)
	for name, f := range d.names {
		if first, ok := parseName(name); ok {
			clear(f.data)
			last = max(last, first)
		}
	}
	s2 := mustOpen(t, "", o)
	if st := s2.Stats(); st.Next < last || st.Epoch == s.Epoch() || st.Bad == 0 {
		t.Errorf("next %d in epoch %x after %d in %x, %d bad", st.Next, st.Epoch, last, s.Epoch(), st.Bad)
	}
}

// TestWithoutAFloorTheEpochIsNew: what else is missing cannot be known then.
func TestWithoutAFloorTheEpochIsNew(t *testing.T) {
	d := newMemFS()
	s := mustOpen(t, "", Options{fs: d})
	fill(t, s, 1, 10, 10)
	s.Close()
	delete(d.names, floorName)
	s2 := mustOpen(t, "", Options{fs: d})
	if st := s2.Stats(); st.Epoch == s.Epoch() || st.Next != 101 || st.Pending != 100 {
		t.Errorf("%+v", st)
	}
}

// TestHeaderIsWholeOrNothing changes every octet of a segment's header: nothing of it is believed.
func TestHeaderIsWholeOrNothing(t *testing.T) {
	g := &segment{epoch: 7, owner: 8, first: 9, from: time.Now()}
	for at := range headerSize {
		bad := g.header()
		bad[at] ^= 4
		if got, err := parseHeader(bad); err == nil {
			t.Fatalf("octet %d changed and taken: %+v", at, got)
		}
	}
	if _, err := parseHeader(g.header()); err != nil {
		t.Fatal(err)
	}
}

// TestFloorIsWholeOrNothing changes every octet of a floor: none is believed.
func TestFloorIsWholeOrNothing(t *testing.T) {
	d := newMemFS()
	s := mustOpen(t, "", Options{fs: d, Host: "h"})
	fill(t, s, 1, 10, 10)
	s.Sync()
	text := d.names[floorName].data
	if _, ok := parseFloor(string(text)); !ok {
		t.Fatal("a sound floor was refused")
	}
	for at := range text {
		for _, bit := range []byte{1, 4, 32} {
			bad := bytes.Clone(text)
			bad[at] ^= bit
			if f, ok := parseFloor(string(bad)); ok {
				t.Fatalf("octet %d changed and taken: %+v", at, f)
			}
		}
	}
}

// TestQuarantineSurvivesARestart: a batch that was refused is not offered again, is counted once, and stays reported.
func TestQuarantineSurvivesARestart(t *testing.T) {
	d := newMemFS()
	o := Options{fs: d}
	s := mustOpen(t, "", o)
	fill(t, s, 1, 6, 10)
	s.Sync()
	for range 2 {
		b, _ := s.Lease(1<<10, 10)
		if err := s.Quarantine(b, nil); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Quarantined != 20 || st.Discarded != 20 || st.Pending != 40 {
		t.Fatalf("%+v", st)
	}
	s.Close()
	s = mustOpen(t, "", o)
	b, ok := s.Lease(1<<10, 100)
	if !ok || b.First != 21 || b.Dropped != 20 {
		t.Fatalf("after the restart: from %d with %d dropped", b.First, b.Dropped)
	}
	s.Commit(b.Epoch, b.Last)
	if st := s.Stats(); st.Inherited != 40 || st.Committed != 40 || st.Discarded != 0 || st.Pending != 0 {
		t.Errorf("%+v", st)
	}
}

// TestWhatIsSetAsideIsBounded: 16 damaged segments, 16 files and 4 MiB in quarantine.
func TestWhatIsSetAsideIsBounded(t *testing.T) {
	d := newMemFS()
	o := Options{fs: d, SegmentBytes: 1 << 10}
	count := func(suffix string) (n int) {
		for name := range d.names {
			if strings.HasSuffix(name, suffix) {
				n++
			}
		}
		return n
	}
	next := uint64(1)
	for range 3 {
		s := mustOpen(t, "", o)
		next = fill(t, s, next, 60, 10)
		s.Close()
		for name, f := range d.names {
			if strings.HasSuffix(name, suffix) {
				clear(f.data[:headerSize])
			}
		}
	}
	s := mustOpen(t, "", o)
	if n := count(badSuffix); n == 0 || n > maxBad {
		t.Errorf("%d damaged segments are kept, want 1 to %d", n, maxBad)
	}
	fill(t, s, next, 300, 10)
	s.Sync()
	for name, f := range d.names { // while it is open
		if strings.HasSuffix(name, suffix) {
			f.data[len(f.data)-recordSize] ^= 1
			f.data[headerSize+frameHeader] ^= 1
		}
	}
	for b, ok := s.Lease(1<<10, 100); ok; b, ok = s.Lease(1<<10, 100) {
		_ = b
	}
	if n := count(badSuffix); n > 2*maxBad+1 {
		t.Errorf("%d damaged segments are kept", n)
	}
	s = mustOpen(t, "", Options{fs: newMemFS()})
	for range 8 {
		s.Append(make([]byte, 1<<20), 1, nil)
		s.Sync()
		b, _ := s.Lease(1<<20, 1)
		if err := s.Quarantine(b, []byte("HEAD")); err != nil {
			t.Fatal(err)
		}
	}
	total := int64(0)
	for _, f := range must(s.fs.list(quarantineDir)) {
		total += f.Size()
	}
	if total == 0 || total > quarantineBytes {
		t.Errorf("%d octets in quarantine", total)
	}
}
