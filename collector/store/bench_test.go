package store

import (
	"fmt"
	"path/filepath"
	"testing"
)

// BenchmarkStore prints P12: bytes and CPU a row, from the journal's batches to committed files.
func BenchmarkStore(b *testing.B) {
	dir := b.TempDir()
	var batches []*Batch
	for n := range 100 {
		h := newHost(b, n)
		for range 3 {
			batches = append(batches, h.batch(b, 200, 0))
		}
	}
	rows := 0
	var size int64
	b.ResetTimer()
	for n := range b.N {
		s := open(b, filepath.Join(dir, fmt.Sprint(n)))
		for _, batch := range batches {
			full, err := s.Add(batch)
			if err != nil {
				b.Fatal(err)
			}
			if full {
				commit(b, s)
			}
		}
		rows += len(batches) * 200
		commit(b, s)
		for _, f := range s.committed.files {
			size += f.Bytes
		}
		s.Close()
	}
	b.ReportMetric(float64(size)/float64(rows), "B/row")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkScanOneHost(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	defer s.Close()
	for n := range 100 {
		h := newHost(b, n)
		for range 3 {
			add(b, s, h.batch(b, 200, 0))
		}
	}
	commit(b, s)
	v := view(b, dir)
	rows := 0
	for b.Loop() {
		for _, err := range v.Scan(Query{Monitor: newHost(b, 7).id}) {
			if err != nil {
				b.Fatal(err)
			}
			rows++
		}
	}
	b.ReportMetric(float64(rows)/float64(b.N), "rows")
}
