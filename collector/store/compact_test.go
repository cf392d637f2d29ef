package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/gofrs/uuid/v5"
	"github.com/parquet-go/parquet-go"
)

// later is when all that a test has written is settled.
func later() time.Time { return time.Now().Add(2 * time.Hour) }

// compactAll calls Compact until there is nothing more to do, and returns how often it did something.
func compactAll(t testing.TB, s *Store) (steps int) {
	t.Helper()
	for {
		more, err := s.Compact(t.Context(), later())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return steps
		}
		if steps++; steps > 1000 {
			t.Fatal("compaction does not end")
		}
	}
}

// fleet commits what some hosts send, many times, and gives what it was. Every account misses something.
func fleet(t testing.TB, b Bucket, hosts, commits int) (s *Store, batches []*Batch) {
	t.Helper()
	account := func(state []byte, e *Evidence) ([]byte, []Missing) {
		return state, []Missing{{Monitor: e.Monitor, From: start, To: e.Received, Reason: "stopped", Records: uint64(len(batches))}}
	}
	s, _, err := Open(t.Context(), b, 0, Config{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	var all []*host
	for n := range hosts {
		all = append(all, newHost(t, n))
	}
	for range commits {
		for _, h := range all {
			batches = append(batches, h.batch(t, 60, 0))
			add(t, s, batches[len(batches)-1])
		}
		commit(t, s)
	}
	return s, batches
}

// scanned returns the records that q chooses, by monitor and sequence.
func scanned(t testing.TB, v *View, q Query) (all []argus.Record) {
	t.Helper()
	for r, err := range v.Scan(q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b argus.Record) int {
		return cmp.Or(bytes.Compare(a.Monitor.Bytes[:], b.Monitor.Bytes[:]), cmp.Compare(a.Sequence, b.Sequence))
	})
	return all
}

func missing(t testing.TB, v *View) (all []string) {
	t.Helper()
	for m, err := range v.Missing(time.Time{}, time.Time{}, uuid.Nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(*m))
	}
	slices.Sort(all)
	return all
}

func TestCompactionChangesNoRow(t *testing.T) {
	rows := gatherRows
	gatherRows = 700 // several groups, one of which is not full
	t.Cleanup(func() { gatherRows = rows })
	dir := t.TempDir()
	s, batches := fleet(t, folder(dir), 5, 8)
	defer s.Close()
	before := view(t, dir)
	want, gaps := scanned(t, before, Query{}), missing(t, before)
	if len(want) < 2000 || len(gaps) != 5*8 {
		t.Fatalf("%d flows and %d gaps to begin with", len(want), len(gaps))
	}
	compactAll(t, s)
	after := view(t, dir)
	if n := len(after.Files()); n != 3 {
		t.Errorf("%d files of an hour of three tables", n)
	}
	wantOnce(t, dir, batches...)
	for name, v := range map[string]*View{"before": before, "after": after} { // what a query has begun with stays for a while
		got := scanned(t, v, Query{})
		if len(got) != len(want) {
			t.Fatalf("%s: %d records, want %d", name, len(got), len(want))
		}
		for i, r := range got {
			if !bytes.Equal(fmt.Append(nil, r), fmt.Append(nil, want[i])) {
				t.Fatalf("%s, record %d: %v, want %v", name, i, r, want[i])
			}
		}
		if got := missing(t, v); !slices.Equal(got, gaps) {
			t.Errorf("%s: gaps %v, want %v", name, got, gaps)
		}
	}
	for _, f := range after.Files() {
		wantSorted(t, dir, &f)
	}
	if err := s.Sweep(t.Context(), later().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, dir); n != 3 {
		t.Errorf("%d files on the disk after sweeping", n)
	}
}

