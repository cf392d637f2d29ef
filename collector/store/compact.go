package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/parquet-go/parquet-go"
)

const (
	// fullRows make a file that is not merged again.
	fullRows = 2 << 20
	// settled is how long an hour is over, and nothing has come for it, before its files are merged.
	settled = 10 * time.Minute
	// manyFiles are merged even if more come all the time.
	manyFiles = 64
	// mergeMemory bounds what the files that are merged at once take, by the estimates of mergeCost.
	mergeMemory = 32 << 20
)

// Compact merges small files of an hour that is over into a large one, if that pays, and returns whether to call it again at once. It
// is for one goroutine, beside Add and Commit. A crash at any point leaves either the small files or the large one. After an error the store
// is as before; what cannot be read is left alone until the store is opened again.
//
// It pays when the largest file has not more rows than the others together: then every row is in a file that is at least twice as large
// afterwards, so that it is written some twenty times at the very most, mostly twice; and what is left of an hour are a few files,
// each larger than those before it together.
func (s *Store) Compact(ctx context.Context, now time.Time) (more bool, err error) {
	files := s.manifest.small(now, s.unmerged)
	if len(files) == 0 {
		return false, nil
	}
	switch f := &files[0]; {
	case f.Events:
		err = compact[EventRow](ctx, s.manifest, files, now)
	case f.Missing:
		err = compact[GapRow](ctx, s.manifest, files, now)
	default:
		err = compact[Row](ctx, s.manifest, files, now)
	}
	if bad, ok := errors.AsType[*inputError](err); ok {
		s.unmerged[bad.name] = true
	}
	if errors.Is(err, errGone) || errors.Is(err, errFirst) { // retention was faster; or it stays as it is
		err = nil
	}
	if err != nil {
		return false, fmt.Errorf("compact the store: %w", err)
	}
	return true, nil
}

// small returns files that should be merged, of one hour and one table.
func (m *manifest) small(now time.Time, unmerged map[string]bool) []File {
	type part struct {
		hour            time.Time
		events, missing bool
	}
	m.mu.RLock()
	files := m.committed.files
	m.mu.RUnlock()
	parts := map[part][]File{}
	for _, f := range files {
		if f.Rows < fullRows && !unmerged[f.Name] && !now.Before(f.Hour.Add(time.Hour+settled)) {
			p := part{f.Hour, f.Events, f.Missing}
			parts[p] = append(parts[p], f)
		}
	}
	for _, of := range parts {
		quiet := !slices.ContainsFunc(of, func(f File) bool { return now.Before(madeAt(&f).Add(settled)) })
		if quiet || len(of) >= manyFiles {
			if list := worthMerging(of); list != nil {
				return list
			}
		}
	}
	return nil
}

// madeAt returns when a file was made, which its name tells.
func madeAt(f *File) (at time.Time) {
	name := strings.TrimSuffix(f.Name[strings.LastIndexByte(f.Name, '/')+1:], ".parquet")
	id, err := uuid.FromString(name[max(0, len(name)-36):])
	if err == nil {
		if stamp, err := uuid.TimestampFromV7(id); err == nil {
			at, _ = stamp.Time()
		}
	}
	return at
}

// worthMerging returns those of the files, in the order of their rows, that are worth to be merged with each other, as many as memory
// allows: the last has not more rows than the others together.
func worthMerging(files []File) []File {
	slices.SortFunc(files, func(a, b File) int { return cmp.Or(cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.Name, b.Name)) })
	for last := len(files) - 1; last > 0; last-- {
		first, cost, others := last, mergeCost(&files[last]), int64(0)
		for first > 0 && (first == last || cost+mergeCost(&files[first-1]) <= mergeMemory) {
			first--
			cost += mergeCost(&files[first])
			others += files[first].Rows
		}
		if files[last].Rows <= others {
			return files[first : last+1]
		}
	}
	return nil
}

// mergeCost estimates the memory that a file takes while it is merged: pages of the columns of the order and of one other, and some of the
// blocks that are held of an object of S3.
func mergeCost(f *File) int64 { return 512<<10 + min(f.Bytes/4, 4<<20) }

// errFirst is about a file of the first version, which is left as it is.
var errFirst = errors.New("the file has the first version of the schema")

// compact merges files of a table.
func compact[T any, P rowOf[T]](ctx context.Context, m *manifest, files []File, now time.Time) error {
	var all []*input[T, P]
	total := int64(0)
	for i := range files {
		o, err := m.bucket.Open(ctx, files[i].Name)
		if err != nil {
			return err
		}
		defer o.Close()
		f, err := openWhole(o, &files[i])
		if err != nil {
			return err
		}
		in := newInput[T, P](files[i].Name, f)
		defer in.close()
		all, total = append(all, in), total+files[i].Rows
	}
	rows, err := newGatherer(all)
	if err != nil {
		return err
	}
	made, err := writeMerged(ctx, m, files[0].Hour, rows, total)
	if err == nil {
		err = m.replace(ctx, files, made, now)
		if err == nil || !errors.Is(err, errGone) { // of other errors nobody knows whether the commit is there
			return err
		}
	}
	return errors.Join(err, m.abandon(context.WithoutCancel(ctx), made))
}

// openWhole opens a file that is as it was written, else it is an inputError or one of the connection.
func openWhole(o Object, f *File) (*parquet.File, error) {
	err := verify(o, f)
	if err != nil && !errors.Is(err, errDamagedFile) {
		return nil, err
	}
	var p *parquet.File
	if err == nil {
		p, err = openParquet(o, f)
	}
	switch {
	case err == nil && isFirst(p):
		err = errFirst
	case err == nil && p.NumRows() != f.Rows:
		err = fmt.Errorf("%w: it has %d rows, had %d", errDamagedFile, p.NumRows(), f.Rows)
	}
	if err != nil {
		return nil, &inputError{f.Name, err}
	}
	return p, nil
}

// writeMerged writes all rows, which are total, to as few files as are not too large.
func writeMerged[T any, P rowOf[T]](ctx context.Context, m *manifest, hour time.Time, rows *gatherer[T, P], total int64) (made []File, err error) {
	parts := (total + 2*fullRows - 1) / (2 * fullRows)
	written := int64(0)
	for range parts {
		f, err := rows.write(ctx, m, hour, (total+parts-1)/parts)
		made, written = append(made, f), written+f.Rows
		if err != nil {
			return made, err
		}
	}
	if written != total {
		return made, fmt.Errorf("%d rows have become %d: nothing is changed", total, written)
	}
	return made, nil
}
