package collector

import (
	"slices"

	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
)

// Narrow adds to q what every flow needs that a filter selects, so that the store does not read the others. What q says already
// stays: a filter only ever makes it choose less, if q.Match has the filter too.
func Narrow(q *store.Query, needs filter.Needs) {
	if q.Hosts == nil {
		q.Hosts = slices.Clone(needs.Hosts)
	}
	if q.Ports == nil {
		q.Ports = slices.Clone(needs.Ports)
	}
	if q.Protos == nil {
		q.Protos = slices.Clone(needs.Protos)
	}
	if q.Monitor.IsNil() {
		q.Monitor = needs.Monitor
	}
	q.Ranges = slices.Clip(q.Ranges) // a copy of q may be narrowed elsewhere at this moment
	for _, b := range needs.Ranges {
		q.Ranges = append(q.Ranges, store.Range(b))
	}
}