// wantSorted reads a file by parquet-go alone: its rows are in the order that it promises, and as the manifest describes them.
func wantSorted(t *testing.T, dir string, f *File) {
	t.Helper()
	type sortRow struct {
		Monitor string `parquet:"monitor"`
		Proto   uint8  `parquet:"proto,optional"`
		STime   int64  `parquet:"stime"`
		LTime   int64  `parquet:"ltime"`
	}
	rows, err := parquet.ReadFile[sortRow](filepath.Join(dir, filepath.FromSlash(f.Name)))
	if err != nil || len(rows) == 0 {
		t.Fatal(f.Name, len(rows), err)
	}
	if !slices.IsSortedFunc(rows, func(a, b sortRow) int {
		return rowKey{a.Monitor, a.Proto, a.STime}.compare(rowKey{b.Monitor, b.Proto, b.STime})
	}) {
		t.Errorf("%s is not sorted", f.Name)
	}
	var want File
	for _, r := range rows {
		want.add(rowKey{r.Monitor, r.Proto, r.STime}, r.LTime)
	}
	if want.Rows != f.Rows || want.MinMonitor != f.MinMonitor || want.MaxMonitor != f.MaxMonitor || want.MinTime != f.MinTime || want.MaxTime != f.MaxTime {
		t.Errorf("%+v, want %+v", f, want)
	}
}

// TestCrashAnywhereInCompactionStoresOnce ends the process before and after every change of the bucket.
func TestCrashAnywhereInCompactionStoresOnce(t *testing.T) {
	uncompressed(t)
	origin := t.TempDir()
	s, batches := fleet(t, folder(origin), 1, 3)
	s.Close()
	for at, alive := 1, false; !alive; at++ {
		for _, after := range []bool{false, true} {
			dir := memoryDir(t)
			if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
				t.Fatal(err)
			}
			b := &mortal{Bucket: folder(dir), left: at, after: after}
			s, _, err := Open(t.Context(), b, 0, Config{})
			for more := err == nil; more && err == nil; {
				if more, err = s.Compact(t.Context(), later()); err == nil {
					err = s.Sweep(t.Context(), later())
				}
			}
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			alive = !b.dead
			wantOnce(t, dir, batches...)
			s = open(t, dir)
			if steps := compactAll(t, s); steps > 0 && alive {
				t.Errorf("%d steps were left", steps)
			}
			if err := s.Sweep(t.Context(), later().Add(24*time.Hour)); err != nil {
				t.Fatal(err)
			}
			wantOnce(t, dir, batches...)
			if n := countFiles(t, dir); n != 3 {
				t.Errorf("%d files on the disk", n)
			}
			if t.Failed() {
				t.Fatalf("crash at change %d, after it: %v", at, after)
			}
		}
	}
}

// watched is a bucket that calls a function before and after every change.
type watched struct {
	Bucket
	look func()
}

func (w *watched) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	w.look()
	defer w.look()
	return w.Bucket.Put(ctx, name, size, r)
}

func TestQueriesDuringCompactionSeeEachRowOnce(t *testing.T) {
	uncompressed(t)
	dir := t.TempDir()
	s, batches := fleet(t, folder(dir), 2, 4)
	s.Close()
	looks := 0
	s, _, err := Open(t.Context(), &watched{folder(dir), func() { looks++; wantOnce(t, dir, batches...) }}, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, 9)
	more := h.batch(t, 50, 0)
	add(t, s, more) // pending all the while
	compactAll(t, s)
	if looks < 12 {
		t.Errorf("looked %d times", looks)
	}
	batches = append(batches, more)
	look := s.manifest.bucket.(*watched)
	look.look = func() {}
	commit(t, s)
	wantOnce(t, dir, batches...)
}

// TestCompactionWaitsForTheHour: neither an hour that is not over nor one that records still come for is touched.
func TestCompactionWaitsForTheHour(t *testing.T) {
	s, _ := fleet(t, folder(t.TempDir()), 1, 2)
	defer s.Close()
	hour := start.Truncate(time.Hour)
	for _, now := range []time.Time{hour, hour.Add(time.Hour + settled - time.Second), time.Now().Add(settled - time.Minute)} {
		if more, err := s.Compact(t.Context(), now); more || err != nil {
			t.Errorf("at %v: %v %v", now, more, err)
		}
	}
	if more, err := s.Compact(t.Context(), later()); !more || err != nil {
		t.Errorf("later: %v %v", more, err)
	}
}

