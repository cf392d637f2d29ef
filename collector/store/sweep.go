package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
)

const (
	// grace is how long a file that no longer counts stays for those who read it.
	grace = 10 * time.Minute
	// cutOff is the age at which what a Put has left behind is of one that has ended, whatever the clocks.
	cutOff = 24 * time.Hour
	// forgetAfter is by how much the last word of an epoch is older than all that is kept when it is forgotten. Its records are all
	// gone then: they are in hours that end two hours after that word at the latest.
	forgetAfter = 7 * 24 * time.Hour
	// maxEpochs bounds the epochs of a monitor, of which an honest one has a few a year: those that were silent for longest are
	// forgotten, and what it sends again of them may be there twice.
	maxEpochs = 1000
)

// Sweep does what need not be done with every commit: it writes snapshots of the manifest, retires the hours that Config does not
// keep, and removes objects that no longer count, or never did. It is for one goroutine, beside Add and Commit, once a minute or so,
// and soon after Open. After an error it may be called again; when another writer has the shard it is ErrFenced, and nothing is harmed.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	m := s.manifest
	for _, step := range []func() error{
		func() error { return m.snapshotIfDue(ctx) },
		func() error { return m.retain(ctx, now, &s.config) },
		func() error { return m.removeRetired(ctx, now) },
		func() error { return m.removeStrays(ctx, now) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("sweep the store: %w", err)
		}
	}
	return nil
}

// retain retires the files of hours that c does not keep, and forgets the epochs of which nothing is left.
func (m *manifest) retain(ctx context.Context, now time.Time, c *Config) error {
	m.committing.Lock()
	defer m.committing.Unlock()
	e := &entry{}
	files, horizon := m.outdated(now, c)
	for _, f := range files {
		e.Retired, e.Horizon = append(e.Retired, retired{f.Name, now}), horizon
	}
	if horizon.IsZero() {
		horizon = m.committed.horizon
	}
	e.Gone = m.committed.outlived(horizon.Add(-forgetAfter))
	if len(e.Retired)+len(e.Gone) == 0 {
		return nil
	}
	return m.commitLocked(ctx, e)
}

// outlived returns the epochs whose last word was before a time, and those of a monitor that has too many.
func (s *state) outlived(before time.Time) (gone []epochKey) {
	epochs := map[uuid.UUID]int{}
	for k, mark := range s.marks {
		if mark.Last.Before(before) { // what comes again would not be there twice
			gone = append(gone, k)
		} else if mark.Origin != Import { // whose number an operator decides
			epochs[k.Monitor]++
		}
	}
	for monitor, n := range epochs {
		if n <= maxEpochs {
			continue
		}
		var marks []Mark
		for k, mark := range s.marks {
			if k.Monitor == monitor && mark.Origin != Import {
				marks = append(marks, mark)
			}
		}
		slices.SortFunc(marks, func(a, b Mark) int { return b.Last.Compare(a.Last) })
		for _, mark := range marks[maxEpochs:] {
			gone = append(gone, epochKey{mark.Monitor, mark.Epoch})
		}
	}
	return gone
}

// outdated returns the files of the hours that go, and the first hour that stays.
func (m *manifest) outdated(now time.Time, c *Config) (gone []File, horizon time.Time) {
	files := slices.Clone(m.committed.files)
	slices.SortStableFunc(files, func(a, b File) int { return a.Hour.Compare(b.Hour) })
	total := int64(0)
	for _, f := range files {
		total += f.Bytes
	}
	n := 0
	for n < len(files) && files[n].Hour.Before(files[len(files)-1].Hour) {
		hour := files[n].Hour
		if (c.Keep == 0 || hour.Add(time.Hour).After(now.Add(-c.Keep))) && (c.KeepBytes == 0 || total <= c.KeepBytes) {
			break
		}
		for ; files[n].Hour.Equal(hour); n++ {
			total -= files[n].Bytes
		}
	}
	if n > 0 {
		horizon = files[n].Hour
	}
	return files[:n], horizon
}

