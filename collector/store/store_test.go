package store

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	return openWith(t, dir, Config{})
}

func openWith(t testing.TB, dir string, c Config) *Store {
	t.Helper()
	s, _, err := Open(t.Context(), folder(dir), 0, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *Store, batches ...*Batch) {
	t.Helper()
	for _, b := range batches {
		if _, err := s.Add(b); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, dir string) *View {
	t.Helper()
	v, err := OpenView(t.Context(), folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// identities returns, sorted, "monitor epoch sequence" of every row of both tables, read by parquet-go alone.
func identities(t testing.TB, dir string) (ids []string) {
	t.Helper()
	v := view(t, dir)
	for _, f := range v.Files() {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if f.Missing {
			continue
		}
		if f.Events {
			rows, err := parquet.ReadFile[EventRow](name)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				ids = append(ids, fmt.Sprintf("%s %s %06d", r.Monitor, r.Epoch, r.Sequence))
			}
			continue
		}
		rows, err := parquet.ReadFile[Row](name)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(rows)) != f.Rows {
			t.Errorf("%s has %d rows, the manifest says %d", f.Name, len(rows), f.Rows)
		}
		for _, r := range rows {
			ids = append(ids, fmt.Sprintf("%s %s %06d", r.Monitor, r.Epoch, r.Sequence))
		}
	}
	slices.Sort(ids)
	return ids
}

// wantOnce fails unless the store in dir has exactly the records of batches, each once.
func wantOnce(t testing.TB, dir string, batches ...*Batch) {
	t.Helper()
	var want []string
	for _, b := range batches {
		for seq := b.First; seq <= b.Last; seq++ {
			want = append(want, fmt.Sprintf("%s %s %06d", b.Monitor, b.Epoch, seq))
		}
	}
	slices.Sort(want)
	got := identities(t, dir)
	if unique := slices.Compact(slices.Clone(got)); len(unique) != len(got) {
		t.Errorf("%d records are there twice", len(got)-len(unique))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d records in the store, want %d", len(got), len(want))
	}
}

func TestWhatIsPutInComesOut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	var batches []*Batch
	for n := range 3 {
		h := newHost(t, n)
		for range 5 {
			batches = append(batches, h.batch(t, 200, 0))
		}
	}
	add(t, s, batches...)
	commit(t, s)
	wantOnce(t, dir, batches...)

	want := map[string]argus.Record{}
	for _, b := range batches {
		for _, r := range decode(t, b) {
			want[key(&r)] = r
		}
	}
	n := 0
	for got, err := range view(t, dir).Scan(Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if w := want[key(got)]; !reflect.DeepEqual(*got, w) {
			t.Fatalf("record %s\n got %+v\nwant %+v", key(got), *got, w)
		}
	}
	if n != len(want) {
		t.Errorf("%d records scanned, want %d", n, len(want))
	}
}

func key(r *argus.Record) string { return fmt.Sprint(r.Monitor, r.Sequence) }

// decode returns the flow records of a batch as a scan should give them back.
func decode(t testing.TB, b *Batch) (list []argus.Record) {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	stream, err := dec.DecodeAll(b.Body, nil)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != argus.KindFlow {
			continue
		}
		c := *r
		c.Raw, c.Skipped, c.Unknown = nil, 0, 0
		c.Label = bytes.Clone(r.Label)
		list = append(list, c)
	}
	return list
}

func TestScanChooses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	all := map[string]argus.Record{}
	for n := range 20 {
		h := newHost(t, n)
		h.now = start.Add(time.Duration(n) * 17 * time.Minute) // over several hours
		for range 3 {
			b := h.batch(t, 100, 0)
			add(t, s, b)
			for _, r := range decode(t, b) {
				all[key(&r)] = r
			}
		}
		if n%7 == 0 {
			commit(t, s)
		}
	}
	commit(t, s)
	v := view(t, dir)
	one := newHost(t, 5).id
	since, until := start.Add(50*time.Minute), start.Add(170*time.Minute)
	for name, q := range map[string]Query{
		"all":        {},
		"one host":   {Monitor: one},
		"no host":    {Monitor: newHost(t, 99).id},
		"since":      {Since: since},
		"until":      {Until: until},
		"both":       {Since: since, Until: until},
		"match":      {Match: func(r *argus.Record) bool { return r.Flow.DstPort == 22 }},
		"everything": {Since: since, Until: until, Monitor: newHost(t, 7).id, Match: func(r *argus.Record) bool { return r.Flow.Proto == flow.ProtoUDP }},
	} {
		want := 0
		for _, r := range all {
			first, last := r.Flow.Span()
			id, _ := r.Monitor.UUID()
			if (q.Since.IsZero() || last >= q.Since.UnixNano()) && (q.Until.IsZero() || first < q.Until.UnixNano()) &&
				(q.Monitor.IsNil() || id == q.Monitor) && (q.Match == nil || q.Match(&r)) {
				want++
			}
		}
		got := 0
		for r, err := range v.Scan(q) {
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := all[key(r)]; !ok {
				t.Fatalf("%s: %s was never put in", name, key(r))
			}
			got++
		}
		if got != want || name != "no host" && want == 0 {
			t.Errorf("%s: %d records, want %d", name, got, want)
		}
	}
}

// TestScanGivesTheOrderOfTime: the rows of a file are in that of protocols.
func TestScanGivesTheOrderOfTime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	a, b := newHost(t, 1), newHost(t, 2)
	for range 3 {
		add(t, s, b.batch(t, 100, 0), a.batch(t, 100, 0))
	}
	commit(t, s)
	var last argus.Record
	protocols := 0
	for r, err := range view(t, dir).Scan(Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Monitor == last.Monitor && r.Flow.Start < last.Flow.Start {
			t.Fatalf("record %d, of %d, comes after %d, of %d", r.Sequence, r.Flow.Start, last.Sequence, last.Flow.Start)
		}
		if r.Flow.Proto != last.Flow.Proto {
			protocols++
		}
		last = *r
	}
	if protocols < 100 {
		t.Errorf("the protocol changes but %d times", protocols)
	}
}

func TestClocksThatCannotBeRightMakeNoPartitions(t *testing.T) {
	received := start.UnixMicro()
	for stime, want := range map[int64]time.Time{
		0: start, 1 << 51: start,
		start.Add(2 * time.Hour).UnixMicro():       start,
		start.Add(-8 * 24 * time.Hour).UnixMicro(): start,
		start.Add(-30 * time.Hour).UnixMicro():     start.Add(-30 * time.Hour),
		start.Add(30 * time.Minute).UnixMicro():    start.Add(30 * time.Minute),
	} {
		if got := time.UnixMicro(hourOf(stime, received)).UTC(); !got.Equal(want.Truncate(time.Hour)) {
			t.Errorf("stime %d: hour %v, want that of %v", stime, got, want)
		}
	}
}
