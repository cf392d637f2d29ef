package store

import (
	"container/heap"
	"errors"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// mergeChunk is how many rows of each file are in memory at once when files are merged.
const mergeChunk = 128

var errOrder = errors.New("its rows are not in order")

// input is a file that is merged. The order is made of a few columns first; then each column is read by itself.
type input[T any, P rowOf[T]] struct {
	name   string
	number uint16        // among the inputs
	keys   *rowReader[T] // of the columns of the order
	next   int64         // the row of the file behind those in memory
	rows   []T           // with these columns alone
	at     int           // in rows: the current one
	key    rowKey        // of that
	all    *rowReader[T] // of all columns
	column int           // the index in all of the one that is being read
	done   int64         // rows of which all columns are read
}

// inputError is an error of a file that is merged.
type inputError struct {
	name string
	err  error
}

func (e *inputError) Error() string { return e.name + ": " + e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

func newInput[T any, P rowOf[T]](name string, f *parquet.File) *input[T, P] {
	inOrder := func(column string) bool {
		return slices.Contains([]string{"monitor", "proto", "stime", "ltime"}, column)
	}
	return &input[T, P]{name: name, keys: newRowReader[T](f, inOrder), rows: make([]T, 0, mergeChunk), all: newRowReader[T](f, func(string) bool { return true })}
}

func (in *input[T, P]) close() {
	in.keys.close()
	in.all.close()
}

// advance goes on to the next row. more is false behind the last.
func (in *input[T, P]) advance() (more bool, err error) {
	if in.at++; in.at >= len(in.rows) {
		n := min(in.keys.numRows()-in.next, mergeChunk)
		if n == 0 {
			return false, nil
		}
		in.rows, in.at = in.rows[:n], 0
		if err := in.keys.read(in.next, in.rows); err != nil {
			return false, &inputError{in.name, err}
		}
		in.next += n
	}
	before := in.key
	if in.key = P(&in.rows[in.at]).sortKey(); before.compare(in.key) > 0 {
		return false, &inputError{in.name, errOrder}
	}
	return true, nil
}

// merger gives the rows of several files in order. It is a heap of them by their current rows.
type merger[T any, P rowOf[T]] []*input[T, P]

func newMerger[T any, P rowOf[T]](all []*input[T, P]) (*merger[T, P], error) {
	m := &merger[T, P]{}
	for i, in := range all {
		in.number = uint16(i)
		more, err := in.advance()
		if err != nil {
			return nil, err
		}
		if more {
			*m = append(*m, in)
		}
	}
	heap.Init(m)
	return m, nil
}

func (m merger[T, P]) Len() int           { return len(m) }
func (m merger[T, P]) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m merger[T, P]) Less(i, j int) bool { return m[i].key.compare(m[j].key) < 0 }
func (m *merger[T, P]) Push(in any)       { *m = append(*m, in.(*input[T, P])) }

func (m *merger[T, P]) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// order returns which inputs the next rows come from, which are n at most, and adds them to f.
func (m *merger[T, P]) order(f *File, n int64) (inputs []uint16, err error) {
	for int64(len(inputs)) < n && len(*m) > 0 {
		first := (*m)[0]
		f.add(first.key, P(&first.rows[first.at]).end())
		inputs = append(inputs, first.number)
		more, err := first.advance()
		switch {
		case err != nil:
			return nil, err
		case more:
			heap.Fix(m, 0)
		default:
			heap.Pop(m)
		}
	}
	return inputs, nil
}
