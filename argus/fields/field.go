package fields

import (
	"math"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// kind says what a field's value is, and so how it is written.
type kind uint8

const (
	text    kind = iota // JSON string
	fixed               // text of a fixed width, padded also between separators; trimmed in JSON and CSV
	data                // octets that a program sent: text has as many of them as its width says
	address             // text that sorts as an address
	joined              // an address to which the port after it is joined
	port                // number in JSON; text may name it; left-aligned
	whole               // uint64
	signed              // int64
	hex                 // uint16, in text 0x and four digits
	real                // float64
	span                // ns, printed as seconds
	moment              // ns since 1970
	running             // number that the printer counts, not the record's
)

// The sides of a flow that a field speaks of; sum is both added up.
const (
	src = argus.Source
	dst = argus.Destination
	sum = argus.Both
)

// number returns a value, by kind: a uint64, the bits of a float64 or of an int64; false when the record has none. It and words
// get the field's side.
type number func(r *argus.Record, side int) (v uint64, ok bool)

// words appends a text; nothing means that the record has none.
type words func(b []byte, r *argus.Record, side int) []byte

// field is one row of the tables: a number, a text, or both (port). Tables are static data: no closures.
type field struct {
	name, title string
	width       uint8
	kind        kind
	side        uint8 // src, dst or sum, or what else the number or the text is told
	number      number
	text        words
}

// tables hold every field, in the order of All; those of the last one do not belong to a record.
var tables = [...][]field{flowFields[:], detailFields[:], tcpFields[:], intervalFields[:], tunnelFields[:], addedFields[:], ownFields[:], otherFields[:]}

func find(name string) *field {
	for _, table := range tables {
		if f := among(table, name); f != nil {
			return f
		}
	}
	return nil
}

func among(table []field, name string) *field {
	for i := range table {
		if table[i].name == name {
			return &table[i]
		}
	}
	return nil
}

// isNumber tells the fields that JSON writes without quotes.
func (f *field) isNumber() bool { return f.kind >= port }

// leftAligned tells the columns whose text begins at their left edge.
func (f *field) leftAligned() bool {
	switch f.name {
	case "flgs", "tcpopt", "label":
		return true
	}
	return f.kind == port || f.kind == data
}

// get returns a number that can be written: none is infinite.
func (f *field) get(r *argus.Record) (uint64, bool) {
	v, ok := f.number(r, int(f.side))
	if f.kind == real && ok {
		x := math.Float64frombits(v)
		ok = x-x == 0
	}
	return v, ok
}
