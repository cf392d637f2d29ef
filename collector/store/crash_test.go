package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var errCrash = errors.New("crash")

// TestCrashAnywhereStoresOnce ends a commit at each of its points and starts again from the journal, as a collector does.
func TestCrashAnywhereStoresOnce(t *testing.T) {
	for _, point := range []string{"data written", "manifest written", "before the journal knows"} {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			h := newHost(t, 1)
			journal := []*Batch{h.batch(t, 60, 0), h.batch(t, 60, 0)}
			s := open(t, dir)
			add(t, s, journal[0])
			commit(t, s)
			add(t, s, journal[1])
			s.fail = func(p string) error {
				if p == point {
					return errCrash
				}
				return nil
			}
			if err := s.Commit(); err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			if point == "data written" && s.Watermark(h.id, h.epoch) != 60 {
				t.Error("an unfinished commit raised the watermark")
			}
			s.Close()
			s = open(t, dir)
			defer s.Close()
			add(t, s, journal...) // neither was discarded
			commit(t, s)
			wantOnce(t, dir, journal...)
			if files := countFiles(t, dir); files != len(view(t, dir).Files()) {
				t.Errorf("%d files on the disk, %d in the manifest", files, len(view(t, dir).Files()))
			}
		})
	}
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

// TestTornManifestOpens cuts the manifest at every byte of its last commit, and damages bytes before it.
func TestTornManifestOpens(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, 1)
	s := open(t, dir)
	a, b := h.batch(t, 20, 0), h.batch(t, 20, 0)
	add(t, s, a)
	commit(t, s)
	name := filepath.Join(dir, manifestName)
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, b)
	commit(t, s)
	s.Close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(before); cut < len(whole); cut++ {
		if err := os.WriteFile(name, whole[:cut], 0o640); err != nil {
			t.Fatal(err)
		}
		v := view(t, dir)
		if m := v.Marks(); len(m) != 1 || m[0].Sequence != 20 {
			t.Fatalf("cut at %d of %d: marks %+v, want those of the commit before", cut, len(whole), m)
		}
	}
	s, damaged, err := Open(dir, Config{})
	if err != nil || damaged != 1 {
		t.Fatalf("Open: %d damaged, %v", damaged, err)
	}
	add(t, s, a, b)
	commit(t, s)
	s.Close()
	wantOnce(t, dir, a, b)
	for at := range whole {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x20
		if err := os.WriteFile(name, bad, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenView(dir); err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
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
	clear(s.committed.marks)
	add(t, s, b)
	commit(t, s)
	if ids := identities(t, dir); len(ids) != 20 || len(slices.Compact(ids)) != 10 {
		t.Errorf("a store that does not dedupe has %d rows: the checks of this file would not see it", len(ids))
	}
}
