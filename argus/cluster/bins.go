package cluster

import (
	"iter"
	"slices"
	"sort"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Bins adds records up by key in bins of time, as rabins does. A record that spans several bins is split: each has the
// packets that came in it, as far as the times of the first and the last one tell, and the same part of the other counters.
type Bins struct {
	splitter
	hard  bool
	max   int
	key   Key
	by    Order
	bins  map[int64]*bin // by their start
	order []int64        // their starts
	held  int
	last  *bin            // the one that had the last piece
	early []*argus.Record // of the record that is added
}

// maxBins bounds how many bins are held beside each other, and so what it costs to find the place of one that comes late.
const maxBins = 1 << 16

type bin struct {
	start, end int64
	*Cluster
}

// NewBins returns bins of at most max records in all. The records of hard bins begin and end where their bin does.
func NewBins(w Width, hard bool, max int, k Key) *Bins {
	return &Bins{splitter: splitter{width: w}, hard: hard, max: max, key: k, bins: make(map[int64]*bin)}
}

// Sort makes the records of each bin come in that order (rabins -P); without it they come in that of their first packets.
func (b *Bins) Sort(o Order) { b.by = o }

// Add puts a flow record into its bins; others it passes over. When there is no room, the oldest bin is given out early, of
// a single one the record that came first; what comes later of it begins anew.
func (b *Bins) Add(r *argus.Record) (early []*argus.Record) {
	if r.Kind != argus.KindFlow {
		return nil
	}
	b.early = nil
	b.split(r, b.put)
	return b.early
}

func (b *Bins) put(start, end int64, piece *argus.Record) {
	alone := len(b.order) == 0 || len(b.order) == 1 && b.order[0] == start // it bounds itself
	if !alone && (b.held >= b.max || len(b.order) >= maxBins) {
		b.early = append(b.early, b.close(b.order[0])...)
	}
	into := b.at(start, end)
	before := into.Len()
	for _, out := range into.Add(piece) {
		b.early = append(b.early, b.finish(into, out))
	}
	b.held += into.Len() - before
}

func (b *Bins) at(start, end int64) *bin {
	if b.last != nil && b.last.start == start {
		return b.last
	}
	into := b.bins[start]
	if into == nil {
		into = &bin{start, end, New(b.max, b.key)}
		b.bins[start] = into
		at, _ := slices.BinarySearch(b.order, start)
		b.order = append(b.order[:at], append([]int64{start}, b.order[at:]...)...) // slices.Insert is 3 kB for each kind
	}
	b.last = into
	return into
}

// close gives the bin out that begins then.
func (b *Bins) close(start int64) []*argus.Record {
	of := b.bins[start]
	at, _ := slices.BinarySearch(b.order, start)
	if at == 0 {
		b.order = b.order[1:] // the usual case moves nothing
	} else {
		b.order = slices.Delete(b.order, at, at+1)
	}
	delete(b.bins, of.start)
	b.held -= of.Len()
	if b.last == of {
		b.last = nil
	}
	records := slices.AppendSeq(make([]*argus.Record, 0, of.Len()), of.All())
	for _, r := range records {
		b.finish(of, r)
	}
	if len(b.by) > 0 {
		sort.SliceStable(records, func(i, j int) bool { return b.by.Compare(records[i], records[j]) < 0 })
	}
	return records
}

// finish gives a record of a hard bin the bin's times.
func (b *Bins) finish(of *bin, r *argus.Record) *argus.Record {
	for i := range r.Flow.Side {
		if s := &r.Flow.Side[i]; b.hard && s.Packets > 0 {
			s.First, s.Last = of.start, of.end
		}
	}
	return r
}

// Until gives out the bins that end at or before that time, ns since 1970, in their order.
func (b *Bins) Until(t int64) (records []*argus.Record) {
	for _, start := range slices.Clone(b.order) {
		if b.bins[start].end <= t {
			records = append(records, b.close(start)...)
		}
	}
	return records
}

// All gives out what is left, bin by bin.
func (b *Bins) All() iter.Seq[*argus.Record] {
	return func(yield func(*argus.Record) bool) {
		for len(b.order) > 0 {
			for _, r := range b.close(b.order[0]) {
				if !yield(r) {
					return
				}
			}
		}
	}
}
