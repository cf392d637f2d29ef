package filter

import (
	"net/netip"
	"slices"
)

// Needs are conditions that a flow has to meet, all of them, for a filter to match it: what a store can look for first. They do not
// suffice. nil is no condition.
type Needs struct {
	Hosts  []netip.Prefix // the source or the destination is in one of them
	Ports  []uint16       // the source's or the destination's is one of them
	Protos []uint8        // the IP protocol is one of them
}

// and returns needs of what has both.
func (n *Needs) and(o *Needs) Needs {
	return Needs{narrower(n.Hosts, o.Hosts, (netip.Prefix).IsSingleIP), narrower(n.Ports, o.Ports, nil), narrower(n.Protos, o.Protos, nil)}
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
	return Needs{either(n.Hosts, o.Hosts), either(n.Ports, o.Ports), either(n.Protos, o.Protos)}
}

func either[T any](a, b []T) []T {
	if a == nil || b == nil {
		return nil
	}
	return slices.Concat(a, b)
}
