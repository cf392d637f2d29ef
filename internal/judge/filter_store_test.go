package judge

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// filterExpressions returns those that are judged by ra, and as many made of them at random.
func filterExpressions(tb testing.TB) (all []string) {
	tb.Helper()
	for line := range strings.Lines(string(readFile(tb, "filter-expressions.txt"))) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line != "local tcp" {
			all = append(all, line)
		}
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for n := range len(all) {
		made := "(" + all[n] + ")"
		for range 1 + rnd.IntN(3) {
			made += []string{" and ", " or ", " and not ", " or not "}[rnd.IntN(4)] + "(" + all[rnd.IntN(n+1)] + ")"
		}
		if rnd.IntN(4) == 0 {
			made = "not (" + made + ")"
		}
		all = append(all, made)
	}
	return all
}

// TestFilterPushedDown asks a store for what each expression selects of the corpus: what a filter rules out by the columns and the
// page index is never what it selects, and the filter selects the same of the stream that the store was made of.
func TestFilterPushedDown(t *testing.T) {
	stream := newStoreStream(t)
	for _, row := range corpus(t) {
		p := newPipeline(flow.DefaultConfig())
		p.read(t, pcap(t, row["file"]))
		p.records(t)
		stream.add(p.out)
	}
	var records []*argus.Record
	for r := range stream.records() {
		c := *r
		records = append(records, &c)
	}
	v, err := store.OpenView(t.Context(), stream.bucket())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	stored := map[uint32]*argus.Record{}
	for r, err := range v.Scan(store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		c := *r
		stored[r.Sequence] = &c
	}
	narrowed, read, selected := 0, 0, 0
	for _, expression := range filterExpressions(t) {
		f, err := filter.Parse([]string{expression})
		if err != nil {
			t.Fatal(err)
		}
		var want, got []uint32
		for _, r := range records {
			live := f.Match(r)
			if live {
				want = append(want, r.Sequence)
			}
			if live != f.Match(stored[r.Sequence]) {
				t.Errorf("%q says %v of record %d, of the stored one otherwise", expression, live, r.Sequence)
			}
		}
		needs := f.Needs()
		if reflect.DeepEqual(needs, filter.Needs{}) {
			continue
		}
		asked := 0
		q := store.Query{Match: func(r *argus.Record) bool { asked++; return f.Match(r) }}
		collector.Narrow(&q, needs)
		for r, err := range v.Scan(q) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Sequence)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q selects %d records of the store, %d of the stream", expression, len(got), len(want))
		}
		if asked < len(records) {
			narrowed, read, selected = narrowed+1, read+asked, selected+len(got)
		}
	}
	if narrowed == 0 {
		t.Error("nothing is pushed down")
	}
	t.Logf("judge: filter: %d expressions are pushed down to the store: %d of %d rows are made records, %d of them selected", narrowed, read, narrowed*len(records), selected)
}
