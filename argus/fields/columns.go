package fields

import (
	"fmt"
	"strconv"
	"strings"
)

// Columns are fields in the order in which they are printed, each with its width in text.
type Columns []column

type column struct {
	*field
	width int // 0: the field's
}

// defaultNames are the columns of ra.
const defaultNames = "stime,flgs,proto,saddr,sport,dir,daddr,dport,pkts,bytes,state"

// Default returns the columns that ra prints when nobody says which.
func Default() Columns {
	c, err := Parse(defaultNames)
	if err != nil {
		panic(err) // the names above stand in the table: TestDefault
	}
	return c
}

// All returns every field that a record can fill, without second names: what -s all names.
func All() Columns {
	var c Columns
	for _, table := range tables[:len(tables)-1] {
		for i := range table {
			c = append(c, column{&table[i], 0})
		}
	}
	return c
}

// Names returns the names of the columns.
func (c Columns) Names() []string {
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].name
	}
	return names
}

// Parse reads a list as ra -s takes it, separated by commas or spaces: NAME or NAME:WIDTH is a column, all are those of All,
// +NAME adds one at the end, +3NAME as the third, -NAME removes one. A list that begins with + or - changes
// the default columns. An unknown name is an error that suggests the nearest known one.
func Parse(spec string) (Columns, error) {
	items := strings.FieldsFunc(spec, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(items) == 0 {
		return nil, fmt.Errorf("no field named; the default is %s", defaultNames)
	}
	var c Columns
	if items[0][0] == '+' || items[0][0] == '-' {
		c = Default()
	}
	for _, item := range items {
		var err error
		if c, err = c.apply(item); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c Columns) apply(item string) (Columns, error) {
	name := strings.TrimLeft(item, "+-")
	sign, at := item[:len(item)-len(name)], len(c)
	if len(sign) > 1 {
		return nil, fmt.Errorf("field %q: more than one sign", item)
	}
	if digits := len(name) - len(strings.TrimLeft(name, "0123456789")); sign == "+" && digits > 0 {
		n, err := strconv.Atoi(name[:digits])
		if err != nil || n < 1 {
			return nil, fmt.Errorf("field %q: columns count from 1", item)
		}
		at, name = min(n-1, len(c)), name[digits:]
	}
	name, size, hasSize := strings.Cut(name, ":")
	if name == "all" && !hasSize && sign != "-" {
		return c.insert(at, All()), nil
	}
	f := find(name)
	if f == nil {
		return nil, fmt.Errorf("unknown field %q%s", name, suggestion(name))
	}
	if sign == "-" {
		return c.without(f), nil
	}
	add := column{f, 0}
	if hasSize {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 || n > 4096 {
			return nil, fmt.Errorf("field %q: width %q is not a number from 1 to 4096", item, size)
		}
		add.width = n
	}
	return c.insert(at, Columns{add}), nil
}

// insert returns the columns with more of them at a place; slices.Insert would cost a kilobyte for this type.
func (c Columns) insert(at int, more Columns) Columns {
	return append(c[:at:at], append(more, c[at:]...)...)
}

func (c Columns) without(f *field) Columns {
	var left Columns
	for _, col := range c {
		if col.field != f {
			left = append(left, col)
		}
	}
	return left
}

// suggestion names the nearest known field when it is near enough to be meant.
func suggestion(name string) string {
	best, nearest := "", min(3, len(name)) // with as many changes every short name is like any other
	for _, table := range tables {
		for i := range table {
			if d := distance(name, table[i].name); d < nearest {
				best, nearest = table[i].name, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance counts the letters to add, remove or change to make b of a (Levenshtein).
func distance(a, b string) int {
	if max(len(a), len(b)) > 32 {
		return max(len(a), len(b))
	}
	var row [33]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
