package store

import (
	"github.com/parquet-go/parquet-go"
)

// Range is a condition on numbers of a flow: one of them at least is from Low to High. The columns are spkts, dpkts, sbytes, dbytes,
// sappbytes, dappbytes, sport, dport and dur, which is seconds; the second may be "". A condition on others is none.
type Range struct {
	Columns   [2]string
	Low, High float64
}

// rangeColumn is a column that a Range may name.
type rangeColumn struct {
	columns []string // that it is made of
	of      func(*Row) float64
	value   func(parquet.Value) float64 // of the page index; nil: it has no column of its own
}

func signed(v parquet.Value) float64   { return float64(v.Int64()) }
func unsigned(v parquet.Value) float64 { return float64(v.Uint32()) }

var rangeColumns = map[string]rangeColumn{
	"spkts":     {[]string{"spkts"}, func(r *Row) float64 { return float64(r.SPkts) }, signed},
	"dpkts":     {[]string{"dpkts"}, func(r *Row) float64 { return float64(r.DPkts) }, signed},
	"sbytes":    {[]string{"sbytes"}, func(r *Row) float64 { return float64(r.SBytes) }, signed},
	"dbytes":    {[]string{"dbytes"}, func(r *Row) float64 { return float64(r.DBytes) }, signed},
	"sappbytes": {[]string{"sappbytes"}, func(r *Row) float64 { return float64(r.SAppBytes) }, signed},
	"dappbytes": {[]string{"dappbytes"}, func(r *Row) float64 { return float64(r.DAppBytes) }, signed},
	"sport":     {[]string{"sport"}, func(r *Row) float64 { return float64(r.SPort) }, unsigned},
	"dport":     {[]string{"dport"}, func(r *Row) float64 { return float64(r.DPort) }, unsigned},
	"dur":       {[]string{"stime", "ltime"}, func(r *Row) float64 { return float64(float32(float64(r.LTime-r.STime) / 1e6)) }, nil}, // filters compare in 32 bits
}

// rowRange is a Range whose columns are known; of a pair without a second the two are the same.
type rowRange struct {
	of        [2]rangeColumn
	low, high float64
}

// rowRanges returns the ranges of q that the columns of rows can tell.
func (q *Query) rowRanges() (all []rowRange) {
	for _, b := range q.Ranges {
		if b.Columns[1] == "" {
			b.Columns[1] = b.Columns[0]
		}
		one, ok1 := rangeColumns[b.Columns[0]]
		other, ok2 := rangeColumns[b.Columns[1]]
		if ok1 && ok2 {
			all = append(all, rowRange{[2]rangeColumn{one, other}, b.Low, b.High})
		}
	}
	return all
}

func (b *rowRange) holds(row *Row) bool {
	v := b.of[0].of(row)
	if b.low <= v && v <= b.high {
		return true
	}
	v = b.of[1].of(row)
	return b.low <= v && v <= b.high
}

// pages returns a range of rows of a group outside of which b does not hold, by the page index.
func (b *rowRange) pages(group parquet.RowGroup) (first, last int64, err error) {
	for i := range b.of {
		n := &b.of[i]
		leaf, has := group.Schema().Lookup(n.columns[0])
		if n.value == nil || !has {
			return 0, group.NumRows(), nil
		}
		from, to, err := pagesWithin(group, group.ColumnChunks()[leaf.ColumnIndex], func(least, most parquet.Value) bool {
			return n.value(most) >= b.low && n.value(least) <= b.high
		})
		if err != nil {
			return 0, 0, err
		}
		if from < to {
			if first == last {
				first = from
			}
			first, last = min(first, from), max(last, to)
		}
	}
	return first, last, nil
}

// pagesWithin returns the rows from the first to the last of the pages of a column that may hold what is wanted.
func pagesWithin(group parquet.RowGroup, column parquet.ColumnChunk, may func(least, most parquet.Value) bool) (first, last int64, err error) {
	index, err := column.ColumnIndex()
	if err != nil {
		return 0, 0, err
	}
	offsets, err := column.OffsetIndex()
	if err != nil {
		return 0, 0, err
	}
	pages := index.NumPages()
	for page := range pages {
		if !may(index.MinValue(page), index.MaxValue(page)) {
			continue
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
