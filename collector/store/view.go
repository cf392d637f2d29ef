package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/uuid/v5"
)

// View is what all shards of a store held at one moment, for queries beside the writers, in any process.
type View struct {
	ctx    context.Context
	bucket Bucket
	state
	damaged int
}

// OpenView reads the manifests of the store in b, which it takes over. Later commits are not seen. ctx is for all reading through
// the view. fs.ErrNotExist: there is no store.
func OpenView(ctx context.Context, b Bucket) (*View, error) {
	v := &View{ctx: ctx, bucket: b, state: newState()}
	if err := v.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("read the store: %w", err), b.Close())
	}
	return v, nil
}

// Close closes the bucket.
func (v *View) Close() error { return v.bucket.Close() }

func (v *View) read() error {
	shards, err := shardsOf(v.ctx, v.bucket)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		l, err := load(v.ctx, v.bucket, shard)
		if err != nil {
			return fmt.Errorf("shard %d: %w", shard, err)
		}
		v.merge(&l.state)
		v.damaged += len(l.damaged)
	}
	if len(shards) > 0 {
		known, err := v.bucket.List(v.ctx, damagedDir+"/")
		v.damaged = max(v.damaged, len(known)) // a writer copies what it cannot read, and goes on
		return err
	}
	if v.state, v.damaged, err = readFirstManifest(v.ctx, v.bucket); err == nil && len(v.marks) == 0 {
		err = fs.ErrNotExist
	}
	return err
}

// shardsOf returns the shards that a bucket has.
func shardsOf(ctx context.Context, b Bucket) (list []int, err error) {
	for _, dir := range []string{commitsDir, snapshotsDir} {
		names, err := b.List(ctx, dir+"/")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if n, err := strconv.Atoi(path.Base(path.Dir(name))); err == nil && (len(list) == 0 || list[len(list)-1] != n) {
				list = append(list, n)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// merge adds what another shard says. A monitor is in one of them, unless their number was changed.
func (s *state) merge(o *state) {
	s.files = append(s.files, o.files...)
	for k, m := range o.marks {
		if m.Sequence >= s.marks[k].Sequence {
			s.marks[k] = m
		}
	}
	maps.Copy(s.heard, o.heard)
	if o.horizon.After(s.horizon) {
		s.horizon = o.horizon
	}
}

// Damaged returns how many objects of the manifest cannot be read, or could not and are in damaged/: rows that they named are not seen.
func (v *View) Damaged() int { return v.damaged }

// Files returns the data files, by shard and in the order of their commits.
func (v *View) Files() []File { return v.files }

// Marks returns all watermarks, by monitor and then by the time of the first batch.
func (v *View) Marks() []Mark { return v.sortedMarks() }

// Horizon returns the beginning of what retention has left: before it little or nothing is there. It is zero when retention has
// never removed anything.
func (v *View) Horizon() time.Time { return v.horizon }

// Heard lends the state of each monitor's account (Config.Account), by monitor.
func (v *View) Heard() iter.Seq2[uuid.UUID, []byte] {
	monitors := slices.SortedFunc(maps.Keys(v.heard), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return func(yield func(uuid.UUID, []byte) bool) {
		for _, m := range monitors {
			if !yield(m, v.heard[m]) {
				return
			}
		}
	}
}
