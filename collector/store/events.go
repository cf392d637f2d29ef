package store

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Events lends the rows of the table events that were written in [since, until) by the agent's clock (LTime), by hour of arrival, in the
// order of the commits, then by monitor. A zero time is no bound; a Nil monitor is all. Raw is nil.
func (v *View) Events(since, until time.Time, monitor uuid.UUID) iter.Seq2[*EventRow, error] {
	q := Query{Since: since, Until: until, Monitor: monitor}
	return func(yield func(*EventRow, error) bool) {
		files := slices.Clone(v.files)
		slices.SortStableFunc(files, func(a, b File) int { return a.Hour.Compare(b.Hour) })
		rows := make([]EventRow, rowChunk)
		for i := range files {
			f := &files[i]
			if !f.Events || !q.wants(f) {
				continue
			}
			if more, err := v.eventsOf(f, &q, rows, yield); err != nil {
				yield(nil, fmt.Errorf("store: %s: %w", f.Name, err))
				return
			} else if !more {
				return
			}
		}
	}
}

// eventsOf lends the rows of a file by way of rows.
func (v *View) eventsOf(f *File, q *Query, rows []EventRow, yield func(*EventRow, error) bool) (more bool, err error) {
	in, err := v.bucket.Open(v.ctx, f.Name)
	if err != nil {
		return false, err
	}
	defer in.Close()
	pf, err := openParquet(in, f)
	if err != nil {
		return false, err
	}
	r := newRowReader[EventRow](pf, func(name string) bool { return name != "raw" && name != "monitor" })
	defer r.close()
	for run, err := range q.runs(pf) {
		if err != nil {
			return false, err
		}
		for run.from < run.to {
			part := rows[:min(run.to-run.from, int64(len(rows)))]
			if err := r.read(run.from, part); err != nil {
				return false, err
			}
			run.from += int64(len(part))
			for i := range part {
				row := &part[i]
				row.Monitor = run.monitor
				if q.inTime(row.LTime, row.LTime) && !yield(row, nil) {
					return false, nil
				}
			}
		}
	}
	return true, nil
}
