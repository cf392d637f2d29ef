package store

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// chunk is how many things of a kind one line of a commit or a snapshot has.
const chunk = 1000

type epochKey struct {
	Monitor uuid.UUID  `json:"monitor"`
	Epoch   wire.Epoch `json:"epoch"`
}

// state is what the commits of a shard say together.
type state struct {
	files   []File
	retired map[string]retired
	marks   map[epochKey]Mark
	heard   map[uuid.UUID][]byte
	horizon time.Time // of retention
}

func newState() state {
	return state{retired: map[string]retired{}, marks: map[epochKey]Mark{}, heard: map[uuid.UUID][]byte{}}
}

func (s *state) apply(e *entry) {
	if len(e.Retired) > 0 {
		for _, r := range e.Retired {
			s.retired[r.Name] = r
		}
		kept := make([]File, 0, len(s.files)) // a View may hold the old slice
		for _, f := range s.files {
			if _, gone := s.retired[f.Name]; !gone {
				kept = append(kept, f)
			}
		}
		s.files = kept
	}
	s.files = append(s.files, e.Files...)
	for _, m := range e.Marks {
		s.marks[epochKey{m.Monitor, m.Epoch}] = m
	}
	for _, h := range e.Heard {
		s.heard[h.Monitor] = h.State
	}
	if len(e.Gone) > 0 {
		s.forget(e.Gone)
	}
	if e.Horizon.After(s.horizon) {
		s.horizon = e.Horizon
	}
}

// forget removes what is known of epochs, and of monitors that have no other.
func (s *state) forget(epochs []epochKey) {
	for _, k := range epochs {
		delete(s.marks, k)
	}
	known := map[uuid.UUID]bool{}
	for k := range s.marks {
		known[k.Monitor] = true
	}
	maps.DeleteFunc(s.heard, func(m uuid.UUID, _ []byte) bool { return !known[m] })
}

// entry returns all of s.
func (s *state) entry() *entry {
	e := &entry{Horizon: s.horizon, Files: s.files, Retired: slices.Collect(maps.Values(s.retired)), Marks: slices.Collect(maps.Values(s.marks))}
	for m, h := range s.heard {
		e.Heard = append(e.Heard, heard{m, h})
	}
	return e
}

// split returns entries of bounded size that say the same as e.
func (e *entry) split() []*entry {
	rest := *e
	rest.Files, rest.Marks, rest.Heard = nil, nil, nil
	list := []*entry{&rest}
	for part := range slices.Chunk(e.Files, chunk) {
		list = append(list, &entry{Files: part})
	}
	for part := range slices.Chunk(e.Marks, chunk) {
		list = append(list, &entry{Marks: part})
	}
	for part := range slices.Chunk(e.Heard, chunk) {
		list = append(list, &entry{Heard: part})
	}
	return list
}

func (s *state) sortedMarks() []Mark {
	return slices.SortedFunc(maps.Values(s.marks), func(a, b Mark) int {
		return cmp.Or(bytes.Compare(a.Monitor[:], b.Monitor[:]), a.First.Compare(b.First), cmp.Compare(a.Epoch, b.Epoch))
	})
}
