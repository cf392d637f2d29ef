package filter

import "github.com/argus-endpoint/argus-endpoint/argus"

// direction says which sides of a flow a condition is about.
type direction uint8

const (
	either      direction = iota // src or dst: also what no word means
	source                       // src
	destination                  // dst
	both                         // src and dst
)

// sided makes a condition of one that is about one side, 0 the source, 1 the destination.
func (d direction) sided(is func(r *argus.Record, side int) bool) matcher {
	switch d {
	case source:
		return func(r *argus.Record) bool { return is(r, 0) }
	case destination:
		return func(r *argus.Record) bool { return is(r, 1) }
	case both:
		return func(r *argus.Record) bool { return is(r, 0) && is(r, 1) }
	}
	return func(r *argus.Record) bool { return is(r, 0) || is(r, 1) }
}

// ranges returns the need of a comparison of columns of the source and the destination.
func (d direction) ranges(src, dst string, c comparison) []Range {
	r := Range{[2]string{src, dst}, c.low, c.high}
	switch d {
	case source:
		r.Columns[1] = ""
	case destination:
		r.Columns = [2]string{dst, ""}
	case both:
		return []Range{{[2]string{src, ""}, c.low, c.high}, {[2]string{dst, ""}, c.low, c.high}}
	}
	return []Range{r}
}
