package judge

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// BenchmarkRowCost prints what a row of the store costs, fresh and merged, when each of the captures TRACES (a pattern) is metered by
// a host of its own, and what the dearest columns do. docs/store.md has the figures.
func BenchmarkRowCost(b *testing.B) {
	captures, err := filepath.Glob(os.Getenv("TRACES"))
	if err != nil || len(captures) == 0 {
		b.Skip("no captures: name them by TRACES, such as TRACES='/dev/shm/*.pcap'")
	}
	for b.Loop() {
		dir := b.TempDir()
		bucket, err := store.OpenBucket(dir)
		if err != nil {
			b.Fatal(err)
		}
		s, _, err := store.Open(b.Context(), bucket, 0, store.Config{})
		if err != nil {
			b.Fatal(err)
		}
		addCaptures(b, s, captures)
		printCost(b, dir, "fresh", 0)
		for more := true; more; {
			if more, err = s.Compact(b.Context(), time.Now().Add(2*time.Hour)); err != nil {
				b.Fatal(err)
			}
		}
		printCost(b, dir, "merged", 60)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// addCaptures meters each capture and puts the records into s, 200 of each host in turn, in commits as large as they may be.
func addCaptures(b *testing.B, s *store.Store, captures []string) {
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	var batches []*store.Batch
	arrived := time.Now().Truncate(time.Hour) // captures are older than a week: all are in this hour
	for i, name := range captures {
		p := newPipeline(flow.DefaultConfig())
		p.enc.Monitor = uuid.NewV5(uuid.NamespaceDNS, fmt.Sprint(i))
		p.read(b, name)
		if _, err := argus.Number(p.out, 1); err != nil {
			b.Fatal(err)
		}
		next, from, at := uint64(1), 0, 0
		for r, err := range argus.Records(p.out) {
			if err != nil {
				b.Fatal(err)
			}
			at += len(r.Raw)
			if n := uint64(r.Sequence) - next + 1; n == 200 || at == len(p.out) {
				body := p.enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart})
				batch := &store.Batch{Monitor: p.enc.Monitor, Epoch: 1, First: next, Last: next + n - 1, Received: arrived,
					Body: zip.EncodeAll(append(body, p.out[from:at]...), nil)}
				batches, next, from = append(batches, batch), next+n, at
			}
		}
	}
	slices.SortStableFunc(batches, func(a, b *store.Batch) int { return int(a.First) - int(b.First) })
	for _, batch := range batches {
		full, err := s.Add(batch)
		if err == nil && full {
			err = s.Commit(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// printCost prints what the rows of the table flows cost, and the dearest columns.
func printCost(b *testing.B, dir, what string, columns int) {
	bucket, err := store.OpenBucket(dir)
	if err != nil {
		b.Fatal(err)
	}
	v, err := store.OpenView(b.Context(), bucket)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	var rows, octets, files int64
	cost := map[string]int64{}
	for _, f := range v.Files() {
		if f.Events || f.Missing {
			continue
		}
		in, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil {
			b.Fatal(err)
		}
		pf, err := parquet.OpenFile(in, f.Bytes)
		if err != nil {
			b.Fatal(err)
		}
		for _, g := range pf.Metadata().RowGroups {
			for _, c := range g.Columns {
				cost[c.MetaData.PathInSchema[0]] += c.MetaData.TotalCompressedSize
			}
		}
		in.Close()
		rows, octets, files = rows+f.Rows, octets+f.Bytes, files+1
	}
	names := make([]string, 0, len(cost))
	other := octets
	for name, n := range cost {
		names, other = append(names, name), other-n
	}
	slices.SortFunc(names, func(a, b string) int { return int(cost[b] - cost[a]) })
	each := func(n int64) string { return fmt.Sprintf("%.2f", float64(n)/float64(rows)) }
	var parts []string
	for _, name := range names[:min(columns, len(names))] {
		parts = append(parts, name+" "+each(cost[name]))
	}
	fmt.Printf("%s: %d rows in %d files, %s octets a row, of them filters and footers %s; %s\n", what, rows, files, each(octets), each(other), strings.Join(parts, ", "))
}
