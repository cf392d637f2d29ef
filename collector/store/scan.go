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
		s := scan{query: &q, ranges: q.rowRanges(), yield: yield}
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
	query  *Query
	ranges []rowRange // of the query
	yield  func(*argus.Record, error) bool
	rec    argus.Record
	rows   []Row      // the memory of fileScan
	first  []firstRow // and that for files of the first version
}

// chooses tells whether the query chooses a row by its columns.
func (s *scan) chooses(row *Row) bool {
	if !s.query.chooses(row) {
		return false
	}
	for i := range s.ranges {
		if !s.ranges[i].holds(row) {
			return false
		}
	}
	return true
}

func (s *scan) file(v *View, f *File) (more bool, err error) {
	in, err := v.bucket.Open(v.ctx, f.Name)
	if err != nil {
		return false, err
	}
	defer in.Close()
	pf, err := openParquet(in, f)
	if err != nil {
		return false, err
	}
	if isFirst(pf) {
		return scanFile(s, pf, &s.first, (*firstRow).upgrade, true)
	}
	return scanFile(s, pf, &s.rows, func(row *Row) *Row { return row }, false)
}

// fileScan is a scan of one file, in steps of the rows of one monitor.
type fileScan[T any] struct {
	*scan
	today        func(*T) *Row // makes a row of the file one of today
	choose, fill *rowReader[T]
	rows         *[]T
	chosen       []chosen
}

// chosen is a row that the query has chosen, and its place in the memory and in the file.
type chosen struct {
	*Row
	at   int
	file int64
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
		if err != nil {
			return false, err
		}
		for spans, err := range run.windows(f) {
			if err == nil {
				more, err = part.lend(run.monitor, spans)
			}
			if err != nil || !more {
				return false, err
			}
		}
	}
	return true, nil
}

// lend lends the rows of a monitor in spans in the order of time.
func (s *fileScan[T]) lend(monitor string, spans []span) (more bool, err error) {
	n := int64(0)
	for _, p := range spans {
		n += p.to - p.from
	}
	if int(n) > len(*s.rows) {
		*s.rows = make([]T, n)
	}
	s.chosen = s.chosen[:0]
	rows, at := (*s.rows)[:n], 0
	for _, p := range spans {
		if err := s.choose.read(p.from, rows[at:at+int(p.to-p.from)]); err != nil {
			return false, err
		}
		for file := p.from; file < p.to; file++ {
			if row := s.today(&rows[at]); s.chooses(row) {
				s.chosen = append(s.chosen, chosen{row, at, file})
			}
			at++
		}
	}
	if err := s.fillRows(rows); err != nil {
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
func (s *fileScan[T]) fillRows(rows []T) error {
	for c := s.chosen; len(c) > 0; {
		n := 1
		for n < len(c) && c[n].at < c[0].at+rowChunk && c[n].file-c[0].file == int64(c[n].at-c[0].at) {
			n++
		}
		if err := s.fill.read(c[0].file, rows[c[0].at:c[n-1].at+1]); err != nil {
			return err
		}
		c = c[n:]
	}
	return nil
}
