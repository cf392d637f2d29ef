package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
)

// hours fills a store with a batch an hour, and returns them.
func hours(t *testing.T, s *Store, n int) (list []*Batch) {
	t.Helper()
	for i := range n {
		h := newHost(t, i)
		h.now = start.Add(time.Duration(i) * time.Hour)
		b := h.batch(t, 60, 0) // the 51st is an event
		add(t, s, b)
		commit(t, s)
		list = append(list, b)
	}
	return list
}

func sweep(t testing.TB, s *Store, now time.Time) {
	t.Helper()
	if err := s.Sweep(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func TestRetentionByTime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.config.Keep = 4 * time.Hour
	list := hours(t, s, 6) // 20h to 01h
	now := start.Truncate(time.Hour).Add(7 * time.Hour)
	before := view(t, dir)
	if !before.Horizon().IsZero() {
		t.Error("a horizon before any retention")
	}
	sweep(t, s, now.Add(-time.Second)) // 20h is over by 3:59:59 then... and 22h not
	wantOnce(t, dir, list[2:]...)
	if h := view(t, dir).Horizon(); !h.Equal(start.Truncate(time.Hour).Add(2 * time.Hour)) {
		t.Errorf("horizon %v", h)
	}
	rows := 0
	for _, err := range before.Scan(Query{}) { // a query that began before
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != 6*59 {
		t.Errorf("a query that has begun finds %d rows", rows)
	}
	sweep(t, s, now.Add(grace)) // the next hour goes, the objects of the first two
	wantOnce(t, dir, list[3:]...)
	if n := countFiles(t, dir); n != 2*4 {
		t.Errorf("%d files, want those of 4 hours", n)
	}
	sweep(t, s, now.Add(1000*time.Hour)) // nothing comes any more: the latest hour stays
	wantOnce(t, dir, list[5:]...)
	s.Close()
	s = open(t, dir)
	sweep(t, s, now.Add(1000*time.Hour+grace))
	if n := countFiles(t, dir); n != 2 {
		t.Errorf("%d files after a restart, want 2", n)
	}
	add(t, s, list...) // all comes again: it is known
	commit(t, s)
	wantOnce(t, dir, list[5:]...)
}

func TestRetentionByOctets(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	list := hours(t, s, 6)
	for _, f := range s.files()[4:] { // without the first two hours
		s.config.KeepBytes += f.Bytes
	}
	sweep(t, s, start)
	wantOnce(t, dir, list[2:]...)
	s.config.KeepBytes--
	sweep(t, s, start)
	wantOnce(t, dir, list[3:]...)
	s.config.KeepBytes = 1
	sweep(t, s, start)
	wantOnce(t, dir, list[5:]...)
}

// TestEpochsAreForgottenAfterTheirRecords: what can be doubled is remembered.
func TestEpochsAreForgottenAfterTheirRecords(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.config.Keep = 8 * 24 * time.Hour
	s.config.Account = func([]byte, *Evidence) ([]byte, []Missing) { return []byte("known"), nil }
	hours(t, s, 2)
	late := newHost(t, 1) // the second one goes on in another epoch
	for _, c := range []struct {
		after time.Duration // the last batch, of the first two
		known int
	}{{10 * time.Hour, 3}, {6*24*time.Hour + 22*time.Hour, 4}, {7*24*time.Hour + 2*time.Hour, 3}, {9 * 24 * time.Hour, 3}, {30 * 24 * time.Hour, 1}} {
		late.epoch++
		late.now = start.Add(c.after)
		add(t, s, late.batch(t, 60, 0))
		commit(t, s)
		sweep(t, s, start.Add(c.after+s.config.Keep))
		if n := len(s.Marks()); n != c.known {
			t.Errorf("%v later %d epochs are known, want %d", c.after, n, c.known)
		}
	}
	var known []uuid.UUID
	for m := range view(t, dir).Heard() {
		known = append(known, m)
	}
	if !slices.Equal(known, []uuid.UUID{late.id}) {
		t.Errorf("accounts of %v, want that of the monitor that is left", known)
	}
	s.config.Keep = 0
	sweep(t, s, start.Add(10000*time.Hour))
	if n := len(s.Marks()); n != 1 {
		t.Error("what is kept for ever is forgotten")
	}
}

// TestMonitorHasSoManyEpochs: one that makes a new epoch with every batch does not fill the memory.
func TestMonitorHasSoManyEpochs(t *testing.T) {
	s := openWith(t, memoryDir(t), Config{Keep: time.Hour})
	honest, hostile := newHost(t, 1), newHost(t, 2)
	add(t, s, honest.batch(t, 1, 0))
	for range maxEpochs + 5 {
		hostile.epoch++
		add(t, s, hostile.batch(t, 1, 0))
	}
	commit(t, s)
	sweep(t, s, start)
	marks := s.Marks()
	if len(marks) != 1+maxEpochs || marks[0].Monitor != honest.id || marks[1].Epoch != epoch+6 {
		t.Errorf("%d epochs are known, want %d: the honest one's and the latest of the other", len(marks), 1+maxEpochs)
	}
}

// TestStraysOfOthersStay puts what looks like a data file where the sweep of another shard finds it.
func TestStraysOfOthersStay(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := hours(t, s, 1)
	name := filepath.Join(dir, "flows", "hour=2026-11-21T20")
	for _, stray := range []string{"0000-11111111-1111-7111-8111-111111111111.parquet", "0001-11111111-1111-7111-8111-111111111111.parquet", "11111111-1111-7111-8111-111111111111.parquet"} {
		if err := os.WriteFile(filepath.Join(name, stray), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sweep(t, s, start)
	wantOnce(t, dir, b...)
	if n := countFiles(t, dir); n != 3 {
		t.Errorf("%d files are left, want two of this shard and the other's", n)
	}
	other, _, err := Open(t.Context(), folder(dir), 1, Config{})
	if err != nil {
		t.Fatal(err)
	}
	sweep(t, other, start)
	wantOnce(t, dir, b...)
	if n := countFiles(t, dir); n != 2 {
		t.Errorf("%d files are left, want two", n)
	}
}

// TestSweepBesideCommit sweeps while commits are made: what is being written is no stray.
func TestSweepBesideCommit(t *testing.T) {
	dir := t.TempDir()
	bucket := &held{Bucket: folder(dir)}
	s, _, err := Open(t.Context(), bucket, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := newHost(t, 1).batch(t, 60, 0)
	add(t, s, b)
	sweep(t, s, start)
	files, err := s.write(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if strays, err := s.manifest.strays(t.Context(), names); err != nil || len(strays) > 0 {
		t.Errorf("strays %v, %v: they are being written", strays, err)
	}
	if err := s.manifest.abandon(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	commit(t, s)
	wantOnce(t, dir, b)
	if n := countFiles(t, dir); n != 2 {
		t.Errorf("%d files, want 2", n)
	}
}

// away is a server that cannot be reached for a while.
type away struct {
	Bucket
	gone bool
}

var errAway = errors.New("connection refused")

func (a *away) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if a.gone {
		return errAway
	}
	return a.Bucket.Put(ctx, name, size, r)
}

func (a *away) List(ctx context.Context, prefix string) ([]string, error) {
	if a.gone {
		return nil, errAway
	}
	return a.Bucket.List(ctx, prefix)
}

// TestNothingCountsWhileTheBucketIsAway: a commit fails, so does all that follows, and a store that is opened later has all.
func TestNothingCountsWhileTheBucketIsAway(t *testing.T) {
	dir := t.TempDir()
	bucket := &away{Bucket: folder(dir)}
	s, _, err := Open(t.Context(), bucket, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, 1)
	a, b := h.batch(t, 60, 0), h.batch(t, 60, 0)
	add(t, s, a)
	commit(t, s)
	add(t, s, b)
	bucket.gone = true
	if err := s.Commit(t.Context()); !errors.Is(err, errAway) || s.Watermark(h.id, h.epoch) != 60 {
		t.Errorf("Commit: %v, watermark %d", err, s.Watermark(h.id, h.epoch))
	}
	if err := s.Sweep(t.Context(), start); !errors.Is(err, errAway) {
		t.Errorf("Sweep: %v", err)
	}
	if _, _, err := Open(t.Context(), bucket, 0, Config{}); !errors.Is(err, errAway) {
		t.Errorf("Open: %v", err)
	}
	bucket.gone = false
	s = open(t, dir)
	add(t, s, a, b)
	commit(t, s)
	wantOnce(t, dir, a, b)
}
