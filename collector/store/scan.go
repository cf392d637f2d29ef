package store

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/parquet-go/parquet-go"
)

// Scan lends the records that q chooses, by hour, in the order of the commits, then by monitor, then by time.
// Each is valid until the next step. Times are microseconds and Raw is nil.
func (v *View) Scan(q Query) iter.Seq2[*argus.Record, error] {
	return func(yield func(*argus.Record, error) bool) {
		files := slices.Clone(v.files)
		slices.SortStableFunc(files, func(a, b File) int { return a.Hour.Compare(b.Hour) })
		s := scan{query: &q, yield: yield}
		for i := range files {
			if f := &files[i]; !f.Events && !f.Missing && q.wants(f) {
				if more, err := s.file(v, f); err != nil {
					yield(nil, fmt.Errorf("store: %s: %w", f.Name, err))
					return
				} else if !more {
					return
				}
			}
		}
	}
}

// scan is a query on its way through the files.
type scan struct {
	query *Query
	yield func(*argus.Record, error) bool
	rec   argus.Record
	rows  []Row      // the memory of fileScan
	first []firstRow // and that for files of the first version
}

func (s *scan) file(v *View, f *File) (more bool, err error) {
	in, err := v.bucket.Open(v.ctx, f.Name)
	if err != nil {
		return false, err
	}
	defer in.Close()
	pf, err := parquet.OpenFile(in, f.Bytes, openOptions...)
	if err != nil {
		return false, err
	}
	if isFirst(pf) {
		return scanFile(s, pf, &s.first, (*firstRow).upgrade, true)
	}
	return scanFile(s, pf, &s.rows, func(row *Row) *Row { return row }, false)
}

// openOptions leave the indexes and filters of the columns that nobody asks for where they are.
var openOptions = []parquet.FileOption{parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true)}

// fileScan is a scan of one file, in steps of the rows of one monitor, MaxPending at most.
type fileScan[T any] struct {
	*scan
	today        func(*T) *Row // makes a row of the file one of today
	choose, fill *rowReader[T]
	rows         *[]T
	chosen       []chosen
}

// chosen is a row that the query has chosen, and its place in the memory.
type chosen struct {
	*Row
	at int
}

// scanFile lends the rows of f that s chooses.
func scanFile[T any](s *scan, f *parquet.File, rows *[]T, today func(*T) *Row, all bool) (more bool, err error) {
	choose, fill := s.query.columns()
	if all { // to make rows of today takes all columns
		choose, fill = func(name string) bool { return name != "monitor" }, func(string) bool { return false }
	}
	part := fileScan[T]{scan: s, today: today, choose: newRowReader[T](f, choose), fill: newRowReader[T](f, fill), rows: rows}
	defer part.choose.close()
	defer part.fill.close()
	for run, err := range s.query.runs(f) {
		for at := run.from; err == nil && at < run.to; at += MaxPending {
			more, err = part.lend(run.monitor, at, min(run.to-at, MaxPending))
			if err == nil && !more {
				return false, nil
			}
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// lend lends n rows of a monitor in the order of time.
func (s *fileScan[T]) lend(monitor string, first, n int64) (more bool, err error) {
	if int(n) > len(*s.rows) {
		*s.rows = make([]T, n)
	}
	rows := (*s.rows)[:n]
	if err := s.choose.read(first, rows); err != nil {
		return false, err
	}
	s.chosen = s.chosen[:0]
	for i := range rows {
		if row := s.today(&rows[i]); s.query.chooses(row) {
			s.chosen = append(s.chosen, chosen{row, i})
		}
	}
	if err := s.fillRows(first, rows); err != nil {
		return false, err
	}
	slices.SortFunc(s.chosen, func(a, b chosen) int { return cmp.Or(cmp.Compare(a.STime, b.STime), cmp.Compare(a.at, b.at)) })
	for _, c := range s.chosen {
		c.Monitor = monitor
		c.record(&s.rec, s.query.Parts)
		if (s.query.Match == nil || s.query.Match(&s.rec)) && !s.yield(&s.rec, nil) {
			return false, nil
		}
	}
	return true, nil
}

// fillRows reads the other columns of the chosen rows, and of those between them that stand near.
func (s *fileScan[T]) fillRows(first int64, rows []T) error {
	for c := s.chosen; len(c) > 0; {
		n := 1
		for n < len(c) && c[n].at < c[0].at+rowChunk {
			n++
		}
		from := c[0].at
		if err := s.fill.read(first+int64(from), rows[from:c[n-1].at+1]); err != nil {
			return err
		}
		c = c[n:]
	}
	return nil
}

// run is the rows of a file that are of one monitor.
type run struct {
	monitor  string
	from, to int64
}

// monitorRow is the first column alone.
type monitorRow struct {
	Monitor string `parquet:"monitor"`
}

// runs finds where the rows of each monitor are that q asks for.
func (q *Query) runs(f *parquet.File) iter.Seq2[run, error] {
	return func(yield func(run, error) bool) {
		r := newRowReader[monitorRow](f, func(string) bool { return true })
		defer r.close()
		at := int64(0)
		for _, group := range f.RowGroups() {
			from, to, err := q.rowsOf(group)
			if err != nil {
				yield(run{}, err)
				return
			}
			for found, err := range runsIn(r, at+from, at+to) {
				if err == nil && !q.Monitor.IsNil() && found.monitor != q.Monitor.String() {
					continue
				}
				if !yield(found, err) {
					return
				}
			}
			at += group.NumRows()
		}
	}
}

// runsIn divides the rows from first up to last by monitor.
func runsIn(r *rowReader[monitorRow], first, last int64) iter.Seq2[run, error] {
	return func(yield func(run, error) bool) {
		rows := make([]monitorRow, rowChunk)
		now := run{from: first, to: first}
		for now.to < last {
			part := rows[:min(last-now.to, rowChunk)]
			if err := r.read(now.to, part); err != nil {
				yield(run{}, err)
				return
			}
			for i := range part {
				if m := part[i].Monitor; m != now.monitor {
					if now.from < now.to && !yield(now, nil) {
						return
					}
					now.monitor, now.from = m, now.to
				}
				now.to++
			}
		}
		if now.from < now.to {
			yield(now, nil)
		}
	}
}

// rowsOf returns a range of rows of a group outside of which q asks for none, by the filters and the page index.
func (q *Query) rowsOf(group parquet.RowGroup) (first, last int64, err error) {
	wanted, err := q.wantsGroup(group)
	if err != nil || !wanted {
		return 0, 0, err
	}
	if q.Monitor.IsNil() {
		return 0, group.NumRows(), nil
	}
	column := group.ColumnChunks()[0] // rows are sorted by it
	want := parquet.ValueOf(q.Monitor.String())
	index, err := column.ColumnIndex()
	if err != nil {
		return 0, 0, err
	}
	offsets, err := column.OffsetIndex()
	if err != nil {
		return 0, 0, err
	}
	compare := column.Type().Compare
	pages := index.NumPages()
	for page := range pages {
		if compare(index.MaxValue(page), want) < 0 {
			continue
		}
		if compare(index.MinValue(page), want) > 0 {
			break
		}
		if last == 0 {
			first = offsets.FirstRowIndex(page)
		}
		last = group.NumRows()
		if page+1 < pages {
			last = offsets.FirstRowIndex(page + 1)
		}
	}
	return first, last, nil
}
