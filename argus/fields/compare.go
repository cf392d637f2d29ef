package fields

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"net/netip"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Compare returns how records are ordered by a field: below 0 when a comes before b. Numbers go by value, addresses by address
// (IPv4 before IPv6 before others), texts by their octets; a record without the field comes first. What it returns is for one
// goroutine at a time.
func Compare(name string) (func(a, b *argus.Record) int, error) {
	f := find(name)
	switch {
	case f == nil:
		return nil, fmt.Errorf("unknown field %q%s", name, suggestion(name))
	case f.kind == running:
		return nil, fmt.Errorf("field %q is no property of a record: records cannot be sorted by it", name)
	case f.isNumber():
		return f.compareNumbers, nil
	}
	var left, right []byte
	return func(a, b *argus.Record) int {
		if f.kind == joined {
			if v, w := keyAddr(&a.Flow.Key, int(f.side)), keyAddr(&b.Flow.Key, int(f.side)); v.IsValid() && w.IsValid() {
				return v.Compare(w)
			}
		}
		left, right = f.text(left[:0], a, int(f.side)), f.text(right[:0], b, int(f.side))
		if f.kind == address || f.kind == joined {
			return compareAddresses(left, right)
		}
		return bytes.Compare(left, right)
	}, nil
}

func (f *field) compareNumbers(a, b *argus.Record) int {
	v, hasV := f.get(a)
	w, hasW := f.get(b)
	switch {
	case hasV && hasW:
		return f.compareValues(v, w)
	case hasV:
		return 1
	case hasW:
		return -1
	}
	return 0
}

func (f *field) compareValues(v, w uint64) int {
	switch f.kind {
	case signed, span, moment:
		return cmp.Compare(int64(v), int64(w))
	case real:
		return cmp.Compare(math.Float64frombits(v), math.Float64frombits(w))
	}
	return cmp.Compare(v, w)
}

func compareAddresses(a, b []byte) int {
	v, errV := netip.ParseAddr(string(a))
	w, errW := netip.ParseAddr(string(b))
	switch {
	case errV == nil && errW == nil:
		return v.Compare(w)
	case errV == nil && len(b) > 0, len(a) == 0 && len(b) > 0:
		return -1
	case errW == nil && len(a) > 0, len(b) == 0 && len(a) > 0:
		return 1
	}
	return bytes.Compare(a, b)
}
