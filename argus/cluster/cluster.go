// Package cluster merges the status records of one flow into one record, as racluster does with its full key.
package cluster

import (
	"bytes"
	"iter"
	"slices"
	"sort"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Cluster holds one merged record for each flow, of at most as many as New was told.
type Cluster struct {
	max   int
	flows map[identity]*argus.Record
	queue []entry // in the order in which the flows came
}

type entry struct {
	id  identity
	rec *argus.Record
}

// identity is what the records of one flow have in common: of records with our extension the sensor and the
// flow's number, of others the sensor, its interface and the tuple.
type identity struct {
	monitor argus.ID
	number  uint64
	inf     [4]byte
	key     flow.Key
}

// New returns an empty cluster of at most max flows, 1 or more.
func New(max int) *Cluster {
	return &Cluster{max: max, flows: make(map[identity]*argus.Record)}
}

// Add merges a flow record; others it passes over. When there is no room for another flow, the one that
// came first is given out for good and returned; a later record of it begins anew.
func (c *Cluster) Add(r *argus.Record) (oldest *argus.Record) {
	if r.Kind != argus.KindFlow {
		return nil
	}
	id := identify(r)
	if into, ok := c.flows[id]; ok {
		merge(into, r)
		return nil
	}
	if len(c.queue) >= c.max && len(c.queue) > 0 {
		oldest = c.queue[0].rec
		delete(c.flows, c.queue[0].id)
		c.queue[0] = entry{}
		c.queue = c.queue[1:]
	}
	held := *r
	held.Label, held.Raw = bytes.Clone(r.Label), nil
	for i := range held.Flow.Side {
		held.Flow.Side[i].Data = keep(r.Flow.Side[i].Data)
	}
	c.flows[id] = &held
	c.queue = append(c.queue, entry{id, &held})
	return oldest
}

// maxData is how many octets of user data are held of each side, as many as our own sensor captures: other sensors write
// up to 64 KiB, times as many flows as there may be.
const maxData = 1024

func keep(data []byte) []byte { return bytes.Clone(data[:min(len(data), maxData)]) }

// All returns the flows in the order of their first packets.
func (c *Cluster) All() iter.Seq[*argus.Record] {
	return func(yield func(*argus.Record) bool) {
		sorted := slices.Clone(c.queue)
		sort.SliceStable(sorted, func(i, j int) bool {
			first, _ := sorted[i].rec.Flow.Span()
			other, _ := sorted[j].rec.Flow.Span()
			return first < other
		})
		for _, e := range sorted {
			if !yield(e.rec) {
				return
			}
		}
	}
}

func identify(r *argus.Record) identity {
	if r.Extension() {
		return identity{monitor: r.Monitor, number: r.Flow.ID}
	}
	id := identity{monitor: r.Monitor, inf: r.Interface, key: r.Flow.Key}
	if id.key.Family == flow.FamilyARP || id.key.Family == flow.FamilyRARP {
		id.key.Type = 0 // the operation is not part of the identity
	}
	return id
}
