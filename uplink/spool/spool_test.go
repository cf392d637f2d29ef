package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRecordsLeaveOnceInOrderAndFreeTheirFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "spool")
	o := Options{SegmentBytes: 4 << 10}
	s := mustOpen(t, dir, o)
	if _, ok := s.Lease(1<<16, 200); ok {
		t.Fatal("an empty spool leased something")
	}
	next := fill(t, s, 1, 300, 7)
	if _, ok := s.Lease(1<<16, 200); ok {
		t.Fatal("leased what was never synced")
	}
	if n := len(segments(t, dir)); n < 8 {
		t.Fatalf("%d segments, want several", n)
	}
	c := newCollector()
	c.drain(t, s)
	c.want(t, next-1)
	st := s.Stats()
	if n := len(segments(t, dir)); n > 1 || st.Pending != 0 || st.Durable != next-1 {
		t.Fatalf("%d segments left, %+v", n, st)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(records(1, 1), 1, number); err == nil {
		t.Error("appended to a closed spool")
	}

	// Everything is gone from disk, and still the numbering and the epoch go on.
	s2 := mustOpen(t, dir, o)
	if st2 := s2.Stats(); st2.Next != next || st2.Epoch != st.Epoch || st2.Unclean || len(segments(t, dir)) != 0 {
		t.Fatalf("after reopening: %+v, want next %d in epoch %x", st2, next, st.Epoch)
	}
	next = fill(t, s2, next, 3, 5)
	c.drain(t, s2)
	c.want(t, next-1)
}

func TestWhatWasNotDurableIsLeasedAgain(t *testing.T) {
	dir := t.TempDir()
	os.Chmod(dir, 0o700)
	s := mustOpen(t, dir, Options{})
	fill(t, s, 1, 10, 10)
	s.Sync()
	a, _ := s.Lease(1<<16, 40)
	first, last := a.First, a.Last
	if first != 1 || last != 40 {
		t.Fatalf("leased [%d, %d]", first, last)
	}
	if b, _ := s.Lease(1<<16, 40); b.First != 41 {
		t.Fatalf("second lease begins at %d", b.First)
	}
	if e, ok := s.Unacknowledged(); !ok || e != s.Epoch() {
		t.Error("what was sent counts as acknowledged")
	}
	s.Commit(s.Epoch(), 40)
	s.Rewind()
	if b, _ := s.Lease(1<<16, 40); b.First != 41 || b.Dropped != 0 {
		t.Fatalf("after Rewind at 40: from %d, dropped %d", b.First, b.Dropped)
	}
	// Another epoch, or more than was sent: nothing more is freed.
	s.Commit(s.Epoch()+1, 80)
	if st := s.Stats(); st.Committed != 40 || st.Pending != 60 {
		t.Fatalf("the watermark of another epoch was taken: %+v", st)
	}
	s.Commit(s.Epoch(), 1<<40)
	s.Rewind()
	if b, ok := s.Lease(1<<16, 40); !ok || b.First != 81 {
		t.Fatalf("after an impossible watermark: %v from %d, want 81", ok, b.First)
	}
}

// A disk that turns a bit while the spool is open: what was hit is given up, counted and told to the collector as a gap;
// nothing of it is sent.
func TestDamageSinceOpening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpen(t, dir, Options{})
	next := fill(t, s, 1, 3, 10)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	name := segments(t, dir)[0]
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-5] ^= 1 // in the body of the third block
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, ok := s.Lease(1<<16, 200); !ok || b.First != 1 || b.Last != 20 {
		t.Fatalf("leased %v [%d, %d], want the 20 records before the damage", ok, b.First, b.Last)
	}
	fill(t, s, next, 1, 10)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if b, ok := s.Lease(1<<16, 200); !ok || b.First != 31 || b.Dropped != 10 {
		t.Errorf("leased %v from %d with %d dropped before it, want 31 and 10", ok, b.First, b.Dropped)
	}
	if st := s.Stats(); st.Bad != 1 {
		t.Errorf("%d damaged segments counted", st.Bad)
	}
}

func TestBadBlocksAreRefused(t *testing.T) {
	s := mustOpen(t, "", Options{fs: newMemFS()})
	for _, c := range []struct{ size, count int }{{0, 0}, {16, 0}, {16, -1}, {16, 17}, {maxFrame + 1, 1}} {
		if s.Append(make([]byte, c.size), c.count, nil) == nil {
			t.Errorf("%d records in %d octets accepted", c.count, c.size)
		}
	}
	if err := s.Append(make([]byte, maxFrame), 1, nil); err != nil {
		t.Error(err)
	}
}

