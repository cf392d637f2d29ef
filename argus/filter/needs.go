package filter

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gofrs/uuid/v5"
)

// Needs are conditions that a flow has to meet, all of them, for a filter to match it: what a store can look for first. They do not
// suffice. nil is no condition.
type Needs struct {
	Hosts   []netip.Prefix // the source or the destination is in one of them
	Ports   []uint16       // the source's or the destination's is one of them
	Protos  []uint8        // the IP protocol is one of them
	Monitor uuid.UUID      // of the sensor; the nil UUID is no condition
	Ranges  []Range        // it is in all of them
}

// Range is a condition on numbers of a flow: one of them at least is from Low to High.
type Range struct {
	Columns   [2]string // names of fields, as ra has them; the second may be ""
	Low, High float64
}

// maxRanges is how many ranges are worth looking at.
const maxRanges = 8

// and returns needs of what has both.
func (n *Needs) and(o *Needs) Needs {
	ranges := slices.Concat(n.Ranges, o.Ranges)
	return Needs{
		Hosts: narrower(n.Hosts, o.Hosts, netip.Prefix.IsSingleIP), Ports: narrower(n.Ports, o.Ports, nil),
		Protos: narrower(n.Protos, o.Protos, nil), Monitor: cmp.Or(n.Monitor, o.Monitor),
		Ranges: ranges[:min(len(ranges), maxRanges)],
	}
}

// narrower returns one of two lists of alternatives: that of which all are good, or the shorter one.
func narrower[T any](a, b []T, good func(T) bool) []T {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	bad := func(v T) bool { return good != nil && !good(v) }
	if x, y := slices.ContainsFunc(a, bad), slices.ContainsFunc(b, bad); x != y {
		if x {
			return b
		}
		return a
	}
	if len(b) < len(a) {
		return b
	}
	return a
}

// or returns needs of what has either.
func (n *Needs) or(o *Needs) Needs {
	needs := Needs{Hosts: oneOf(n.Hosts, o.Hosts), Ports: oneOf(n.Ports, o.Ports), Protos: oneOf(n.Protos, o.Protos), Ranges: wider(n.Ranges, o.Ranges)}
	if n.Monitor == o.Monitor {
		needs.Monitor = n.Monitor
	}
	return needs
}

func oneOf[T any](a, b []T) []T {
	if a == nil || b == nil {
		return nil
	}
	return slices.Concat(a, b)
}

// wider returns the ranges of columns that both lists speak of, each as wide as both.
func wider(a, b []Range) (all []Range) {
	for _, x := range a {
		for _, y := range b {
			if x.Columns == y.Columns {
				all = append(all, Range{x.Columns, min(x.Low, y.Low), max(x.High, y.High)})
				break
			}
		}
	}
	return all
}
