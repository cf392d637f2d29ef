package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// gatherRows are put in order and written at once: a row group. Tests take fewer.
var gatherRows int64 = groupRows

// gatherer writes the rows of several files in their order, column by column: it holds a page of one column of each file.
type gatherer[T any, P rowOf[T]] struct {
	inputs  []*input[T, P]
	merger  *merger[T, P]
	columns []column
	chunk   []T // of rows, of which one column is set
	values  []parquet.Value
}

func newGatherer[T any, P rowOf[T]](inputs []*input[T, P]) (*gatherer[T, P], error) {
	m, err := newMerger(inputs)
	return &gatherer[T, P]{inputs, m, columnsOf(reflect.TypeFor[T]()), make([]T, rowChunk), make([]parquet.Value, rowChunk)}, err
}

// write makes a file of the next n rows, or as many as there are.
func (g *gatherer[T, P]) write(ctx context.Context, m *manifest, hour time.Time, n int64) (f File, err error) {
	table := P(nil).table()
	f.Events, f.Missing = table == tableEvents, table == tableGaps
	err = m.create(ctx, &f, table, hour.UnixMicro(), func(w io.Writer) error {
		pw := parquet.NewGenericWriter[T](w, slices.Concat(writerOptions, mergedOptions, []parquet.WriterOption{sortedBy[table]})...)
		for f.Rows < n {
			order, err := g.merger.order(&f, min(n-f.Rows, gatherRows))
			if err != nil {
				return err
			}
			if len(order) == 0 {
				break
			}
			if err := errors.Join(g.writeGroup(ctx, pw, order), pw.Flush()); err != nil {
				return err
			}
		}
		return pw.Close()
	})
	return f, err
}

// writeGroup writes the rows of a group, which come from the inputs in this order.
func (g *gatherer[T, P]) writeGroup(ctx context.Context, pw *parquet.GenericWriter[T], order []uint16) error {
	writers, next := pw.ColumnWriters(), make([]int64, len(g.inputs))
	for i := range g.columns {
		c := &g.columns[i]
		for n, in := range g.inputs {
			next[n], in.column = in.done, in.all.index(c.name)
		}
		leaf, _ := pw.Schema().Lookup(c.name)
		for part := range slices.Chunk(order, rowChunk) {
			if err := errors.Join(ctx.Err(), g.read(c, part, next)); err != nil {
				return err
			}
			if _, err := writers[leaf.ColumnIndex].WriteRowValues(g.values[:len(part)]); err != nil {
				return err
			}
		}
		for _, in := range g.inputs {
			in.all.closeColumn(in.column)
		}
	}
	for n, in := range g.inputs {
		in.done = next[n]
	}
	return nil
}

// read sets values to those of a column: the next ones of the inputs in this order.
func (g *gatherer[T, P]) read(c *column, order []uint16, next []int64) error {
	for at := 0; at < len(order); {
		n, end := order[at], at+1
		for end < len(order) && order[end] == n {
			end++
		}
		in := g.inputs[n]
		if err := in.all.readColumn(in.column, next[n], g.chunk[at:end]); err != nil {
			return &inputError{in.name, fmt.Errorf("column %s: %w", c.name, err)}
		}
		next[n] += int64(end - at)
		at = end
	}
	from := unsafe.Add(unsafe.Pointer(unsafe.SliceData(g.chunk)), c.offset)
	for i := range order {
		g.values[i] = c.value(unsafe.Add(from, uintptr(i)*unsafe.Sizeof(g.chunk[0])))
	}
	return nil
}

// value returns the value of a column that stands at p, and which it may point to.
func (c *column) value(p unsafe.Pointer) parquet.Value {
	switch c.kind {
	case reflect.Uint8:
		return parquet.Int32Value(int32(*(*uint8)(p)))
	case reflect.Uint16:
		return parquet.Int32Value(int32(*(*uint16)(p)))
	case reflect.Uint32, reflect.Int32:
		return parquet.Int32Value(*(*int32)(p))
	case reflect.Uint64, reflect.Int64:
		return parquet.Int64Value(*(*int64)(p))
	case reflect.String:
		s := *(*string)(p)
		return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
	}
	return parquet.ByteArrayValue(*(*[]byte)(p))
}