// removeRetired removes the objects of files that have been retired for long enough.
func (m *manifest) removeRetired(ctx context.Context, now time.Time) error {
	m.mu.RLock()
	var due []string
	for name, r := range m.committed.retired {
		if !r.At.After(now.Add(-grace)) {
			due = append(due, name)
		}
	}
	m.mu.RUnlock()
	for _, name := range due {
		if err := m.bucket.Remove(ctx, name); err != nil {
			return err
		}
		m.mu.Lock()
		delete(m.committed.retired, name) // who reads the commits again removes it again
		m.mu.Unlock()
	}
	return nil
}

// removeStrays removes, when it is called first and once a day, the data files of this shard that no commit names: of a
// writer that crashed. While the manifest is in doubt nothing is removed: it may have been a commit that named them.
func (m *manifest) removeStrays(ctx context.Context, now time.Time) error {
	if now.Sub(m.swept) < cutOff {
		return nil
	}
	doubts, err := m.bucket.List(ctx, shardDir(damagedDir, m.shard))
	if err != nil {
		return err
	}
	if len(doubts) == 0 {
		var names []string
		for _, table := range []string{tableFlows, tableEvents, tableGaps} {
			of, err := m.bucket.List(ctx, table+"/")
			if err != nil {
				return err
			}
			names = append(names, of...)
		}
		if names, err = m.strays(ctx, names); err != nil {
			return err
		}
		for _, name := range names {
			if err := m.bucket.Remove(ctx, name); err != nil {
				return err
			}
		}
	}
	m.swept = now
	return m.bucket.Sweep(ctx, now.Add(-cutOff))
}

// strays returns those of the names, which were listed before, that nothing will ever name. That is certain when no other writer
// has opened the shard yet: who was it before can commit no more, and what this one is writing it knows.
func (m *manifest) strays(ctx context.Context, names []string) (list []string, err error) {
	m.committing.Lock()
	defer m.committing.Unlock()
	if err := m.fenced(ctx); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	known := map[string]bool{}
	for i := range m.committed.files {
		known[m.committed.files[i].Name] = true
	}
	for _, name := range names {
		_, isRetired := m.committed.retired[name]
		if shardOf(name) == m.shard && !known[name] && !isRetired && m.writing[name] == nil {
			list = append(list, name)
		}
	}
	return list, nil
}

// fenced fails with ErrFenced when another writer has opened the shard.
func (m *manifest) fenced(ctx context.Context) error {
	o, err := m.bucket.Open(ctx, numbered(commitsDir, m.shard, m.number+1))
	switch {
	case err == nil:
		return errors.Join(ErrFenced, o.Close())
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return m.overtaken(ctx, m.number+1)
}

// overtaken fails with ErrFenced when there is a snapshot of the commit n or a later one, which this writer has not made.
func (m *manifest) overtaken(ctx context.Context, n uint64) error {
	snapshots, err := numbers(ctx, m.bucket, snapshotsDir, m.shard)
	if err == nil && len(snapshots) > 0 && slices.Max(snapshots) >= n {
		err = ErrFenced
	}
	return err
}

// snapshotIfDue writes a snapshot when the commits since the last one are many, and removes what nobody needs then: all
// before the last but one, so that there is another way to the state should the last be damaged.
func (m *manifest) snapshotIfDue(ctx context.Context) error {
	m.committing.Lock()
	n, e := m.number, (*entry)(nil)
	if m.failed == nil && (n-m.snapshot >= m.every || m.bytes > max(m.snapshotBytes*growFactor, growMin)) {
		e = m.committed.entry()
	}
	m.committing.Unlock()
	if e == nil {
		return nil
	}
	size, err := m.writeSnapshot(ctx, n, e)
	if err != nil {
		return err
	}
	m.committing.Lock()
	m.snapshot, m.snapshotBytes, m.bytes = n, size, 0
	m.committing.Unlock()
	return m.removeOld(ctx)
}

func (m *manifest) removeOld(ctx context.Context) error {
	snapshots, err := numbers(ctx, m.bucket, snapshotsDir, m.shard)
	if err != nil || len(snapshots) < 2 {
		return err
	}
	needed := snapshots[len(snapshots)-2]
	commits, err := numbers(ctx, m.bucket, commitsDir, m.shard)
	if err != nil {
		return err
	}
	for dir, list := range map[string][]uint64{snapshotsDir: snapshots, commitsDir: commits} {
		for _, n := range list {
			if n < needed || n == needed && dir == commitsDir {
				if err := m.bucket.Remove(ctx, numbered(dir, m.shard, n)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
