package reader

import (
	"bytes"
	"fmt"
	"sort"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
)

// maxHeld bounds the records that --aggregate, --bins and --sort hold: 1.3 GB, with label and user data up to 3 KB more a record.
// What came first is given out early when there are more; sorting ends with an error.
const maxHeld = 1 << 20

// stages are what becomes of records between the choice and the output. The zero stages pass them on.
type stages struct {
	flows  *cluster.Cluster // --aggregate
	bins   *cluster.Bins
	hold   int64 // ns that a bin waits, live
	newest int64 // the latest time that a record told, if it has come
	next   int64 // newest at which it is time to look for bins that are done
	sorted *sorter
	now    func() time.Time
}

func newStages(o *Options) (s stages) {
	s.now = time.Now
	switch {
	case o.top: // the screen does it
		return s
	case o.bins != "":
		s.bins = cluster.NewBins(o.width, o.hard, maxHeld, o.key)
		s.bins.Sort(o.order)
		s.hold = int64(o.hold) * int64(time.Second)
		return s
	case o.aggregate:
		s.flows = cluster.New(maxHeld, o.key)
	}
	if len(o.order) > 0 {
		s.sorted = &sorter{order: o.order}
		if o.window.output {
			s.sorted.keep = o.window.to
		}
	}
	return s
}

func (s *stages) any() bool { return s.flows != nil || s.bins != nil || s.sorted != nil }

// through takes a record, which is borrowed, and gives on what comes out.
func (s *stages) through(r *argus.Record, live bool, emit func(*argus.Record) error) error {
	switch {
	case r.Kind != argus.KindFlow:
		if s.any() {
			return nil
		}
		return emit(r)
	case s.bins != nil:
		return s.binned(r, live, emit)
	case s.flows != nil:
		for _, early := range s.flows.Add(r) {
			if err := s.order(early, true, emit); err != nil {
				return err
			}
		}
		return nil
	}
	return s.order(r, false, emit)
}

func (s *stages) binned(r *argus.Record, live bool, emit func(*argus.Record) error) error {
	for _, early := range s.bins.Add(r) {
		if err := emit(early); err != nil {
			return err
		}
	}
	if !live {
		return nil
	}
	_, end := r.Flow.Span() // of a sensor whose clock is ahead, not to be believed
	if s.newest = max(s.newest, min(end, s.now().UnixNano())); s.newest < s.next {
		return nil
	}
	s.next = s.newest + int64(time.Second)
	for _, done := range s.bins.Until(s.newest - s.hold) {
		if err := emit(done); err != nil {
			return err
		}
	}
	return nil
}

// order holds a record until all are there, if they are to be in an order. It may be kept when it is ours.
func (s *stages) order(r *argus.Record, ours bool, emit func(*argus.Record) error) error {
	if s.sorted == nil {
		return emit(r)
	}
	if !ours {
		r = held(r)
	}
	return s.sorted.add(r)
}

// finish gives on what is held.
func (s *stages) finish(emit func(*argus.Record) error) error {
	var all func(func(*argus.Record) bool)
	switch {
	case s.bins != nil:
		all = s.bins.All()
	case s.flows != nil:
		all = s.flows.All()
	}
	if all != nil {
		for r := range all {
			if err := s.order(r, true, emit); err != nil {
				return err
			}
		}
	}
	if s.sorted != nil {
		return s.sorted.all(emit)
	}
	return nil
}

// held returns a copy of a borrowed record.
func held(r *argus.Record) *argus.Record {
	for c := range argus.Records(bytes.Clone(r.Raw)) {
		if c != nil {
			return c // of an iteration that ends here
		}
	}
	c := *r // it came from no stream
	c.Label = bytes.Clone(r.Label)
	for i := range c.Flow.Side {
		c.Flow.Side[i].Data = bytes.Clone(r.Flow.Side[i].Data)
	}
	return &c
}

// sorter puts records in order.
type sorter struct {
	order cluster.Order
	keep  uint64 // only so many that come first are wanted; 0: all
	held  []*argus.Record
}

func (s *sorter) add(r *argus.Record) error {
	s.held = append(s.held, r)
	if s.keep > 0 && s.keep < maxHeld/4 && uint64(len(s.held)) >= 2*s.keep+1024 {
		s.sort()
		clear(s.held[s.keep:])
		s.held = s.held[:s.keep]
	}
	if len(s.held) > maxHeld {
		return fmt.Errorf("--sort holds at most %d records, and there are more: choose fewer by a filter or -t, add them up with -m, or want only the first by -N o20", maxHeld)
	}
	return nil
}

func (s *sorter) sort() {
	sort.SliceStable(s.held, func(i, j int) bool { return s.order.Compare(s.held[i], s.held[j]) < 0 })
}

// all gives out what is held.
func (s *sorter) all(emit func(*argus.Record) error) error {
	s.sort()
	out := s.held
	s.held = nil
	for _, r := range out {
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}
