package store

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

const (
	// rowChunk rows are put in order at once on their way to the file.
	rowChunk = 512
	// pageBytes is the size of a page before compression: a query for one host decodes few rows of others. Merged files have
	// more rows of a host, and larger pages take less.
	pageBytes, mergedPageBytes = 32 << 10, 64 << 10
	// bloomBits are the bits a value of the bloom filters: one look in a hundred is in vain.
	bloomBits = 10
	// groupRows bounds a row group, and with it what a writer holds in memory.
	groupRows = 1 << 17
)

// place is where a row goes: the order in which the rows of a commit are written.
type place struct {
	hour int64
	key  rowKey
	row  int
}

func (p place) compare(q place) int {
	if c := cmp.Compare(p.hour, q.hour); c != 0 {
		return c
	}
	return cmp.Or(p.key.compare(q.key), cmp.Compare(p.row, q.row))
}

// write puts the pending rows into new files.
func (s *Store) write(ctx context.Context) ([]File, error) {
	flows, err := writeTable(ctx, s.manifest, s.rows)
	if err != nil {
		return nil, err
	}
	events, err := writeTable(ctx, s.manifest, s.events)
	if err != nil {
		return nil, err
	}
	gaps, err := writeTable(ctx, s.manifest, s.gaps)
	return slices.Concat(flows, events, gaps), err
}

// writeTable writes one file an hour.
func writeTable[T any, P rowOf[T]](ctx context.Context, m *manifest, rows []T) (files []File, err error) {
	places := make([]place, len(rows))
	for i := range rows {
		row := P(&rows[i])
		places[i] = place{row.hour(), row.sortKey(), i}
	}
	slices.SortFunc(places, place.compare)
	for len(places) > 0 {
		hour, n := places[0].hour, 1
		for n < len(places) && places[n].hour == hour {
			n++
		}
		f, err := writeFile[T, P](ctx, m, hour, int64(n), func(to []T) (int, error) {
			for i := range to {
				to[i] = rows[places[i].row]
			}
			places = places[len(to):]
			return len(to), nil
		})
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// writeFile writes a file of n rows, or as many as there are, of an hour.
func writeFile[T any, P rowOf[T]](ctx context.Context, m *manifest, hour, n int64, read func([]T) (int, error)) (f File, err error) {
	table := P(nil).table()
	f.Events, f.Missing = table == tableEvents, table == tableGaps
	err = m.create(ctx, &f, table, hour, func(w io.Writer) error {
		pw := parquet.NewGenericWriter[T](w, slices.Concat(writerOptions, []parquet.WriterOption{sortedBy[table]})...)
		chunk := make([]T, min(n, rowChunk))
		for f.Rows < n {
			got, err := read(chunk[:min(n-f.Rows, rowChunk)])
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if got == 0 {
				break
			}
			for i := range got {
				row := P(&chunk[i])
				f.add(row.sortKey(), row.end())
			}
			if _, err := pw.Write(chunk[:got]); err != nil {
				return err
			}
		}
		return pw.Close()
	})
	return f, err
}

var sortedBy = map[string]parquet.WriterOption{
	tableFlows:  parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("monitor"), parquet.Ascending("proto"), parquet.Ascending("stime"))),
	tableEvents: parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("monitor"), parquet.Ascending("stime"))),
	tableGaps:   parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("monitor"), parquet.Ascending("stime"))),
}

var writerOptions = []parquet.WriterOption{
	parquet.Compression(newCodec(zstd.SpeedDefault)),
	parquet.PageBufferSize(pageBytes),
	parquet.MaxRowsPerRowGroup(groupRows),
	parquet.BloomFilters(parquet.SplitBlockFilter(bloomBits, "monitor"), parquet.SplitBlockFilter(bloomBits, "saddr"), parquet.SplitBlockFilter(bloomBits, "daddr")),
	parquet.DataPageStatistics(false), // the page index has them
	parquet.ColumnIndexSizeLimit(func([]string) int { return len("01234567-89ab-cdef-0123-456789abcdef") }),
	parquet.CreatedBy("argus-collector", "1", ""),
}

// mergedOptions are for files that stay: a twentieth smaller at a fifth more CPU.
var mergedOptions = []parquet.WriterOption{
	parquet.Compression(newCodec(zstd.SpeedBetterCompression)),
	parquet.PageBufferSize(mergedPageBytes),
}
