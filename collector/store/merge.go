package store

import (
	"container/heap"
	"errors"

	"github.com/parquet-go/parquet-go"
)

// mergeChunk is how many rows of each file are in memory at once when files are merged.
const mergeChunk = 128

var errOrder = errors.New("its rows are not in order")

// input is a file that is merged.
type input[T any, P rowOf[T]] struct {
	name   string
	reader *rowReader[T]
	next   int64 // the row of the file behind those in memory
	rows   []T
	at     int    // in rows: the current one
	key    rowKey // of that
}

// inputError is an error of a file that is merged.
type inputError struct {
	name string
	err  error
}

func (e *inputError) Error() string { return e.name + ": " + e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

func newInput[T any, P rowOf[T]](name string, f *parquet.File) *input[T, P] {
	return &input[T, P]{name: name, reader: newRowReader[T](f, func(string) bool { return true }), rows: make([]T, 0, mergeChunk)}
}

// advance goes on to the next row. more is false behind the last.
func (in *input[T, P]) advance() (more bool, err error) {
	if in.at++; in.at >= len(in.rows) {
		n := min(in.reader.numRows()-in.next, mergeChunk)
		if n == 0 {
			return false, nil
		}
		in.rows, in.at = in.rows[:n], 0
		if err := in.reader.read(in.next, in.rows); err != nil {
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
	for _, in := range all {
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

// read sets rows to the next ones and returns how many there were: fewer than it has room for at the end.
func (m *merger[T, P]) read(rows []T) (n int, err error) {
	for n < len(rows) && len(*m) > 0 {
		first := (*m)[0]
		rows[n] = first.rows[first.at]
		n++
		more, err := first.advance()
		switch {
		case err != nil:
			return n, err
		case more:
			heap.Fix(m, 0)
		default:
			heap.Pop(m)
		}
	}
	return n, nil
}
