package cluster

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Order is in which order records stand, as rasort -m says. The zero Order has none.
type Order []term

type term struct {
	compare func(a, b *argus.Record) int
	largest bool // first
}

// ParseOrder reads fields separated by commas or spaces, the most important first. compare knows the fields. A - before a
// field puts its largest values first, a + its smallest; without a sign counters, rates and losses begin with the largest,
// all others with the smallest (rasort). After saddr and daddr may stand /LENGTH, by which only so many bits count.
func ParseOrder(spec string, compare func(field string) (func(a, b *argus.Record) int, error)) (Order, error) {
	var o Order
	for _, item := range strings.FieldsFunc(spec, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		name := strings.TrimLeft(item, "+-")
		sign := item[:len(item)-len(name)]
		if len(sign) > 1 {
			return nil, fmt.Errorf("field %q: more than one sign", item)
		}
		t := term{largest: sign == "-" || sign == "" && largestFirst(name)}
		var err error
		if field, mask, masked := strings.Cut(name, "/"); masked {
			t.compare, err = compareNetworks(field, mask)
		} else {
			t.compare, err = compare(name)
		}
		if err != nil {
			return nil, fmt.Errorf("order %q: %w", item, err)
		}
		o = append(o, t)
	}
	return o, nil
}

// Compare tells whether a comes before b (below 0), after it (above 0), or neither.
func (o Order) Compare(a, b *argus.Record) int {
	for _, t := range o {
		if v := t.compare(a, b); v != 0 {
			if t.largest {
				return -v
			}
			return v
		}
	}
	return 0
}

// largestFirst tells of which fields rasort shows the largest values first.
func largestFirst(name string) bool {
	switch strings.TrimLeft(name, "sdp") {
	case "bytes", "appbytes", "kts", "load", "rate", "loss": // pkts without its p
		return true
	}
	return name == "tcprtt" || name == "stos" || name == "dtos"
}

func compareNetworks(field, mask string) (func(a, b *argus.Record) int, error) {
	if field != "saddr" && field != "daddr" {
		return nil, fmt.Errorf("only saddr and daddr have a prefix")
	}
	n, err := parseMask(field, mask)
	if err != nil {
		return nil, err
	}
	return func(a, b *argus.Record) int {
		k, o := a.Flow.Key, b.Flow.Key
		if field == "daddr" {
			k.Src, o.Src = k.Dst, o.Dst
		}
		maskAddress(&k.Src, k.Family, n)
		maskAddress(&o.Src, o.Family, n)
		return cmp.Or(cmp.Compare(k.Family, o.Family), bytes.Compare(k.Src[:], o.Src[:]))
	}, nil
}
