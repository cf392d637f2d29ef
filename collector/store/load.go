package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
)

// readersAtOnce commits are read at the same time: each is a way to the server and back.
const readersAtOnce = 16

// loaded is what the manifest of a shard says.
type loaded struct {
	state
	number   uint64   // of the last commit
	snapshot uint64   // the commit of the snapshot that was read
	newest   uint64   // that of the latest snapshot there was
	bytes    int64    // octets of the commits after it
	damaged  []string // objects that could not be read
}

// load reads a shard's manifest: its latest snapshot that is whole, and the commits after it. What is damaged is left out and
// counted: what the other commits say still holds.
func load(ctx context.Context, b Bucket, shard int) (l loaded, err error) {
	for range 10 { // commits may be swept between the lists and the reading, when there is a newer snapshot
		if l, err = loadOnce(ctx, b, shard); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return l, err
}

func loadOnce(ctx context.Context, b Bucket, shard int) (l loaded, err error) {
	l.state = newState()
	snapshots, err := numbers(ctx, b, snapshotsDir, shard)
	if err != nil {
		return l, err
	}
	for _, n := range slices.Backward(snapshots) {
		l.newest = max(l.newest, n)
		st := newState()
		err := readSnapshot(ctx, b, shard, n, &st)
		if err == nil {
			l.state, l.snapshot, l.number = st, n, n
			break
		}
		if !errors.Is(err, errDamaged) {
			return l, err
		}
		l.damaged = append(l.damaged, numbered(snapshotsDir, shard, n))
		if len(l.files) < len(st.files) { // better than nothing when none is whole
			l.state, l.snapshot, l.number = st, n, n
		}
	}
	commits, err := numbers(ctx, b, commitsDir, shard)
	if err != nil {
		return l, err
	}
	first, _ := slices.BinarySearch(commits, l.number+1)
	if err := l.readCommits(ctx, b, shard, commits[first:]); err != nil || len(l.damaged) == 0 {
		return l, err
	}
	return l, l.outrun(ctx, b, shard)
}

// outrun fails with fs.ErrNotExist when there is a newer snapshot than when the reading began: commits that seemed to be lost were swept.
func (l *loaded) outrun(ctx context.Context, b Bucket, shard int) error {
	snapshots, err := numbers(ctx, b, snapshotsDir, shard)
	if err == nil && len(snapshots) > 0 && slices.Max(snapshots) > l.newest {
		err = fs.ErrNotExist
	}
	return err
}

func readSnapshot(ctx context.Context, b Bucket, shard int, n uint64, st *state) error {
	o, err := b.Open(ctx, numbered(snapshotsDir, shard, n))
	if err != nil {
		return err
	}
	defer o.Close()
	return decodeEntry(io.NewSectionReader(o, 0, 1<<62), st.apply)
}

// readCommits applies commits in their order.
func (l *loaded) readCommits(ctx context.Context, b Bucket, shard int, commits []uint64) error {
	for part := range slices.Chunk(commits, readersAtOnce) {
		var wg sync.WaitGroup
		data, errs := make([][]byte, len(part)), make([]error, len(part))
		for i, n := range part {
			wg.Go(func() { data[i], errs[i] = get(ctx, b, numbered(commitsDir, shard, n), maxCommit) })
		}
		wg.Wait()
		for i, n := range part {
			if errs[i] != nil {
				return errs[i]
			}
			if n > l.number+1 { // lost altogether
				l.damaged = append(l.damaged, numbered(commitsDir, shard, n-1))
			}
			var list []*entry
			if decodeEntry(bytes.NewReader(data[i]), func(e *entry) { list = append(list, e) }) != nil {
				l.damaged = append(l.damaged, numbered(commitsDir, shard, n))
			} else {
				for _, e := range list {
					l.apply(e)
				}
			}
			l.number, l.bytes = n, l.bytes+int64(len(data[i]))
		}
	}
	return nil
}
