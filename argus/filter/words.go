package filter

import (
	"slices"
)

// Word is a word of the language that begins a condition.
type Word struct {
	Name     string
	Argument string // what follows the word, like ADDRESS; "" if nothing does
	Sides    bool   // src or dst may stand before it
	Help     string
}

// primitive is a word and how what follows it is read.
type primitive struct {
	names    []string
	argument string
	sides    bool
	help     string
	parse    func(p *parser, d direction) (*term, error)
}

// primitives holds the words that begin a condition, except for the protocols.
var primitives = slices.Concat([]primitive{hostPrimitive}, addressPrimitives, recordPrimitives, metricPrimitives(), statePrimitives())

// byName finds a primitive by each of its names.
var byName = func() map[string]*primitive {
	m := make(map[string]*primitive)
	for i := range primitives {
		for _, name := range primitives[i].names {
			m[name] = &primitives[i]
		}
	}
	return m
}()

// lookup finds the primitive that a word names. A word with two sides has two more names: sbytes is src bytes.
func lookup(w string) (*primitive, direction) {
	if p := byName[w]; p != nil || len(w) < 2 {
		return p, either
	}
	p := byName[w[1:]]
	if p == nil || !p.sides || p.argument == "" || p.argument == address {
		return nil, either
	}
	switch w[0] {
	case 's':
		return p, source
	case 'd':
		return p, destination
	}
	return nil, either
}

// Words returns the words that begin a condition: those of the help and of completion, like beside like. and, or, not, src and
// dst are not among them.
func Words() []Word {
	var words []Word
	for i := range primitives {
		p := &primitives[i]
		for _, name := range p.names {
			words = append(words, Word{name, p.argument, p.sides, p.help})
		}
	}
	for i := range protocols {
		words = append(words, Word{Name: protocols[i].name, Help: "the protocol " + protocols[i].title})
	}
	return words
}

// nearest returns the word of the language that is most like w, "" if none is.
func nearest(w string) (like string) {
	best := 2 + len(w)/6 // edits that are still a slip
	if len(w) > 24 {
		return ""
	}
	for _, known := range Words() {
		names := []string{known.Name}
		if known.Sides && known.Argument != "" && known.Argument != address {
			names = append(names, "s"+known.Name, "d"+known.Name)
		}
		for _, name := range names {
			if n := edits(w, name); n < best {
				best, like = n, name
			}
		}
	}
	return like
}

// edits returns how many letters make b of a: the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left, corner := i+1, i
		for j := range len(b) {
			n := corner
			if a[i] != b[j] {
				n = 1 + min(corner, left, row[j+1])
			}
			corner = row[j+1]
			row[j], left = left, n
		}
		row[len(b)] = left
	}
	return row[len(b)]
}
