package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

var errCrash = errors.New("crash")

// mortal is a bucket of a process that dies at one of the changes that it makes: before it, or after.
type mortal struct {
	Bucket
	mu    sync.Mutex
	left  int // changes until then
	after bool
	dead  bool
}

func (m *mortal) change(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errCrash
	}
	if m.left--; m.left > 0 {
		return do()
	}
	m.dead = true
	if m.after {
		_ = do()
	}
	return errCrash
}

func (m *mortal) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	return m.change(func() error { return m.Bucket.Put(ctx, name, size, r) })
}

func (m *mortal) Remove(ctx context.Context, name string) error {
	return m.change(func() error { return m.Bucket.Remove(ctx, name) })
}

// life is what a collector does with a journal: it forgets what is committed. It ends with the bucket.
func life(t *testing.T, b Bucket, journal []*Batch) (left []*Batch) {
	t.Helper()
	s, _, err := Open(t.Context(), b, 0, Config{})
	for now := start; err == nil && len(journal) > 0; now = now.Add(time.Hour) {
		s.manifest.every = 2
		add(t, s, journal[0])
		if err = s.Commit(t.Context()); err == nil {
			journal = journal[1:]
			err = s.Sweep(t.Context(), now)
		}
		if files := s.manifest.committed.files; err == nil && len(files) > 4 {
			err = s.manifest.replace(t.Context(), nil, nil, now)
		}
	}
	if err != nil && !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	return journal
}

// TestCrashAnywhereStoresOnce ends the process before and after every change of the bucket that five commits with snapshots and
// sweeping make, and starts again from the journal.
func TestCrashAnywhereStoresOnce(t *testing.T) {
	uncompressed(t)
	var batches []*Batch
	h := newHost(t, 1)
	for range 5 {
		batches = append(batches, h.batch(t, 60, 0))
	}
	for at, alive := 1, false; !alive; at++ {
		for _, after := range []bool{false, true} {
			dir := memoryDir(t)
			b := &mortal{Bucket: folder(dir), left: at, after: after}
			left := life(t, b, batches)
			if alive = !b.dead; alive {
				if at < 20 {
					t.Fatalf("the process made %d changes: there must be more", at)
				}
				t.Logf("%d changes", at-1)
			}
			if after {
				left = life(t, folder(dir), left)
			} else { // the journal has been given what it had given before
				left = life(t, folder(dir), batches)
			}
			if len(left) > 0 {
				t.Fatalf("crash at change %d: %d batches are not taken", at, len(left))
			}
			wantOnce(t, dir, batches...)
			s := open(t, dir)
			if err := s.Sweep(t.Context(), start.Add(24*time.Hour)); err != nil {
				t.Fatal(err)
			}
			if files, named := countFiles(t, dir), len(view(t, dir).Files()); files != named {
				t.Fatalf("crash at change %d: %d files on the disk, %d in the manifest", at, files, named)
			}
			if t.Failed() {
				t.Fatalf("crash at change %d, after it: %v", at, after)
			}
		}
	}
}

// memoryDir is a folder in memory where the system has one: thousands of syncs of a disk prove nothing here.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "argus-store-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// uncompressed makes files quicker: the race detector lets every fourth encoder of zstd be made anew.
func uncompressed(t testing.TB) {
	t.Helper()
	options, merged := writerOptions, mergedOptions
	writerOptions = append(slices.Clone(options), parquet.Compression(&parquet.Uncompressed))
	mergedOptions = nil
	t.Cleanup(func() { writerOptions, mergedOptions = options, merged })
}

func countFiles(t testing.TB, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(name, ".parquet") {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDamagedManifestOpens damages every byte of a commit, and of a snapshot.
func TestDamagedManifestOpens(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, 1)
	s := open(t, dir)
	s.manifest.every = 1
	batches := []*Batch{h.batch(t, 20, 0), h.batch(t, 20, 0), h.batch(t, 20, 0)}
	for i, b := range batches {
		add(t, s, b)
		commit(t, s)
		if i < 2 { // a snapshot of each of the first two
			if err := s.Sweep(t.Context(), start); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]uint64{numbered(snapshotsDir, 0, 3): 60, numbered(commitsDir, 0, 4): 40} {
		name := filepath.Join(dir, filepath.FromSlash(name))
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			bad := slices.Clone(whole)
			bad[at] ^= 0x20
			if err := os.WriteFile(name, bad, 0o640); err != nil {
				t.Fatal(err)
			}
			if m := view(t, dir).Marks(); len(m) != 1 || m[0].Sequence != want && m[0].Sequence != 60 { // a few bits mean nothing
				t.Fatalf("byte %d of %s: marks %+v, want %d", at, name, m, want)
			}
		}
		if err := os.WriteFile(name, whole, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{numbered(snapshotsDir, 0, 3), numbered(commitsDir, 0, 4)} {
		if err := os.Truncate(filepath.Join(dir, filepath.FromSlash(name)), 50); err != nil {
			t.Fatal(err)
		}
	}
	s, damaged, err := Open(t.Context(), folder(dir), 0, Config{})
	if err != nil || damaged != 2 {
		t.Fatalf("Open: %d damaged, %v", damaged, err)
	}
	if err := s.Sweep(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, dir); n != 3 {
		t.Errorf("%d data files after a sweep, want all 3: a commit that named one of them cannot be read", n)
	}
	add(t, s, batches...)
	commit(t, s)
	wantOnce(t, dir, batches...)
}

// TestMutantWithoutDedupeIsFound lets a store forget what it has seen.
func TestMutantWithoutDedupeIsFound(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, 1)
	b := h.batch(t, 10, 0)
	s := open(t, dir)
	defer s.Close()
	add(t, s, b)
	commit(t, s)
	clear(s.manifest.committed.marks)
	add(t, s, b)
	commit(t, s)
	if ids := identities(t, dir); len(ids) != 20 || len(slices.Compact(ids)) != 10 {
		t.Errorf("a store that does not dedupe has %d rows: the checks of this file would not see it", len(ids))
	}
}

// TestFirstManifestIsTakenOver opens a store as the first version left it, with a crash at each change.
func TestFirstManifestIsTakenOver(t *testing.T) {
	for at := 1; at < 8; at++ {
		dir := t.TempDir()
		h := newHost(t, 1)
		s := open(t, dir)
		b := h.batch(t, 20, 3)
		add(t, s, b)
		commit(t, s)
		writeFirstManifest(t, dir, s.manifest.committed.entry())
		old := view(t, dir).Marks()
		_, _, _ = Open(t.Context(), &mortal{Bucket: folder(dir), left: at, after: at%2 == 0}, 0, Config{})
		s = open(t, dir)
		add(t, s, b)
		commit(t, s)
		wantOnce(t, dir, b)
		if now := view(t, dir).Marks(); len(old) != 1 || len(now) != 1 || now[0].Lost != old[0].Lost || now[0].Repeated != old[0].Repeated+20 {
			t.Errorf("marks %v, were %v", now, old)
		}
		if _, err := os.Stat(filepath.Join(dir, firstManifest)); !errors.Is(err, os.ErrNotExist) && at > 3 {
			t.Errorf("the old manifest is still there: %v", err)
		}
	}
}

// writeFirstManifest makes the store in dir one of the first version.
func writeFirstManifest(t *testing.T, dir string, e *entry) {
	t.Helper()
	for _, name := range []string{commitsDir, snapshotsDir} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("%08x %s\n", crc32.Checksum(body, castagnoli), body)
	if err := os.WriteFile(filepath.Join(dir, firstManifest), []byte(line+"00000000 torn"), 0o640); err != nil {
		t.Fatal(err)
	}
}
