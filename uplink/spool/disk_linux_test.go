package spool

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// tmpfs mounts a small file system for the test, which skips without the right to.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// TestFullDisk is fault 7 on a real file system: no space, and no inodes.
func TestFullDisk(t *testing.T) {
	for _, options := range []string{"size=512k", "size=64m,nr_inodes=10"} {
		t.Run(options, func(t *testing.T) {
			base := tmpfs(t, options)
			s := mustOpen(t, filepath.Join(base, "spool"), Options{SegmentBytes: 32 << 10, MinFree: 1})
			c := newCollector()
			next := uint64(1)
			for range 400 {
				next = fill(t, s, next, 10, 20)
				s.Sync()
			}
			st := s.Stats()
			if st.Dropped == 0 || st.MemoryBytes > 2<<20 {
				t.Fatalf("%+v", st)
			}
			// Someone else fills what is left, and goes away again.
			os.WriteFile(filepath.Join(base, "other"), make([]byte, 1<<19), 0o600)
			next = fill(t, s, next, 1000, 20)
			os.Remove(filepath.Join(base, "other"))
			s.Sync()
			next = fill(t, s, next, 10, 20)
			c.drain(t, s)
			st = s.Stats()
			if st.Degraded != "" {
				t.Errorf("still degraded: %s", st.Degraded)
			}
			if missing := next - 1 - uint64(len(c.times)); missing > st.Dropped {
				t.Errorf("%d missing, %d counted", missing, st.Dropped)
			}
			for id := next - 200; id < next; id++ {
				if c.times[id] != 1 {
					t.Fatalf("record %d of the newest is lost", id)
				}
			}
		})
	}
}

// TestReadOnlyRemount is fault 8 on a real file system.
func TestReadOnlyRemount(t *testing.T) {
	base := tmpfs(t, "size=8m")
	s := mustOpen(t, filepath.Join(base, "spool"), Options{SegmentBytes: 32 << 10, MinFree: 1})
	next := fill(t, s, 1, 10, 20)
	s.Sync()
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", base, "", unix.MS_REMOUNT|flags, ""); err != nil {
			// A file open for writing keeps the file system writable: the kernel refuses, and so does a sensor's spool.
			t.Skipf("remount: %v", err)
		}
	}
	s.mu.Lock()
	s.seal()
	s.mu.Unlock()
	remount(unix.MS_RDONLY)
	next = fill(t, s, next, 10, 20)
	if st := s.Stats(); st.Degraded == "" {
		t.Fatalf("%+v", st)
	}
	remount(0)
	c := newCollector()
	c.drain(t, s)
	c.want(t, next-1)
}

func TestFolderDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpen(t, dir, Options{})
	next := fill(t, s, 1, 10, 20)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	next = fill(t, s, next, 10, 20)
	if err := s.Sync(); err == nil {
		t.Error("the loss of the folder went unnoticed")
	}
	next = fill(t, s, next, 10, 20)
	s.Sync() // gets the folder back
	c := newCollector()
	c.drain(t, s)
	c.want(t, next-1)
	if st := s.Stats(); st.Degraded != "" || len(segments(t, dir)) == 0 {
		t.Errorf("%+v", st)
	}
	e := s.Epoch()
	s.Close()
	if s = mustOpen(t, dir, Options{}); s.Epoch() != e || s.Stats().Next != next {
		t.Error("the numbering did not survive")
	}
}

// TestNoDescriptors: without a free descriptor the queue goes on in memory and nothing is lost.
func TestNoDescriptors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpen(t, dir, Options{SegmentBytes: 4 << 10, MaxBytes: 1 << 20})
	next := fill(t, s, 1, 10, 20)
	var taken []*os.File
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: old.Max})
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		taken = append(taken, f)
	}
	next = fill(t, s, next, 100, 20)
	st := s.Stats()
	for _, f := range taken {
		f.Close()
	}
	unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	if st.Degraded == "" || st.Dropped > 0 {
		t.Errorf("%+v", st)
	}
	c := newCollector()
	c.drain(t, s)
	c.want(t, next-1)
}
