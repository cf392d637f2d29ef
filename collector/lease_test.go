package collector

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memoryState is a shared state of one value, which can be out of reach.
type memoryState struct {
	mu       sync.Mutex
	value    []byte
	revision uint64
	broken   bool
}

func (m *memoryState) Get(string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.broken:
		return nil, 0, errors.New("out of reach")
	case m.revision == 0:
		return nil, 0, fs.ErrNotExist
	}
	return slices.Clone(m.value), m.revision, nil
}

func (m *memoryState) Put(_ string, value []byte, revision uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.broken:
		return 0, errors.New("out of reach")
	case revision != m.revision:
		return 0, fmt.Errorf("conflict: %w", fs.ErrExist)
	}
	m.value, m.revision = slices.Clone(value), m.revision+1
	return m.revision, nil
}

// holder is a writer that stops a shard at once when it is not its own any more.
type holder struct {
	*leases
	busy  []int
	quits bool // it is killed
}

func (h *holder) step(t *testing.T) {
	t.Helper()
	if h.quits {
		return
	}
	mine, surplus, err := h.check(func(shard int) bool { return !slices.Contains(h.busy, shard) })
	if err != nil && !h.state.(*memoryState).broken {
		t.Error(err)
	}
	h.busy = slices.DeleteFunc(slices.Clone(mine), func(k int) bool { return slices.Contains(surplus, k) })
}

func holders(n, shards int) (state *memoryState, all []*holder) {
	state = &memoryState{}
	for i := range n {
		all = append(all, &holder{leases: &leases{state: state, id: fmt.Sprint("writer", i), shards: shards, seen: map[string]beat{}}})
	}
	return state, all
}

// pass lets seconds go by, and fails when two writers are at work on one shard.
func pass(t *testing.T, seconds int, all []*holder) {
	t.Helper()
	for range seconds {
		for _, h := range all {
			h.step(t)
		}
		owner := map[int]string{}
		for _, h := range all {
			for _, k := range h.busy {
				if other, twice := owner[k]; twice {
					t.Fatalf("shard %d is written by %s and %s", k, other, h.id)
				}
				owner[k] = h.id
			}
		}
		time.Sleep(leaseCheck) // of the bubble's clock
	}
}

func wantShares(t *testing.T, when string, all []*holder, want ...int) {
	t.Helper()
	var got []int
	for _, h := range all {
		got = append(got, len(h.busy))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s the writers have %v shards, want %v", when, got, want)
	}
}

func TestShardsAreSharedEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := holders(3, 8)
		pass(t, 3, all[:1])
		wantShares(t, "alone", all, 8, 0, 0)
		pass(t, 5, all)
		wantShares(t, "with two more", all, 3, 3, 2)
	})
}

func TestShardsOfTheDeadAreTakenInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := holders(2, 8)
		pass(t, 5, all)
		all[0].quits, all[0].busy = true, nil
		pass(t, 6, all)
		wantShares(t, "6 s after a kill", all, 0, 4)
		pass(t, 6, all)
		wantShares(t, "12 s after a kill", all, 0, 8)
	})
}

func TestLeavingGivesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := holders(3, 9)
		pass(t, 6, all)
		all[1].quits, all[1].busy = true, nil
		if err := all[1].leave(); err != nil {
			t.Fatal(err)
		}
		pass(t, 3, all)
		wantShares(t, "3 s after one left", all, 5, 0, 4)
	})
}

func TestWriterOutOfReachStopsBeforeItsShardsAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := holders(2, 4)
		pass(t, 5, all)
		all[0].state = &memoryState{broken: true} // its side of a cut
		pass(t, 5, all)
		wantShares(t, "5 s after the cut", all, 2, 2)
		pass(t, 10, all) // pass fails when both write
		wantShares(t, "15 s after the cut", all, 0, 4)
	})
}

func TestLeasesSurviveDamage(t *testing.T) {
	state, all := holders(1, 2)
	for _, text := range []string{"{}", `{"writers":null,"owners":["x"]}`, `{"writers":{"y":1},"owners":["","","","z"]}`, `{"owners":["","","writer0","writer0"]}`} {
		state.value, state.revision = []byte(text), state.revision+1
		all[0].step(t)
		if k := slices.Max(append(all[0].busy, 0)); k > 1 {
			t.Errorf("shard %d of 2 is written, by the table %s", k, text)
		}
	}
	state.value, state.revision = []byte("no JSON"), state.revision+1
	if _, _, err := all[0].check(func(int) bool { return true }); err == nil {
		t.Error("damage is taken for a table")
	}
}
