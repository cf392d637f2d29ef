package store

import (
	"bytes"
	"math"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestRangeOfPages: the pages that are left out have no row that a range holds for, in one column or the other.
func TestRangeOfPages(t *testing.T) {
	const rows = 1000
	row := func(i int) (r Row) {
		switch i {
		case 300:
			r.DBytes = 5000
		case 700:
			r.SBytes = 5000
		}
		return r
	}
	var file bytes.Buffer
	w := parquet.NewGenericWriter[Row](&file, parquet.PageBufferSize(100), parquet.DataPageStatistics(false))
	for i := range rows {
		if _, err := w.Write([]Row{row(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		Range
		first, last int64 // rows that have to be read
	}{
		{Range{[2]string{"sbytes", "dbytes"}, 4000, math.Inf(1)}, 300, 701},
		{Range{[2]string{"dbytes", "sbytes"}, 4000, math.Inf(1)}, 300, 701},
		{Range{[2]string{"sbytes", ""}, 4000, 6000}, 700, 701},
		{Range{[2]string{"dbytes", ""}, 4000, 6000}, 300, 301},
		{Range{[2]string{"dbytes", ""}, 6000, math.Inf(1)}, 0, 0},
		{Range{[2]string{"dbytes", "dur"}, 6000, math.Inf(1)}, 0, rows}, // dur has no column
	} {
		q := Query{Ranges: []Range{test.Range}}
		first, last, err := q.rowsOf(f.RowGroups()[0])
		if err != nil || test.last == 0 && first != last || test.last > 0 && (first > test.first || last < test.last) {
			t.Errorf("%+v: rows %d to %d, %v; %d to %d have to be there", test.Range, first, last, err, test.first, test.last)
		}
		if last-first > test.last-test.first+200 {
			t.Errorf("%+v: rows %d to %d are too many", test.Range, first, last)
		}
	}
}

// TestRangeOfDurations: a duration is compared in 32 bits, as filters do.
func TestRangeOfDurations(t *testing.T) {
	tenth := float64(float32(0.1))
	q := Query{Ranges: []Range{{[2]string{"dur", ""}, tenth, tenth}}}
	for micros, want := range map[int64]bool{100_000: true, 100_001: false, 99_999: false} {
		if got := q.rowRanges()[0].holds(&Row{STime: 1e15, LTime: 1e15 + micros}); got != want {
			t.Errorf("%d us: %v", micros, got)
		}
	}
}
