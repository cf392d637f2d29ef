package store

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// slow is a bucket of a reader that is stopped for a while between the lists of the snapshots and of the commits.
type slow struct {
	Bucket
	meanwhile func()
}

func (s *slow) List(ctx context.Context, prefix string) ([]string, error) {
	if do := s.meanwhile; strings.HasPrefix(prefix, commitsDir) && do != nil {
		s.meanwhile = nil
		do()
	}
	return s.Bucket.List(ctx, prefix)
}

// TestReaderIsOutrun: the commits behind the snapshot that a reader has read are swept before it comes to them. They are not damaged.
func TestReaderIsOutrun(t *testing.T) {
	uncompressed(t)
	dir := t.TempDir()
	h := newHost(t, 1)
	s := open(t, dir)
	s.manifest.every = 1
	var batches []*Batch
	further := func() {
		for range 4 {
			batches = append(batches, h.batch(t, 10, 0))
			add(t, s, batches[len(batches)-1])
			commit(t, s)
			sweep(t, s, start)
		}
	}
	further()
	l, err := load(t.Context(), &slow{folder(dir), further}, 0)
	if err != nil || len(l.damaged) > 0 || len(l.files) != len(batches) {
		t.Errorf("%d files of %d, damaged %v, %v", len(l.files), len(batches), l.damaged, err)
	}
	wantOnce(t, dir, batches...)
}

// TestViewTellsOfDamage: a query says that it may not see all, before and after a writer has gone on.
func TestViewTellsOfDamage(t *testing.T) {
	uncompressed(t)
	dir := t.TempDir()
	h := newHost(t, 1)
	s := open(t, dir)
	for range 3 {
		add(t, s, h.batch(t, 10, 0))
		commit(t, s)
	}
	if n := view(t, dir).Damaged(); n != 0 {
		t.Fatalf("%d damaged objects to begin with", n)
	}
	if err := os.Truncate(filepath.Join(dir, filepath.FromSlash(numbered(commitsDir, 0, 2))), 40); err != nil {
		t.Fatal(err)
	}
	if n := view(t, dir).Damaged(); n != 1 {
		t.Errorf("%d damaged objects, want 1", n)
	}
	s = open(t, dir)
	s.manifest.every = 1
	for range 3 {
		add(t, s, h.batch(t, 10, 0))
		commit(t, s)
		sweep(t, s, start)
	}
	if n := view(t, dir).Damaged(); n != 1 {
		t.Errorf("%d damaged objects after a writer has gone on, want 1", n)
	}
}

// again is a bucket whose connection breaks behind every object that it has put: the client tries again, and finds it there.
type again struct{ Bucket }

func (a again) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if err := a.Bucket.Put(ctx, name, size, r); err != nil {
		return err
	}
	return fs.ErrExist
}

func TestPutsThatHadComeThrough(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(t.Context(), again{folder(dir)}, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := newHost(t, 1).batch(t, 20, 0)
	add(t, s, b)
	commit(t, s)
	wantOnce(t, dir, b)
}

// TestCloseBesideCompaction closes a store, as after a failed commit, while files are being made.
func TestCloseBesideCompaction(t *testing.T) {
	s, _, err := Open(t.Context(), folder(memoryDir(t)), 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	made := make(chan error)
	go func() {
		defer close(made)
		for range 200 {
			err := s.manifest.create(t.Context(), &File{}, tableFlows, start.UnixMicro(), func(w io.Writer) error {
				_, err := io.WriteString(w, "rows")
				return err
			})
			if err != nil {
				made <- err
				return
			}
		}
	}()
	for end := false; !end; {
		select {
		case err, more := <-made:
			if end = !more; err != nil {
				t.Error(err)
			}
		default:
			s.manifest.settle()
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
