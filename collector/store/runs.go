package store

import (
	"iter"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// span is the rows of a file from one up to another.
type span struct{ from, to int64 }

// run is the rows of a file that are of one monitor.
type run struct {
	monitor string
	span
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
		var now run // it may go on in the next group
		at := int64(0)
		for _, group := range f.RowGroups() {
			from, to, err := q.rowsOf(group)
			if err != nil {
				yield(run{}, err)
				return
			}
			for next, err := range runsIn(r, at+from, at+to) {
				if err == nil && !q.Monitor.IsNil() && next.monitor != q.Monitor.String() {
					continue
				}
				if err == nil && next.monitor == now.monitor && next.from == now.to {
					now.to = next.to
					continue
				}
				if now.from < now.to && !yield(now, nil) || err != nil && !yield(run{}, err) {
					return
				}
				now = next
			}
			at += group.NumRows()
		}
		if now.from < now.to {
			yield(now, nil)
		}
	}
}

// runsIn divides the rows from first up to last by monitor.
func runsIn(r *rowReader[monitorRow], first, last int64) iter.Seq2[run, error] {
	return func(yield func(run, error) bool) {
		rows := make([]monitorRow, rowChunk)
		now := run{span: span{first, first}}
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
	defer damage(&err)
	wanted, err := q.wantsGroup(group)
	if err != nil || !wanted {
		return 0, 0, err
	}
	last = group.NumRows()
	if !q.Monitor.IsNil() {
		column := group.ColumnChunks()[0] // rows are sorted by it
		want, compare := parquet.ValueOf(q.Monitor.String()), column.Type().Compare
		if first, last, err = pagesWithin(group, column, func(least, most parquet.Value) bool {
			return compare(least, want) <= 0 && compare(most, want) >= 0
		}); err != nil {
			return 0, 0, err
		}
	}
	for _, b := range q.rowRanges() {
		from, to, err := b.pages(group)
		if err != nil {
			return 0, 0, err
		}
		first, last = max(first, from), min(last, to)
	}
	return first, max(first, last), nil
}

// stimeRow is the time that rows of a monitor and a protocol are sorted by.
type stimeRow struct {
	STime int64 `parquet:"stime"`
}

// windows divides the rows of a monitor by time, so that there are not too many in memory: each window is spans of the file, one a
// protocol. No row of a window is later than one of the next, unless a great many have the same time.
func (r run) windows(f *parquet.File) iter.Seq2[[]span, error] {
	return func(yield func([]span, error) bool) {
		if r.to-r.from <= MaxPending {
			yield([]span{r.span}, nil)
			return
		}
		times, err := r.times(f)
		if err != nil {
			yield(nil, err)
			return
		}
		left := rising(times)
		sorted := slices.Sorted(slices.Values(times))
		for last := min(MaxPending, len(sorted)) - 1; len(left) > 0; last = min(last+MaxPending, len(sorted)-1) {
			window, n := []span(nil), int64(0)
			for i := range left {
				p := &left[i]
				rows := times[p.from:min(p.to, p.from+2*MaxPending-n)]
				to := p.from + int64(upTo(rows, sorted[last]))
				if to > p.from {
					window = append(window, span{r.from + p.from, r.from + to})
				}
				n, p.from = n+to-p.from, to
			}
			left = slices.DeleteFunc(left, func(p span) bool { return p.from == p.to })
			if !yield(window, nil) {
				return
			}
		}
	}
}

// upTo returns how many of the times, which rise, are not after t.
func upTo(times []int64, t int64) int {
	n, _ := slices.BinarySearchFunc(times, t, func(a, t int64) int {
		if a <= t {
			return -1
		}
		return 1
	})
	return n
}

// rising divides times where one is before the one that it follows.
func rising(times []int64) (list []span) {
	from := 0
	for i := range times {
		if i+1 == len(times) || times[i+1] < times[i] {
			list = append(list, span{int64(from), int64(i + 1)})
			from = i + 1
		}
	}
	return list
}

func (r run) times(f *parquet.File) (times []int64, err error) {
	reader := newRowReader[stimeRow](f, func(string) bool { return true })
	defer reader.close()
	rows := make([]stimeRow, rowChunk)
	for at := r.from; at < r.to; {
		part := rows[:min(r.to-at, rowChunk)]
		if err := reader.read(at, part); err != nil {
			return nil, err
		}
		for i := range part {
			times = append(times, part[i].STime)
		}
		at += int64(len(part))
	}
	return times, nil
}
