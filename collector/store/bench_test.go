package store

import (
	"testing"
)

// BenchmarkStore prints P12: octets and CPU a row, from the journal's batches to committed files, in a store that goes on for long.
func BenchmarkStore(b *testing.B) {
	s := open(b, b.TempDir())
	defer s.Close()
	var batches []*Batch
	for n := range 100 {
		h := newHost(b, n)
		for range 3 {
			batches = append(batches, h.batch(b, 200, 0))
		}
	}
	round := func() {
		for _, batch := range batches {
			batch.Epoch++
			full, err := s.Add(batch)
			if err != nil {
				b.Fatal(err)
			}
			if full {
				commit(b, s)
			}
		}
		commit(b, s)
	}
	round() // the memory of the rows has its size
	before, began, rows := len(s.manifest.committed.files), cpuTime(), 0
	for b.Loop() {
		round()
		rows += len(batches) * 200
	}
	var size int64
	for _, f := range s.manifest.committed.files[before:] {
		size += f.Bytes
	}
	b.ReportMetric(float64(size)/float64(rows), "B/row")
	if took := cpuTime() - began; took > 0 {
		b.ReportMetric(float64(rows)/took.Seconds(), "rows/CPU-s")
	}
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
