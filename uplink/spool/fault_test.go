package spool

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestBoundsDropTheOldest: bytes, files and free space each push out the oldest segment, and the gap is told.
func TestBoundsDropTheOldest(t *testing.T) {
	for name, o := range map[string]Options{
		"bytes":      {MaxBytes: 32 << 10, SegmentBytes: 4 << 10},
		"files":      {MaxFiles: 6, SegmentBytes: 4 << 10},
		"free space": {MinFree: 1<<20 - 32<<10, SegmentBytes: 4 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			d := newMemFS()
			d.space = 1 << 20
			o.fs = d
			if o.MinFree == 0 {
				o.MinFree = 1
			}
			s := mustOpen(t, "", o)
			begin := time.Now()
			c := newCollector()
			next := fill(t, s, 1, 10, 10)
			s.Sync()
			b, _ := s.Lease(1<<10, 50)
			if _, err := c.take(b); err != nil { // sent and never acknowledged: counted with the dropped
				t.Fatal(err)
			}
			kept := b.Last
			next = fill(t, s, next, 1000, 10)
			if used := d.used(); used > 36<<10 {
				t.Errorf("%d octets on disk", used)
			}
			s.Sync()
			b, ok := s.Lease(1<<10, 50)
			if !ok || b.First-b.Dropped != 1 || b.Dropped < 7000 {
				t.Fatalf("first batch after the overflow: [%d, %d], dropped %d", b.First, b.Last, b.Dropped)
			}
			st := s.Stats()
			if st.Dropped != b.Dropped || st.DroppedFrom.Before(begin) || st.DroppedTo.Before(st.DroppedFrom) || st.Dropped+st.Pending != next-1 {
				t.Errorf("%+v", st)
			}
			if _, err := c.take(b); err != nil {
				t.Fatal(err)
			}
			// The gap survives a restart, and is told again until it is known.
			s.Close()
			s = mustOpen(t, "", o)
			if again, _ := s.Lease(1<<10, 50); again.First != b.First || again.Dropped != b.Dropped || s.Stats().Dropped != st.Dropped {
				t.Errorf("after reopening: from %d dropped %d (in all %d), want %d and %d", again.First, again.Dropped, s.Stats().Dropped, b.First, b.Dropped)
			}
			s.Rewind()
			c.drain(t, s)
			if got := uint64(len(c.times)); got != next-1-st.Dropped+kept {
				t.Errorf("%d records arrived of %d with %d dropped", got, next-1, st.Dropped)
			}
		})
	}
}

// TestErrorsOfTheDisk lives with a disk on which any operation fails at times: nothing arrives twice, and what is missing is counted.
func TestErrorsOfTheDisk(t *testing.T) {
	for _, errno := range []error{syscall.EIO, syscall.ENOSPC, syscall.EMFILE, syscall.EROFS} {
		t.Run(errno.Error(), func(t *testing.T) {
			for seed := range 40 {
				d := newMemFS()
				r := rand.New(rand.NewPCG(uint64(seed), 3))
				var off atomic.Bool
				d.fail = func(op, name string) error {
					if !off.Load() && op != "read" && (op != "open" || strings.HasSuffix(name, suffix)) && r.IntN(15) == 0 {
						return errno
					}
					return nil
				}
				s := mustOpen(t, "", Options{fs: d, SegmentBytes: 1 << 10, MinFree: 1})
				c := newCollector()
				id := uint64(1)
				for range 200 {
					id = fill(t, s, id, 1+r.IntN(3), 5)
					s.Sync()
					if b, ok := s.Lease(1<<10, 30); ok {
						durable, err := c.take(b)
						if err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
						s.Commit(b.Epoch, durable)
						if err := sums(s); err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
					}
				}
				off.Store(true)
				s.Sync()
				c.drain(t, s)
				st := s.Stats()
				if st.Degraded != "" {
					t.Fatalf("seed %d: still %s", seed, st.Degraded)
				}
				if missing := id - 1 - uint64(len(c.times)); missing > st.Dropped || errno != syscall.ENOSPC && missing > 0 {
					t.Fatalf("seed %d: %d records missing, %+v", seed, missing, st)
				}
			}
		})
	}
}

