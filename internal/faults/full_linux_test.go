package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

// TestSmallDisks is fault 7 as its table says it: a disk of 2 MiB that somebody else fills, a file system with ten inodes, 32 descriptors of
// which none is left. The spool takes what comes all the while, counts what it gives up, and is back within 10 s.
func TestSmallDisks(t *testing.T) {
	netns.NeedRoot(t)
	for _, c := range []struct {
		name, options string
		exhaust       func(t *testing.T, dir string) (release func())
	}{
		{"size=2m", "size=2m", fillDisk},
		{"nr_inodes=10", "size=64m,nr_inodes=10", takeInodes},
		{"ulimit -n 32", "size=64m", takeDescriptors},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, c.options); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
			s, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{SegmentBytes: 64 << 10, MinFree: 1})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = s.Run(ctx) })
			t.Cleanup(func() { stop(); wg.Wait(); _ = s.Close() })
			appendMany(t, s, 200)
			release := sync.OnceFunc(c.exhaust(t, dir))
			t.Cleanup(release)
			appendMany(t, s, 3000)
			if st := s.Stats(); st.Degraded == "" && st.Dropped == 0 {
				t.Fatalf("nothing was exhausted: %+v", st)
			}
			release()
			t.Logf("back after %.1f s, %d of %d records given up", recovers(t, s).Seconds(), s.Stats().Dropped, s.Stats().Appended)
		})
	}
}

// appendMany appends blocks of ten records of 100 octets.
func appendMany(t *testing.T, s *spool.Spool, blocks int) {
	t.Helper()
	for range blocks {
		if err := s.Append(make([]byte, 1000), 10, nil); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Inherited+st.Appended != st.Committed+st.Discarded+st.Pending || st.MemoryBytes > 2<<20 {
		t.Fatalf("the account does not close, or memory is not bounded: %+v", st)
	}
}

// recovers waits until a new record is on the disk and all that was not given up can be delivered.
func recovers(t *testing.T, s *spool.Spool) time.Duration {
	t.Helper()
	begin := time.Now()
	appendMany(t, s, 1)
	want := s.Stats().Next - 1
	told, got := uint64(0), uint64(0)
	for deadline := time.After(10 * time.Second); ; {
		b, ok := s.Lease(1<<20, 1<<20)
		if ok {
			told += b.Dropped
			got += b.Last - b.First + 1
		}
		if st := s.Stats(); ok && b.Last == want && st.Degraded == "" {
			if told != st.Dropped || got+told != st.Appended {
				t.Errorf("%d records leased, %d told to be missing, %+v", got, told, st)
			}
			return time.Since(begin)
		} else if ok {
			continue
		}
		select {
		case <-s.Wait():
		case <-time.After(50 * time.Millisecond):
			if s.Stats().Degraded == "" && got > 0 && s.Stats().MemoryBytes == 0 && got+told == s.Stats().Appended {
				return time.Since(begin) // leased from memory, and now on the disk
			}
		case <-deadline:
			t.Fatalf("not back after 10 s: %d leased, %+v", got, s.Stats())
		}
	}
}

func fillDisk(t *testing.T, dir string) func() {
	name := filepath.Join(dir, "other")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() { _ = os.Remove(name) }
}

func takeInodes(t *testing.T, dir string) func() {
	var names []string
	for i := 0; ; i++ {
		name := filepath.Join(dir, fmt.Sprint("other", i))
		f, err := os.Create(name)
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		names = append(names, name)
	}
	return func() {
		for _, name := range names {
			_ = os.Remove(name)
		}
	}
}

func takeDescriptors(t *testing.T, _ string) func() {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 32, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	var taken []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		taken = append(taken, f)
	}
	return func() {
		for _, f := range taken {
			f.Close()
		}
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	}
}
