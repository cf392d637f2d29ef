package store

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/gofrs/uuid/v5"
	"github.com/parquet-go/parquet-go"
)

// Query chooses flow records. The zero Query chooses all.
type Query struct {
	Since, Until time.Time                // flows with a packet in [Since, Until); a zero time is no bound
	Monitor      uuid.UUID                // of this monitor; Nil: of all
	Match        func(*argus.Record) bool // and for which Match says true; nil: all
}

// Scan lends the records that q chooses, by hour, in the order of the commits, then by monitor, then by time.
// Each is valid until the next step. Times are microseconds and Raw is nil.
func (v *View) Scan(q Query) iter.Seq2[*argus.Record, error] {
	return func(yield func(*argus.Record, error) bool) {
		files := slices.Clone(v.files)
		slices.SortStableFunc(files, func(a, b File) int { return a.Hour.Compare(b.Hour) })
		for i := range files {
			if f := &files[i]; !f.Events && q.wants(f) {
				if more, err := v.scanFile(f, &q, yield); err != nil {
					yield(nil, fmt.Errorf("store: %s: %w", f.Name, err))
					return
				} else if !more {
					return
				}
			}
		}
	}
}

// wants tells whether a file may have rows for q.
func (q *Query) wants(f *File) bool {
	return q.inTime(f.MinTime, f.MaxTime) &&
		(q.Monitor.IsNil() || f.MinMonitor <= q.Monitor.String() && q.Monitor.String() <= f.MaxMonitor)
}

func (q *Query) inTime(first, last int64) bool {
	return (q.Since.IsZero() || last >= q.Since.UnixMicro()) && (q.Until.IsZero() || first < q.Until.UnixMicro())
}

func (v *View) scanFile(f *File, q *Query, yield func(*argus.Record, error) bool) (more bool, err error) {
	in, err := v.root.Open(f.Name)
	if err != nil {
		return false, err
	}
	defer in.Close()
	pf, err := parquet.OpenFile(in, f.Bytes, parquet.SkipBloomFilters(q.Monitor.IsNil()))
	if err != nil {
		return false, err
	}
	var rec argus.Record
	for row, err := range byTime(q.rows(pf)) {
		if err != nil {
			return false, err
		}
		row.record(&rec)
		if (q.Match == nil || q.Match(&rec)) && !yield(&rec, nil) {
			return false, nil
		}
	}
	return true, nil
}

// rows lends the rows of a file that q chooses by monitor and time.
func (q *Query) rows(f *parquet.File) iter.Seq2[*Row, error] {
	read := rowsIn[Row]
	if isFirst(f) {
		read = rowsOfFirst
	}
	monitor := q.Monitor.String()
	return func(yield func(*Row, error) bool) {
		for _, group := range f.RowGroups() {
			first, last, err := rowsOf(group, q.Monitor)
			if err != nil {
				yield(nil, err)
				return
			}
			for row, err := range read(group, first, last) {
				if err == nil && (!q.inTime(row.STime, row.LTime) || !q.Monitor.IsNil() && row.Monitor != monitor) {
					continue
				}
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// byTime lends rows, which come by monitor, in the order of their times within each. It holds those of one monitor, as many as a
// commit has: should there be more, they come in the order of time in parts.
func byTime(rows iter.Seq2[*Row, error]) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		var held []Row
		lend := func() bool {
			order := make([]place, len(held))
			for i := range held {
				order[i] = place{stime: held[i].STime, row: i}
			}
			sortPlaces(order)
			for _, p := range order {
				if !yield(&held[p.row], nil) {
					return false
				}
			}
			held = held[:0]
			return true
		}
		for row, err := range rows {
			if err != nil {
				if lend() {
					yield(nil, err)
				}
				return
			}
			if len(held) > 0 && (held[0].Monitor != row.Monitor || len(held) == MaxPending) && !lend() {
				return
			}
			held = append(held, *row)
		}
		lend()
	}
}

// rowsOf returns the range of rows in which those of a monitor are: the rows are sorted by it.
func rowsOf(group parquet.RowGroup, monitor uuid.UUID) (first, last int64, err error) {
	if monitor.IsNil() {
		return 0, group.NumRows(), nil
	}
	column := group.ColumnChunks()[0]
	want := parquet.ValueOf(monitor.String())
	if bloom := column.BloomFilter(); bloom != nil {
		if has, err := bloom.Check(want); err != nil || !has {
			return 0, 0, err
		}
	}
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
	return narrow(column, first, last, func(v parquet.Value) int { return compare(v, want) })
}

// narrow returns the part of the rows from first up to last of a sorted column for which compare is 0.
// Looking at one column first is cheap: putting together a row of all of them is not.
func narrow(column parquet.ColumnChunk, first, last int64, compare func(parquet.Value) int) (from, to int64, err error) {
	pages := column.Pages()
	defer pages.Close()
	if err := pages.SeekToRow(first); err != nil {
		return 0, 0, err
	}
	from, to = last, first
	values := make([]parquet.Value, rowChunk)
	for at := first; at < last; {
		page, err := pages.ReadPage()
		if err != nil {
			return 0, 0, err
		}
		for reader, err := page.Values(), error(nil); err == nil; {
			var n int
			n, err = reader.ReadValues(values)
			for _, v := range values[:n] {
				if compare(v) == 0 {
					from, to = min(from, at), at+1
				}
				at++
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, 0, err
			}
		}
		parquet.Release(page)
	}
	return from, to, nil
}

// rowsIn lends the rows from first up to last.
func rowsIn[T any](group parquet.RowGroup, first, last int64) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if first >= last {
			return
		}
		r := parquet.NewGenericRowGroupReader[T](group)
		defer r.Close()
		if err := r.SeekToRow(first); err != nil {
			yield(nil, err)
			return
		}
		rows := make([]T, min(last-first, rowChunk))
		for first < last {
			n, err := r.Read(rows[:min(last-first, int64(len(rows)))])
			for i := range n {
				if !yield(&rows[i], nil) {
					return
				}
			}
			first += int64(n)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}
			if n == 0 {
				return
			}
		}
	}
}
