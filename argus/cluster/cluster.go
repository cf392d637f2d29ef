package cluster

import (
	"bytes"
	"iter"
	"slices"
	"sort"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Cluster holds one merged record for each key, of at most as many as New was told. A merged record tells in
// Added.Aggregate of how many it was made, how long each lasted and how long it was silent between them.
type Cluster struct {
	max   int
	key   Key
	held  map[string]*entry
	queue []*entry // in the order in which they came
	id    []byte   // of the record that is looked up
}

type entry struct {
	id  string
	rec argus.Record
}

// New returns an empty cluster of at most max records, 1 or more. Its key is k; the zero Key is the whole flow.
func New(max int, k Key) *Cluster {
	return &Cluster{max: max, key: k, held: make(map[string]*entry)}
}

// Len returns how many merged records are held.
func (c *Cluster) Len() int { return len(c.queue) }

// Add merges a flow record; others it passes over. When there is no room for another one, the one that came first is
// given out for good and returned; a later record of it begins anew. With rmon it may be two.
func (c *Cluster) Add(r *argus.Record) (early []*argus.Record) {
	if r.Kind != argus.KindFlow {
		return nil
	}
	if c.key.rmon {
		turned := turn(r)
		if oldest := c.add(&turned); oldest != nil {
			early = append(early, oldest)
		}
	}
	if oldest := c.add(r); oldest != nil {
		early = append(early, oldest)
	}
	return early
}

func (c *Cluster) add(r *argus.Record) (oldest *argus.Record) {
	if c.key.matrix && backward(&r.Flow.Key) {
		turned := turn(r)
		r = &turned
	}
	c.id = c.key.appendTo(c.id[:0], r)
	if e := c.held[string(c.id)]; e != nil {
		c.merge(&e.rec, r)
		return nil
	}
	if e := c.counterpart(r); e != nil {
		turned := turn(r)
		if sawSYN(r) { // it proves who began
			e.rec = turn(&e.rec)
			delete(c.held, e.id)
			e.id = string(c.id)
			c.held[e.id] = e
			turned = *r
		}
		c.merge(&e.rec, &turned)
		return nil
	}
	if len(c.queue) >= c.max && len(c.queue) > 0 {
		e := c.queue[0]
		oldest = &e.rec
		delete(c.held, e.id)
		c.queue[0] = nil
		c.queue = c.queue[1:]
	}
	e := &entry{id: string(c.id), rec: *r}
	e.rec.Label, e.rec.Raw = bytes.Clone(r.Label), nil
	for i := range e.rec.Flow.Side {
		e.rec.Flow.Side[i].Data = keep(r.Flow.Side[i].Data)
	}
	c.key.mask(&e.rec.Flow.Key)
	c.held[e.id] = e
	c.queue = append(c.queue, e)
	return oldest
}

// counterpart finds the other direction of a TCP connection whose records a sensor of another kind oriented in two ways,
// because it did not see the SYN of one of them. Two SYNs are two connections.
func (c *Cluster) counterpart(r *argus.Record) *entry {
	if !c.key.isFlow() || r.Extension() || !r.Flow.IsTCP() {
		return nil
	}
	k := r.Flow.Key
	k.Src, k.Dst, k.SrcPort, k.DstPort = k.Dst, k.Src, k.DstPort, k.SrcPort
	e := c.held[string(appendFlow(c.id[len(c.id):], r, &k))]
	if e == nil || sawSYN(r) && sawSYN(&e.rec) {
		return nil
	}
	return e
}

func sawSYN(r *argus.Record) bool { return r.Flow.TCP.Status&flow.TCPSawSYN != 0 }

func (c *Cluster) merge(into, r *argus.Record) {
	if c.key.isFlow() {
		merge(into, r)
		return
	}
	d := compare(into, r)
	merge(into, r)
	widen(into, r, d)
}

// maxData is how many octets of user data are held of each side, as many as our own sensor captures: other sensors write
// up to 64 KiB, times as many flows as there may be.
const maxData = 1024

func keep(data []byte) []byte { return bytes.Clone(data[:min(len(data), maxData)]) }

// All returns the records in the order of their first packets.
func (c *Cluster) All() iter.Seq[*argus.Record] {
	return func(yield func(*argus.Record) bool) {
		sorted := slices.Clone(c.queue)
		sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].start() < sorted[j].start() })
		for _, e := range sorted {
			if !yield(&e.rec) {
				return
			}
		}
	}
}

// Expire forgets the records whose last packet came before that time, ns since 1970.
func (c *Cluster) Expire(before int64) {
	c.queue = slices.DeleteFunc(c.queue, func(e *entry) bool {
		_, last := e.rec.Flow.Span()
		if last < before {
			delete(c.held, e.id)
		}
		return last < before
	})
}

func (e *entry) start() int64 {
	first, _ := e.rec.Flow.Span()
	return first
}
