package store

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

const (
	tableFlows  = "flows"
	tableEvents = "events"
	// rowChunk rows are put in order at once on their way to the file.
	rowChunk = 512
	// pageBytes is the size of a page before compression: a query for one host decodes few rows of others.
	pageBytes = 32 << 10
	// bloomBits are the bits a value of the bloom filters: one look in a hundred is in vain.
	bloomBits = 10
)

// place is where a row goes: the order in which the rows of a commit are written. The flows of one protocol stand together: the
// columns that others do not have become runs of zeros, which saves an octet in ten.
type place struct {
	hour    int64
	monitor string
	proto   uint8
	stime   int64
	row     int
}

func sortPlaces(p []place) { slices.SortFunc(p, place.compare) }

func (p place) compare(q place) int {
	if c := cmp.Compare(p.hour, q.hour); c != 0 {
		return c
	}
	if c := cmp.Compare(p.monitor, q.monitor); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(p.proto, q.proto), cmp.Compare(p.stime, q.stime), cmp.Compare(p.row, q.row))
}

// write writes the pending rows to new files and makes these durable.
func (s *Store) write() ([]File, error) {
	places := make([]place, len(s.rows))
	for i := range s.rows {
		r := &s.rows[i]
		places[i] = place{hourOf(r.STime, r.Received), r.Monitor, r.Proto, r.STime, i}
	}
	flows, err := writeTable(s.root, tableFlows, s.rows, places, func(f *File, r *Row) { f.MaxTime = max(f.MaxTime, r.LTime) })
	if err != nil {
		return nil, err
	}
	places = places[:0]
	for i := range s.events {
		r := &s.events[i]
		places = append(places, place{hourOf(r.Received, r.Received), r.Monitor, 0, r.STime, i})
	}
	events, err := writeTable(s.root, tableEvents, s.events, places, func(f *File, r *EventRow) { f.Events, f.MaxTime = true, max(f.MaxTime, r.LTime) })
	return append(flows, events...), err
}

// writeTable writes one file an hour. note tells a File about a row.
func writeTable[T any](root *os.Root, table string, rows []T, places []place, note func(*File, *T)) ([]File, error) {
	sortPlaces(places)
	var files []File
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].hour == places[0].hour {
			n++
		}
		f, err := writeFile(root, table, rows, places[:n], note)
		if err != nil {
			return nil, err
		}
		files, places = append(files, f), places[n:]
	}
	return files, nil
}

func writeFile[T any](root *os.Root, table string, rows []T, places []place, note func(*File, *T)) (File, error) {
	dir, hour := partition(table, places[0].hour)
	file := File{
		Name: path.Join(dir, uuid.Must(uuid.NewV7()).String()+".parquet"), Hour: hour, Rows: int64(len(places)),
		MinMonitor: places[0].monitor, MaxMonitor: places[len(places)-1].monitor,
		MinTime: places[0].stime, MaxTime: places[0].stime,
	}
	for _, p := range places {
		file.MinTime = min(file.MinTime, p.stime)
		note(&file, &rows[p.row])
	}
	if err := root.MkdirAll(dir, 0o750); err != nil {
		return file, err
	}
	f, err := root.OpenFile(file.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return file, err
	}
	err = encode(f, rows, places, sortedBy[table])
	if err == nil {
		file.Bytes, err = f.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		err = f.Sync()
	}
	return file, errors.Join(err, f.Close(), syncDir(root, dir), syncDir(root, table), syncDir(root, "."))
}

// encode writes the rows in the order of places.
func encode[T any](w io.Writer, rows []T, places []place, sorted parquet.WriterOption) error {
	pw := parquet.NewGenericWriter[T](w, append(slices.Clip(writerOptions), sorted)...)
	chunk := make([]T, 0, rowChunk)
	for part := range slices.Chunk(places, rowChunk) {
		chunk = chunk[:0]
		for _, p := range part {
			chunk = append(chunk, rows[p.row])
		}
		if _, err := pw.Write(chunk); err != nil {
			return err
		}
	}
	return pw.Close()
}

var sortedBy = map[string]parquet.WriterOption{
	tableFlows:  parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("monitor"), parquet.Ascending("proto"), parquet.Ascending("stime"))),
	tableEvents: parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("monitor"), parquet.Ascending("stime"))),
}

var writerOptions = []parquet.WriterOption{
	parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}),
	parquet.PageBufferSize(pageBytes),
	parquet.BloomFilters(parquet.SplitBlockFilter(bloomBits, "monitor"), parquet.SplitBlockFilter(bloomBits, "saddr"), parquet.SplitBlockFilter(bloomBits, "daddr")),
	parquet.DataPageStatistics(false), // the page index has them
	parquet.CreatedBy("argus-collector", "1", ""),
}
