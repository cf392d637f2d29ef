package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
)

const (
	leasesName = "leases"
	// leaseCheck is how often a writer looks at the leases, leaseRenew how often it renews its own. One that has not done so
	// for leaseLife is dead to the others; by leaseOver it has stopped by itself.
	leaseCheck, leaseRenew, leaseOver, leaseLife = time.Second, 3 * time.Second, 9 * time.Second, 10 * time.Second
)

// leaseTable says which writer writes which shard. It is one small value, so that every decision is made once.
type leaseTable struct {
	Writers map[string]uint64 `json:"writers"` // the live ones, with how often each has renewed
	Owners  []string          `json:"owners"`  // of each shard; empty: nobody
}

// leases shares the shards evenly among the live writers. No clock is compared with another machine's: a writer is dead
// when its count has not changed for leaseLife. Two that both think they own a shard do no harm: the store takes one's commits.
type leases struct {
	state interface { // pki.State
		Get(name string) (value []byte, revision uint64, err error)
		Put(name string, value []byte, revision uint64) (uint64, error)
	}
	id     string
	shards int

	seen    map[string]beat // by writer
	held    []int           // the shards of this writer, at the last look
	renewed time.Time       // when the last renewal that counted began
}

// beat is the count of a writer and when it was first seen.
type beat struct {
	count uint64
	at    time.Time
}

// check looks at the table, renews, takes what is free, and gives away the shards that idle says are not being written, when they
// are another's by right. mine are the shards of this writer, surplus those of them that another should have. While the table
// cannot be reached mine is what it was, as long as that may be relied on.
func (l *leases) check(idle func(shard int) bool) (mine, surplus []int, err error) {
	now := time.Now()
	for {
		table, revision, err := l.load()
		if err != nil {
			return l.rely(now), nil, err
		}
		l.observe(table, now)
		if l.update(table, idle, now) {
			err = l.save(table, revision)
			if errors.Is(err, fs.ErrExist) {
				continue // another writer was first
			}
			if err != nil {
				return l.rely(now), nil, err
			}
			l.renewed = now
		}
		l.held = nil
		for k, owner := range table.Owners {
			if owner == l.id {
				l.held = append(l.held, k)
				if table.rightful(k) != l.id {
					surplus = append(surplus, k)
				}
			}
		}
		return l.held, surplus, nil
	}
}

func (l *leases) rely(now time.Time) []int {
	if now.Sub(l.renewed) >= leaseOver {
		l.held = nil
	}
	return l.held
}

func (l *leases) load() (*leaseTable, uint64, error) {
	table := &leaseTable{}
	text, revision, err := l.state.Get(leasesName)
	if err == nil {
		err = json.Unmarshal(text, table)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("leases: %w", err)
	}
	if table.Writers == nil {
		table.Writers = map[string]uint64{}
	}
	owners := make([]string, l.shards) // the table may be of a cluster with other streams, restored or edited
	copy(owners, table.Owners)
	table.Owners = owners
	return table, revision, nil
}

func (l *leases) save(t *leaseTable, revision uint64) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = l.state.Put(leasesName, text, revision)
	return err
}

// observe notes which writers have renewed, and takes the dead from the table.
func (l *leases) observe(t *leaseTable, now time.Time) {
	for id, count := range t.Writers {
		if b, ok := l.seen[id]; !ok || b.count != count {
			l.seen[id] = beat{count, now}
		} else if id != l.id && now.Sub(b.at) >= leaseLife {
			delete(t.Writers, id)
		}
	}
	maps.DeleteFunc(l.seen, func(id string, _ beat) bool { _, ok := t.Writers[id]; return !ok })
}

// update renews this writer, takes and gives shards, and tells whether t must be written. Whatever is written is a renewal.
func (l *leases) update(t *leaseTable, idle func(int) bool, now time.Time) bool {
	_, known := t.Writers[l.id]
	changed := !known || now.Sub(l.renewed) >= leaseRenew
	t.Writers[l.id]++
	for k, owner := range t.Owners {
		_, live := t.Writers[owner]
		right := t.rightful(k)
		if !live && right == l.id || owner == l.id && right != l.id && idle(k) {
			t.Owners[k] = right
			changed = true
		}
	}
	return changed
}

// rightful returns the writer that should have a shard: they take turns, in the order of their names.
func (t *leaseTable) rightful(shard int) string {
	ids := slices.Sorted(maps.Keys(t.Writers))
	if len(ids) == 0 {
		return ""
	}
	return ids[shard%len(ids)]
}

// leave gives everything to the others, at the end.
func (l *leases) leave() error {
	for {
		table, revision, err := l.load()
		if err != nil {
			return err
		}
		delete(table.Writers, l.id)
		for k, owner := range table.Owners {
			if owner == l.id {
				table.Owners[k] = table.rightful(k)
			}
		}
		if err := l.save(table, revision); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}
