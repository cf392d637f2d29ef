package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
)

const (
	commitsDir   = "commits"
	snapshotsDir = "snapshots"
	damagedDir   = "damaged" // copies of damaged ones, for who looks into it
	// maxCommit bounds the octets of a commit: 32,768 records of as many monitors need a tenth.
	maxCommit = 64 << 20
)

// ErrFenced tells that another writer has opened the shard since: this one must open it again, or leave it.
var ErrFenced = errors.New("another writer has this shard of the store")

// errGone tells that a file that was to be replaced no longer counts.
var errGone = errors.New("a file to replace is not in the store")

func shardDir(dir string, shard int) string { return fmt.Sprintf("%s/%04d/", dir, shard) }

func numbered(dir string, shard int, n uint64) string {
	return shardDir(dir, shard) + fmt.Sprintf("%012d", n)
}

// numbers returns the numbers of the objects of a shard in commitsDir or snapshotsDir, in order.
func numbers(ctx context.Context, b Bucket, dir string, shard int) (list []uint64, err error) {
	names, err := b.List(ctx, shardDir(dir, shard))
	for _, name := range names {
		if n, err := strconv.ParseUint(path.Base(name), 10, 64); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, err
}

// manifest is a shard's state and the log of its commits, for one writer. After an error it is not written to again.
type manifest struct {
	bucket Bucket
	shard  int
	writer uuid.UUID
	every  uint64 // commits between snapshots

	committing           sync.Mutex // guards the fields of the log
	number               uint64     // of the last commit
	snapshot             uint64     // of the last snapshot
	bytes, snapshotBytes int64      // octets of the commits after it, and its own when this writer made it
	failed               error

	mu        sync.RWMutex // guards what follows; committed is changed only by who holds committing
	committed state
	writing   map[string]*put // data files that no commit names yet

	slots chan struct{} // one for each data file on its way

	swept time.Time // when strays were removed
}

// openManifest reads the manifest of a shard and takes it from every other writer, by a commit that says nothing.
func openManifest(ctx context.Context, b Bucket, shard int) (m *manifest, damaged int, err error) {
	l, err := load(ctx, b, shard)
	if err != nil {
		return nil, len(l.damaged), err
	}
	m = &manifest{bucket: b, shard: shard, writer: uuid.Must(uuid.NewV4()), every: snapshotCommits, number: l.number, snapshot: l.snapshot, bytes: l.bytes,
		committed: l.state, writing: map[string]*put{}, slots: make(chan struct{}, putsAtOnce)}
	if l.number == 0 && shard == 0 {
		lines, err := m.takeOver(ctx)
		if err != nil {
			return nil, lines, err
		}
		damaged += lines
	}
	damaged += len(l.damaged)
	if err = setAside(ctx, b, l.damaged); err == nil {
		err = m.commit(ctx, &entry{})
	}
	if err == nil {
		err = m.probe(ctx)
	}
	return m, damaged, err
}

// takeOver makes the first snapshot of the first version's manifest.
func (m *manifest) takeOver(ctx context.Context) (damaged int, err error) {
	st, damaged, err := readFirstManifest(ctx, m.bucket)
	if err != nil || len(st.marks)+damaged == 0 {
		return damaged, err
	}
	m.committed = st
	if damaged > 0 {
		err = copyObject(ctx, m.bucket, firstManifest, shardDir(damagedDir, 0)+firstManifest)
	}
	if err == nil {
		_, err = m.writeSnapshot(ctx, 0, st.entry())
	}
	if err == nil {
		err = m.bucket.Remove(ctx, firstManifest)
	}
	return damaged, err
}

// probe fails where a second Put of a name is no error: two writers would not know of each other.
func (m *manifest) probe(ctx context.Context) error {
	name := numbered(commitsDir, m.shard, m.number)
	data, err := get(ctx, m.bucket, name, maxCommit)
	if err != nil {
		return err
	}
	err = m.bucket.Put(ctx, name, int64(len(data)), bytes.NewReader(data))
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err == nil:
		return errors.New("the server replaces an object that must not be replaced: it ignores If-None-Match; use one that does not, such as AWS, MinIO or versitygw")
	}
	return err
}

// commit makes e durable and part of the state.
func (m *manifest) commit(ctx context.Context, e *entry) error {
	if err := m.landed(e.Files); err != nil {
		return err
	}
	m.committing.Lock()
	defer m.committing.Unlock()
	return m.commitLocked(ctx, e)
}

// fail makes err the answer to every further commit.
func (m *manifest) fail(err error) {
	m.committing.Lock()
	defer m.committing.Unlock()
	m.failed = cmp.Or(m.failed, err)
}

func (m *manifest) commitLocked(ctx context.Context, e *entry) error {
	if m.failed != nil {
		return m.failed
	}
	e.Writer = m.writer
	var b bytes.Buffer
	err := e.encode(&b)
	if err == nil {
		err = m.put(ctx, m.number+1, b.Bytes())
	}
	if err != nil {
		m.failed = err
		return err
	}
	m.number++
	m.bytes += int64(b.Len())
	m.mu.Lock()
	m.committed.apply(e)
	for _, f := range e.Files {
		delete(m.writing, f.Name)
	}
	m.mu.Unlock()
	return nil
}

// put writes the commit n. That its name is free is not enough: another writer may have been there, and have swept it
// since. Then there is a snapshot of that commit or of a later one.
func (m *manifest) put(ctx context.Context, n uint64, data []byte) error {
	name := numbered(commitsDir, m.shard, n)
	err := m.bucket.Put(ctx, name, int64(len(data)), bytes.NewReader(data))
	if errors.Is(err, fs.ErrExist) {
		there, err := get(ctx, m.bucket, name, maxCommit)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(there, data) { // swept meanwhile; else an earlier try had come through
			err = ErrFenced
		}
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	return m.overtaken(ctx, n)
}

// replace makes added files count instead of removed ones, in one commit. errGone: one of these no longer counts, and added do not.
func (m *manifest) replace(ctx context.Context, removed, added []File, now time.Time) error {
	if err := m.landed(added); err != nil {
		return err
	}
	m.committing.Lock()
	defer m.committing.Unlock()
	there := map[string]bool{}
	for i := range m.committed.files {
		there[m.committed.files[i].Name] = true
	}
	e := &entry{Files: added}
	for _, f := range removed {
		if !there[f.Name] {
			return fmt.Errorf("%s: %w", f.Name, errGone)
		}
		e.Retired = append(e.Retired, retired{f.Name, now})
	}
	return m.commitLocked(ctx, e)
}