// TestDamagedFilesAreLeftAlone spoils files in many ways: the others are merged, nothing else is lost, nothing panics.
func TestDamagedFilesAreLeftAlone(t *testing.T) {
	origin := t.TempDir()
	s, _ := fleet(t, folder(origin), 1, 4)
	s.Close()
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 30 {
		dir := memoryDir(t)
		if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
			t.Fatal(err)
		}
		f := view(t, dir).Files()[rnd.IntN(8)]
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		spoil(t, name, n, rnd)
		s, _, err := Open(t.Context(), folder(dir), 0, Config{})
		if err != nil {
			t.Fatal(err)
		}
		failed := 0
		for range 30 {
			more, err := s.Compact(t.Context(), later())
			if err != nil {
				failed++
			} else if !more {
				break
			}
		}
		if failed != 1 {
			t.Errorf("damage %d of %s: noticed %d times", n, f.Name, failed)
		}
		rows := int64(0)
		for _, f := range s.files() {
			rows += f.Rows
		}
		if !slices.ContainsFunc(s.files(), func(left File) bool { return left.Name == f.Name }) || rows != 4*60+4*1 {
			t.Errorf("damage %d: %d rows are left, or the damaged file was merged", n, rows)
		}
		for _, err := range view(t, dir).Scan(Query{}) {
			if err != nil && !strings.Contains(err.Error(), f.Name) {
				t.Errorf("damage %d: a query fails with %v, which does not name %s", n, err, f.Name)
			}
		}
		s.Close()
	}
}

func spoil(t *testing.T, name string, n int, rnd *rand.Rand) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	switch n % 3 {
	case 0:
		b = b[:rnd.IntN(len(b))]
	case 1:
		b[rnd.IntN(len(b))] ^= byte(1 + rnd.IntN(255))
	case 2:
		at := rnd.IntN(len(b))
		for i := range b[at:min(at+64, len(b))] {
			b[at+i] = byte(rnd.Uint32())
		}
	}
	if err := os.WriteFile(name, b, 0o640); err != nil {
		t.Fatal(err)
	}
}

// TestCompactionIsSlowerThanRetention: what retention takes while it is merged does not come back.
func TestCompactionIsSlowerThanRetention(t *testing.T) {
	uncompressed(t)
	dir := memoryDir(t)
	s, _ := fleet(t, folder(dir), 1, 3)
	s.Close()
	bucket := &watched{folder(dir), func() {}}
	s, _, err := Open(t.Context(), bucket, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bucket.look = func() { // a merged file is on its way
		bucket.look = func() {}
		if err := s.manifest.replace(t.Context(), s.files(), nil, later()); err != nil {
			t.Error(err)
		}
	}
	if more, err := s.Compact(t.Context(), later()); !more || err != nil {
		t.Errorf("Compact: %v %v", more, err)
	}
	if left := s.files(); len(left) > 0 {
		t.Errorf("%d files count again", len(left))
	}
	sweep(t, s, later().Add(time.Hour))
	if n := countFiles(t, dir); n != 0 {
		t.Errorf("%d files on the disk", n)
	}
}

// TestCompactionCountsRows: a file that has not the rows that the manifest says is none to make another of.
func TestCompactionCountsRows(t *testing.T) {
	uncompressed(t)
	for _, wrong := range []int64{-1, 1} {
		s, _ := fleet(t, folder(memoryDir(t)), 1, 3)
		files := slices.DeleteFunc(s.files(), func(f File) bool { return f.Events || f.Missing })
		files[0].Rows += wrong
		err := compact[Row](t.Context(), s.manifest, files, later())
		if err == nil || len(s.files()) != 9 {
			t.Errorf("%+d row: %v, %d files", wrong, err, len(s.files()))
		}
		s.Close()
	}
}

// TestCompactionWaitsForTheEndOfTheHour: nothing has come for long, but the hour goes on.
func TestCompactionWaitsForTheEndOfTheHour(t *testing.T) {
	uncompressed(t)
	s := open(t, memoryDir(t))
	defer s.Close()
	h := newHost(t, 1)
	h.now = time.Now().Add(5 * time.Hour)
	for range 3 {
		add(t, s, h.batch(t, 10, 0))
		commit(t, s)
	}
	end := h.now.Truncate(time.Hour).Add(time.Hour)
	for _, after := range []time.Duration{-time.Hour, 0, settled - time.Second, settled} {
		want := after == settled
		if more, err := s.Compact(t.Context(), end.Add(after)); more != want || err != nil {
			t.Errorf("%v after the hour: %v %v", after, more, err)
		}
	}
}