// TestFailedSyncIsNotTriedAgain is rule 4.
func TestFailedSyncIsNotTriedAgain(t *testing.T) {
	d := newMemFS()
	var synced []string
	bad := ""
	d.fail = func(op, name string) error {
		if op == "sync" && strings.HasSuffix(name, suffix) {
			synced = append(synced, name)
			if bad == "" {
				bad = name
				return syscall.EIO
			}
		}
		return nil
	}
	s := mustOpen(t, "", Options{fs: d})
	fill(t, s, 1, 3, 5)
	if err := s.Sync(); err == nil {
		t.Fatal("the failure was not told")
	}
	fill(t, s, 16, 3, 5)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if n := slices.Index(synced[1:], bad); n >= 0 || len(synced) < 2 {
		t.Errorf("synced %v: %s again", synced, bad)
	}
	st := s.Stats()
	if st.SyncErrors != 1 || st.Files != 2 {
		t.Errorf("%+v, want one error and a second segment", st)
	}
	c := newCollector()
	c.drain(t, s)
	c.want(t, 30)
	d.fail = func(op, _ string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	}
	fill(t, s, 31, 3, 5)
	s.Sync()
	if b, ok := s.Lease(1<<10, 50); ok {
		t.Fatalf("leased %d to %d while no sync succeeds", b.First, b.Last)
	}
	d.fail = nil
	c.drain(t, s)
	c.want(t, 45)
}

// TestMemoryWhenTheFolderFails is fault 8: a bounded queue in memory under an epoch of its own, and back to disk without hands.
func TestMemoryWhenTheFolderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemFS()
		var broken atomic.Bool
		d.fail = func(op, name string) error {
			if broken.Load() && op != "read" && op != "open" {
				return syscall.EROFS
			}
			return nil
		}
		s := mustOpen(t, "", Options{fs: d, MemoryBytes: 256 << 10, SegmentBytes: 64 << 10})
		done := make(chan error)
		go func() { done <- s.Run(t.Context()) }()
		before := s.Epoch()
		next := fill(t, s, 1, 10, 10)
		broken.Store(true)
		next = fill(t, s, next, 3000, 10)
		st := s.Stats()
		if st.Degraded == "" || st.MemoryBytes > 256<<10 || st.Epoch == before {
			t.Fatalf("%+v", st)
		}
		if st.Dropped == 0 {
			t.Error("480 kB in 256 KiB and nothing dropped")
		}
		c := newCollector()
		c.drainLoose(t, s)
		next = fill(t, s, next, 5, 10)
		broken.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if st := s.Stats(); st.Degraded != "" || st.MemoryBytes > 0 {
			t.Fatalf("not back after 10 s: %+v", st)
		}
		next = fill(t, s, next, 5, 10)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		c.drain(t, s)
		st = s.Stats()
		if missing := next - 1 - uint64(len(c.times)); missing != st.Dropped || c.dropped != st.Dropped {
			t.Errorf("%d records missing, %d dropped, %d told to the collector", missing, st.Dropped, c.dropped)
		}
		go func() { <-done }()
	})
}

// drainLoose leases what there is without asking for a sync to work.
func (c *collector) drainLoose(t *testing.T, s *Spool) {
	for {
		b, ok := s.Lease(64<<10, 200)
		if !ok {
			return
		}
		durable, err := c.take(b)
		if err != nil {
			t.Fatal(err)
		}
		s.Commit(b.Epoch, durable)
	}
}

func TestQuarantine(t *testing.T) {
	d := newMemFS()
	s := mustOpen(t, "", Options{fs: d})
	c := newCollector()
	fill(t, s, 1, 60, 10)
	s.Sync()
	for i := range 20 { // every third batch of 10 records is refused
		for j := range 3 {
			b, ok := s.Lease(1<<10, 10)
			if !ok {
				t.Fatal("nothing left")
			}
			want := uint64(0)
			if i > 0 && j == 0 {
				want = 10
			}
			if b.Dropped != want {
				t.Fatalf("batch from %d says %d dropped, want %d", b.First, b.Dropped, want)
			}
			if j == 2 {
				if err := s.Quarantine(b, []byte("HEAD")); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if _, err := c.take(b); err != nil {
				t.Fatal(err)
			}
			if i == 10 && j == 0 {
				s.Rewind() // and everything again
				for k := range i*2 + 1 {
					if b, ok := s.Lease(1<<10, 10); !ok || (b.Dropped > 0) != (k > 0 && k%2 == 0) {
						t.Fatalf("batch %d after Rewind: from %d, dropped %d", k, b.First, b.Dropped)
					}
				}
			}
		}
	}
	if st := s.Stats(); st.Quarantined != 200 {
		t.Errorf("%d quarantined", st.Quarantined)
	}
	files := must(d.list(quarantineDir))
	if len(files) != quarantineFiles || files[0].Size() != 4+10*recordSize {
		t.Errorf("%d files in quarantine, the first of %d octets", len(files), files[0].Size())
	}
}