func TestRunSyncsOnceASecondAndOnlyWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemFS()
		s := mustOpen(t, "", Options{fs: d})
		done := make(chan error)
		go func() { done <- s.Run(t.Context()) }()
		count := func() int { d.mu.Lock(); defer d.mu.Unlock(); return d.syncs }
		time.Sleep(time.Hour)
		synctest.Wait()
		quiet := count()
		fill(t, s, 1, 1, 1)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if _, ok := s.Lease(1<<16, 10); !ok {
			t.Error("not on disk a second after Append")
		}
		begin := count() // data and, for the new segment, the floor
		if begin == quiet || begin > quiet+2 {
			t.Errorf("%d syncs for one record", begin-quiet)
		}
		for i := range 100 { // 10 s at 10 a second
			fill(t, s, uint64(2+i), 1, 1)
			time.Sleep(100 * time.Millisecond)
		}
		if n := count() - begin; n < 8 || n > 11 {
			t.Errorf("%d syncs in 10 s", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		begin = count()
		fill(t, s, 1000, 1, syncBytes/recordSize)
		synctest.Wait()
		if count() == begin {
			t.Error("64 KiB wait for the clock")
		}
		begin = count()
		time.Sleep(time.Hour)
		if count() != begin {
			t.Error("nothing new was synced")
		}
		st := s.Stats()
		if st.Appended != 101+syncBytes/recordSize || st.SyncErrors != 0 {
			t.Errorf("%+v", st)
		}
		go func() { <-done }()
	})
}

func TestWaitTellsOfWhatIsReady(t *testing.T) {
	s := mustOpen(t, "", Options{fs: newMemFS()})
	<-s.Wait() // once at Open: there may be something from before
	fill(t, s, 1, 1, 1)
	select {
	case <-s.Wait():
		t.Fatal("woken before the sync")
	default:
	}
	s.Sync()
	<-s.Wait()
}

func TestFolderThatOthersCouldHavePrepared(t *testing.T) {
	base := t.TempDir()
	open := filepath.Join(base, "open")
	os.Mkdir(open, 0o700)
	os.Chmod(open, 0o777)
	link := filepath.Join(base, "link")
	good := filepath.Join(base, "good")
	os.Mkdir(good, 0o700)
	os.Symlink(good, link)
	plain := filepath.Join(base, "file")
	os.WriteFile(plain, nil, 0o600)
	cases := map[string]string{open: "may be written by others", link: "symbolic link", plain: "not a folder"}
	if os.Geteuid() == 0 {
		other := filepath.Join(base, "other")
		os.Mkdir(other, 0o700)
		os.Chown(other, 12345, 12345)
		cases[other] = "belongs to user 12345"
	} else {
		t.Log("not root: a folder of another user was not tried")
	}
	for dir, want := range cases {
		s, err := Open(dir, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(dir), err, want)
		}
		if s != nil {
			t.Errorf("%s: opened all the same", filepath.Base(dir))
		}
	}
	entries, _ := os.ReadDir(good)
	if len(entries) > 0 {
		t.Error("something was written through the link")
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "s"), Options{SegmentBytes: 64 << 20})
	block := records(1, 100)
	fill(t, s, 1, 10, 100)
	// Measured 0 on 2026-11-21.
	if n := testing.AllocsPerRun(500, func() { s.Append(block, 100, number) }); n != 0 {
		t.Errorf("%v allocations an Append, want 0", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "s"), Options{})
	block := records(1, 1000)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(block, 1000, number); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLease(b *testing.B) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "s"), Options{})
	for range 4000 {
		s.Append(records(1, 200), 200, number)
	}
	s.Sync()
	b.ReportAllocs()
	for b.Loop() {
		batch, ok := s.Lease(64<<10, 2000)
		if !ok {
			s.Rewind()
		}
		b.SetBytes(int64(len(batch.Records)))
	}
}

func BenchmarkOpenFull(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "s")
	s := mustOpen(b, dir, Options{})
	for range 16000 {
		s.Append(records(1, 1000), 1000, number)
	}
	s.Close()
	b.SetBytes(s.Stats().Bytes)
	for b.Loop() {
		s, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
