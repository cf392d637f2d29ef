package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// held is a bucket of a writer that is stopped for a while before it puts a commit.
type held struct {
	Bucket
	arrived, resume chan struct{}
}

func (h *held) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if strings.HasPrefix(name, commitsDir) && h.arrived != nil {
		close(h.arrived)
		<-h.resume
		h.arrived = nil
	}
	return h.Bucket.Put(ctx, name, size, r)
}

// TestStoppedWriterIsFenced stops a writer when its data are put and its commit is not. Another one takes the shard, sweeps what
// is no commit's, and goes on for so long that the commit's number has been swept too.
func TestStoppedWriterIsFenced(t *testing.T) {
	for _, commits := range []int{0, 1, 10} {
		dir := t.TempDir()
		h := newHost(t, 1)
		a, b := h.batch(t, 20, 0), h.batch(t, 20, 0)
		bucket := &held{Bucket: folder(dir)}
		s, _, err := Open(t.Context(), bucket, 0, Config{})
		if err != nil {
			t.Fatal(err)
		}
		add(t, s, a)
		commit(t, s)
		add(t, s, b)
		bucket.arrived, bucket.resume = make(chan struct{}), make(chan struct{})
		done := make(chan error)
		arrived := bucket.arrived
		go func() { done <- s.Commit(t.Context()) }()
		<-arrived

		other := open(t, dir)
		other.manifest.every = 2
		want := []*Batch{a, b}
		add(t, other, b)
		for range commits {
			commit(t, other)
			if err := other.Sweep(t.Context(), start); err != nil {
				t.Fatal(err)
			}
			want = append(want, h.batch(t, 5, 0))
			add(t, other, want[len(want)-1])
		}
		close(bucket.resume)
		if err := <-done; !errors.Is(err, ErrFenced) {
			t.Errorf("after %d commits of another writer: %v", commits, err)
		}
		if err := s.Commit(t.Context()); !errors.Is(err, ErrFenced) {
			t.Errorf("again: %v", err)
		}
		if err := s.Sweep(t.Context(), start.Add(time.Hour)); !errors.Is(err, ErrFenced) {
			t.Errorf("sweep: %v", err)
		}
		commit(t, other)
		wantOnce(t, dir, want...)
		if commits == 10 {
			if list, err := os.ReadDir(filepath.Join(dir, commitsDir, "0000")); err != nil || len(list) > 6 {
				t.Errorf("%d commits are left, %v: the test does not sweep any", len(list), err)
			}
		}
	}
}

// TestWritersFenceEachOther has two writers of one shard that do not know of each other, and sweep.
func TestWritersFenceEachOther(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	batches := make([][]*Batch, 2)
	for i := range batches {
		h := newHost(t, i)
		for range 20 {
			batches[i] = append(batches[i], h.batch(t, 5, 0))
		}
		wg.Go(func() {
			journal := slices.Clone(batches[i])
			for tries := 0; len(journal) > 0 && tries < 500; tries++ {
				s, _, err := Open(t.Context(), folder(dir), 0, Config{})
				for err == nil && len(journal) > 0 {
					s.manifest.every = 3
					if _, err = s.Add(journal[0]); err == nil {
						err = s.Commit(t.Context())
					}
					if err == nil {
						journal = journal[1:]
						err = s.Sweep(t.Context(), start)
					}
				}
				if err != nil && !errors.Is(err, ErrFenced) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	wantOnce(t, dir, slices.Concat(batches...)...)
}

// forgetful is a server that ignores If-None-Match.
type forgetful struct{ Bucket }

func (f forgetful) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if err := f.Remove(ctx, name); err != nil {
		return err
	}
	return f.Bucket.Put(ctx, name, size, r)
}

func TestServerThatReplacesIsRefused(t *testing.T) {
	_, _, err := Open(t.Context(), forgetful{folder(t.TempDir())}, 0, Config{})
	if err == nil || !strings.Contains(err.Error(), "If-None-Match") {
		t.Errorf("Open: %v", err)
	}
}

// TestFailedCommitIsTheLast: of a commit that failed nobody knows whether it is there. The store has to be opened again.
func TestFailedCommitIsTheLast(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, 1)
	b := &mortal{Bucket: folder(dir), left: 1 << 20}
	s, _, err := Open(t.Context(), b, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	one, two := h.batch(t, 20, 0), h.batch(t, 20, 0)
	add(t, s, one)
	b.dead = true
	if err := s.Commit(t.Context()); !errors.Is(err, errCrash) {
		t.Fatalf("Commit: %v", err)
	}
	b.dead = false
	add(t, s, two)
	if err := s.Commit(t.Context()); err == nil {
		t.Error("a store commits after a commit that failed")
	}
	s = open(t, dir)
	add(t, s, one, two)
	commit(t, s)
	wantOnce(t, dir, one, two)
}

// TestShardsTogether: after the number of shards was changed a monitor may be in two of them. The farther one tells.
func TestShardsTogether(t *testing.T) {
	key := epochKey{monitor, epoch}
	for _, sequences := range [][2]uint64{{5, 9}, {9, 5}} {
		all := newState()
		for _, n := range sequences {
			one := newState()
			one.marks[key] = Mark{Monitor: monitor, Epoch: epoch, Sequence: n}
			all.merge(&one)
		}
		if got := all.marks[key].Sequence; got != 9 {
			t.Errorf("%v together: %d", sequences, got)
		}
	}
}

// overtaker is a bucket in which another writer has made the commit that is put next, and sweeps it at once.
type overtaker struct {
	Bucket
	begin bool
}

func (o *overtaker) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if o.begin && strings.HasPrefix(name, commitsDir) {
		return fs.ErrExist
	}
	return o.Bucket.Put(ctx, name, size, r)
}

func TestSweptCommitOfAnotherFences(t *testing.T) {
	b := &overtaker{Bucket: folder(t.TempDir())}
	s, _, err := Open(t.Context(), b, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, newHost(t, 1).batch(t, 10, 0))
	b.begin = true
	if err := s.Commit(t.Context()); !errors.Is(err, ErrFenced) {
		t.Errorf("Commit: %v, want ErrFenced", err)
	}
}
