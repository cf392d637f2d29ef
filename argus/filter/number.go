package filter

import (
	"math"
	"strconv"
	"strings"
)

// comparison is a closed interval: every comparison with a number is one.
type comparison struct{ low, high float64 }

func (c comparison) holds(v float64) bool { return c.low <= v && v <= c.high }

// numbers is a kind of numbers.
type numbers struct {
	name string
	read func(s string) (low, high float64, ok bool) // high is low, but for a range
}

var (
	wholeNumbers = numbers{"a whole number", readWhole}
	realNumbers  = numbers{"a number", readReal}
	portNumbers  = numbers{"a port from 0 to 65535, a range like 20-25 or the name of a service", readPorts}
)

func readWhole(s string) (low, high float64, ok bool) {
	n, err := uint64(0), error(nil)
	if hex, found := strings.CutPrefix(s, "0x"); found {
		n, err = strconv.ParseUint(hex, 16, 64)
	} else {
		n, err = strconv.ParseUint(s, 10, 64)
	}
	return float64(n), float64(n), err == nil
}

// readReal reads a number of 32 bits, in which ra compares.
func readReal(s string) (low, high float64, ok bool) {
	v, err := strconv.ParseFloat(s, 32)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, 0, false
	}
	return v, v, true
}

func readPorts(s string) (low, high float64, ok bool) {
	first, last, _ := strings.Cut(s, "-")
	if !strings.Contains(s, "-") {
		last = first
	}
	low, _, ok = readWhole(first)
	high, _, ok2 := readWhole(last)
	return low, high, ok && ok2 && low <= high && high <= math.MaxUint16
}

// isComparison tells whether a word is a sign of comparison.
func isComparison(s string) bool {
	switch s {
	case "gt", ">", "gte", ">=", "lt", "<", "lte", "<=", "eq", "=", "==":
		return true
	}
	return false
}

// comparison reads [gt|gte|lt|lte|eq] NUMBER.
func (p *parser) comparison(n *numbers) (comparison, error) {
	sign := "eq"
	if isComparison(p.peek()) {
		sign = p.peek()
		p.at++
	}
	low, high, ok := n.read(p.peek())
	if !ok {
		return comparison{}, p.fail(n.name + " is expected")
	}
	p.at++
	switch sign {
	case "gt", ">":
		return comparison{math.Nextafter(high, math.Inf(1)), math.Inf(1)}, nil
	case "gte", ">=":
		return comparison{low, math.Inf(1)}, nil
	case "lt", "<":
		return comparison{math.Inf(-1), math.Nextafter(low, math.Inf(-1))}, nil
	case "lte", "<=":
		return comparison{math.Inf(-1), high}, nil
	}
	return comparison{low, high}, nil
}
