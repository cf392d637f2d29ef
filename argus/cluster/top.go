package cluster

import (
	"slices"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Top returns the n records that come first in that order, without taking them away. They stay the cluster's: the next Add
// may change them.
func (c *Cluster) Top(n int, o Order) []*argus.Record {
	first := make([]*argus.Record, 0, max(0, min(n, len(c.queue)))+1)
	for _, e := range c.queue {
		if len(first) == cap(first)-1 && (len(first) == 0 || o.Compare(&e.rec, first[len(first)-1]) >= 0) {
			continue
		}
		at, _ := slices.BinarySearchFunc(first, &e.rec, func(held, r *argus.Record) int {
			if o.Compare(held, r) <= 0 { // equal ones stay in the order in which they came
				return -1
			}
			return 1
		})
		first = slices.Insert(first, at, &e.rec)
		first = first[:min(len(first), cap(first)-1)]
	}
	return first
}
