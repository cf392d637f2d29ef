package store

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

var errDictionary = errors.New("a value is not in the dictionary of its column: the file is damaged")

// column says where in a row the values of a column of the files stand.
type column struct {
	name   string
	offset uintptr
	kind   reflect.Kind
}

// columnsOf returns the columns of a struct with parquet tags, those of embedded structs too.
func columnsOf(row reflect.Type) (list []column) {
	for f := range row.Fields() {
		if f.Anonymous {
			for _, c := range columnsOf(f.Type) {
				c.offset += f.Offset
				list = append(list, c)
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		list = append(list, column{name, f.Offset, f.Type.Kind()})
	}
	return list
}

// rowReader reads ranges of rows of a file, of each column by itself: what nobody asks for is neither read nor unpacked.
// It holds one page of each column.
type rowReader[T any] struct {
	groups  []parquet.RowGroup
	starts  []int64 // the first row of each group in the file, and behind them how many there are
	columns []*columnReader
	partial bool // some columns are not in the file
}

// newRowReader reads the columns of f that want chooses.
func newRowReader[T any](f *parquet.File, want func(name string) bool) *rowReader[T] {
	r := &rowReader[T]{groups: f.RowGroups(), starts: []int64{0}}
	for _, g := range r.groups {
		r.starts = append(r.starts, r.starts[len(r.starts)-1]+g.NumRows())
	}
	for _, c := range columnsOf(reflect.TypeFor[T]()) {
		if !want(c.name) {
			continue
		}
		if leaf, has := f.Schema().Lookup(c.name); has {
			r.columns = append(r.columns, &columnReader{column: c, leaf: leaf.ColumnIndex, group: -1})
		} else {
			r.partial = true
		}
	}
	return r
}

func (r *rowReader[T]) numRows() int64 { return r.starts[len(r.starts)-1] }

// read sets the columns of rows to those of the file from row first on.
func (r *rowReader[T]) read(first int64, rows []T) (err error) {
	defer damage(&err)
	return r.readColumns(r.columns, first, rows)
}

// readColumn is read for the column with an index.
func (r *rowReader[T]) readColumn(i int, first int64, rows []T) (err error) {
	defer damage(&err)
	if i < 0 {
		clear(rows)
		return nil
	}
	return r.readColumns(r.columns[i:i+1], first, rows)
}

// index returns where in columns one is, -1 when it is not in the file.
func (r *rowReader[T]) index(name string) int {
	return slices.IndexFunc(r.columns, func(c *columnReader) bool { return c.name == name })
}

func (r *rowReader[T]) readColumns(columns []*columnReader, first int64, rows []T) error {
	if r.partial {
		clear(rows)
	}
	for i := 0; len(rows) > 0; i++ {
		if i+1 == len(r.starts) {
			return io.ErrUnexpectedEOF
		}
		n := min(r.starts[i+1]-first, int64(len(rows)))
		if n <= 0 {
			continue
		}
		to := unsafe.Pointer(unsafe.SliceData(rows))
		for _, c := range columns {
			if err := c.read(unsafe.Add(to, c.offset), unsafe.Sizeof(rows[0]), r.groups[i], i, first-r.starts[i], n); err != nil {
				return fmt.Errorf("column %s: %w", c.name, err)
			}
		}
		first, rows = first+n, rows[n:]
	}
	return nil
}

// closeColumn lets go of what the column with an index holds.
func (r *rowReader[T]) closeColumn(i int) {
	if i >= 0 {
		r.columns[i].close()
	}
}

func (r *rowReader[T]) close() {
	for _, c := range r.columns {
		c.close()
	}
}

// columnReader reads one column of a file.
type columnReader struct {
	column
	leaf  int // which column of the file
	group int // whose pages these are, -1: none
	pages parquet.Pages

	page     parquet.Page // holds what values points to
	from, to int64        // its rows in the group
	values   values
	words    []string // the dictionary of texts
}

// values are those of a page: of narrow, wide and texts one is set. With an index that is what it points into.
type values struct {
	index  []int32
	narrow []uint32
	wide   []uint64
	texts  []string
}

// read writes n values, from row first of a group on, to every stride-th octet from to on.
func (c *columnReader) read(to unsafe.Pointer, stride uintptr, g parquet.RowGroup, group int, first, n int64) error {
	if c.group != group {
		c.close()
		c.group, c.pages = group, g.ColumnChunks()[c.leaf].Pages()
	}
	for at := int64(0); at < n; {
		if row := first + at; row < c.from || row >= c.to {
			if err := c.load(g, row); err != nil {
				return err
			}
		}
		m := min(n-at, c.to-first-at)
		if !c.values.put(unsafe.Add(to, uintptr(at)*stride), stride, c.kind, int(first+at-c.from), int(m)) {
			return errDictionary
		}
		at += m
	}
	return nil
}

// load makes the page that has row first the current one.
func (c *columnReader) load(g parquet.RowGroup, first int64) error {
	if first != c.to {
		if _, err := g.ColumnChunks()[c.leaf].OffsetIndex(); err != nil { // SeekToRow needs it to go there at once
			return err
		}
		if err := c.pages.SeekToRow(first); err != nil {
			return err
		}
	}
	parquet.Release(c.page)
	c.page, c.from, c.to = nil, first, first
	page, err := c.pages.ReadPage()
	if err != nil {
		return noEOF(err)
	}
	c.page, c.to = page, first+page.NumRows()
	if c.to == first {
		return errDictionary
	}
	c.values = values{}
	if d := page.Dictionary(); d != nil {
		data := page.Data()
		c.values.index = data.Int32()
		page = d.Page()
		if c.words != nil {
			c.values.texts = c.words
			return nil
		}
	}
	c.values.set(page)
	if c.values.index != nil {
		c.words = c.values.texts
	}
	return nil
}

func (c *columnReader) close() {
	if c.pages != nil {
		parquet.Release(c.page)
		c.pages.Close()
	}
	*c = columnReader{column: c.column, leaf: c.leaf, group: -1}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// set takes the plain values of a page. Numbers stay where they are, texts are copied.
func (v *values) set(page parquet.Page) {
	data := page.Data()
	switch page.Type().Kind() {
	case parquet.Int32:
		v.narrow = data.Uint32()
	case parquet.Int64:
		v.wide = data.Uint64()
	case parquet.ByteArray:
		b, offsets := data.ByteArray()
		all := string(b)
		v.texts = make([]string, max(len(offsets), 1)-1)
		for i := range v.texts {
			v.texts[i] = all[offsets[i]:offsets[i+1]]
		}
	}
}

// put writes the values from the from-th on. It returns false if there are not as many, or they have another type.
func (v *values) put(to unsafe.Pointer, stride uintptr, kind reflect.Kind, from, n int) bool {
	switch kind {
	case reflect.Uint8:
		return scatter(to, stride, v.index, v.narrow, from, n, func(v uint32) uint8 { return uint8(v) })
	case reflect.Uint16:
		return scatter(to, stride, v.index, v.narrow, from, n, func(v uint32) uint16 { return uint16(v) })
	case reflect.Uint32, reflect.Int32:
		return scatter(to, stride, v.index, v.narrow, from, n, func(v uint32) uint32 { return v })
	case reflect.Uint64, reflect.Int64:
		return scatter(to, stride, v.index, v.wide, from, n, func(v uint64) uint64 { return v })
	case reflect.String:
		return scatter(to, stride, v.index, v.texts, from, n, func(v string) string { return v })
	case reflect.Slice:
		return scatter(to, stride, v.index, v.texts, from, n, func(v string) []byte { return data([]byte(v)) })
	}
	return false
}

func scatter[S, D any](to unsafe.Pointer, stride uintptr, index []int32, values []S, from, n int, convert func(S) D) bool {
	if index == nil {
		if from+n > len(values) {
			return false
		}
		for i, v := range values[from : from+n] {
			*(*D)(unsafe.Add(to, uintptr(i)*stride)) = convert(v)
		}
		return true
	}
	if from+n > len(index) {
		return false
	}
	for i, at := range index[from : from+n] {
		if uint32(at) >= uint32(len(values)) {
			return false
		}
		*(*D)(unsafe.Add(to, uintptr(i)*stride)) = convert(values[at])
	}
	return true
}
