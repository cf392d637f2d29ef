package store

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/gofrs/uuid/v5"
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

// BenchmarkQueries prints the rest of P12 for 1,000 hosts with 1,000 rows each in an hour that is merged; with QUERY_ROWS=10000 they
// are the 10 M rows of the bar, which take two minutes to make. A store is opened for each query.
func BenchmarkQueries(b *testing.B) {
	dir := b.TempDir()
	monitorOf := func(n int) uuid.UUID { return uuid.NewV5(uuid.NamespaceDNS, strconv.Itoa(n%1000)) }
	mergedStore(b, dir, monitorOf)
	query := func(name string, q func(n int) Query, step func(*argus.Record)) {
		b.Run(name, func(b *testing.B) {
			forgetPeak()
			began, found, n := cpuTime(), 0, 0
			for b.Loop() {
				for r, err := range view(b, dir).Scan(q(n)) {
					if err != nil {
						b.Fatal(err)
					}
					step(r)
					found++
				}
				n++
			}
			b.ReportMetric(float64(found)/float64(b.N), "rows")
			b.ReportMetric(float64((cpuTime()-began).Milliseconds())/float64(b.N), "CPU-ms")
			b.ReportMetric(peakMB(), "peak-MB")
		})
	}
	nothing := func(*argus.Record) {}
	query("OneHost", func(n int) Query { return Query{Monitor: monitorOf(n * 37)} }, nothing)
	query("OneAddress", func(int) Query { return Query{Hosts: []netip.Prefix{netip.MustParsePrefix("151.203.29.3/32")}} }, nothing)
	huge := func(r *argus.Record) bool { return r.Flow.Side[0].Bytes > 60_000 || r.Flow.Side[1].Bytes > 60_000 }
	query("Huge", func(int) Query {
		return Query{Ranges: []Range{{[2]string{"sbytes", "dbytes"}, 60_001, math.Inf(1)}}, Match: huge}
	}, nothing)
	query("HugeByMatch", func(int) Query { return Query{Match: huge} }, nothing)
	top := map[[16]byte]uint64{}
	query("Top", func(int) Query { return Query{Parts: PartKey | PartCounts} }, func(r *argus.Record) {
		top[r.Flow.Dst] += r.Flow.Side[0].Bytes + r.Flow.Side[1].Bytes
	})
	query("Everything", func(int) Query { return Query{} }, nothing)
}

// mergedStore makes a store of 1,000 hosts.
func mergedStore(b *testing.B, dir string, monitorOf func(int) uuid.UUID) {
	const hosts, streams = 1000, 100
	each := 1000
	if n, err := strconv.Atoi(os.Getenv("QUERY_ROWS")); err == nil {
		each = n
	}
	s := open(b, dir)
	var some []*host
	for n := range streams {
		some = append(some, newHost(b, n))
	}
	for range each / 200 {
		for i, h := range some {
			batch := h.batch(b, 200, 0)
			for n := i; n < hosts; n += streams {
				batch.Monitor = monitorOf(n)
				if full, err := s.Add(batch); err != nil {
					b.Fatal(err)
				} else if full {
					commit(b, s)
				}
			}
		}
	}
	commit(b, s)
	s.Close()
	s = open(b, dir)
	defer s.Close()
	fresh := s.files()
	forgetPeak()
	began := cpuTime()
	compactAll(b, s)
	took, peak := cpuTime()-began, peakMB()
	s.manifest.every = 1 // a snapshot, as there is most of the time
	if err := s.Sweep(b.Context(), later()); err != nil {
		b.Fatal(err)
	}
	rows, size := int64(0), int64(0)
	for _, f := range s.files() {
		rows, size = rows+f.Rows, size+f.Bytes
	}
	fmt.Printf("%d rows in %d files are now in %d, %.1f octets a row, at %.0f rows/CPU-s in %.0f MB\n", rows, len(fresh), len(s.files()), float64(size)/float64(rows),
		float64(rows)/took.Seconds(), peak)
}
