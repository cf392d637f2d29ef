package cluster

import (
	"bytes"
	"encoding/json"
	"slices"
)

// maxLabel is the room of a label DSR (Argus record format, section 7).
const maxLabel = 1016

// keyed are the values of one key of a label, each as it stands in JSON.
type keyed struct {
	name   []byte // with its quotes
	values [][]byte
}

// mergeLabels returns one JSON object with the distinct values of every key of both labels: {"pid":[4711,12],"sni":"a"}. Of
// labels in the older form k=v:k=v and of plain text, which becomes the value of "label", it makes the same. A value that has
// no room is left out. The result may have into's octets.
func mergeLabels(into, label []byte) []byte {
	have, object := parseLabel(into)
	if len(have) == 0 {
		return append(into[:0], label[:min(len(label), maxLabel)]...)
	}
	var m merged
	m.add(have)
	before := m.size
	more, _ := parseLabel(label)
	m.add(more)
	if m.size == before && object {
		return into
	}
	return m.appendTo(make([]byte, 0, m.size))
}

// merged is a label as it grows.
type merged struct {
	keys []keyed
	size int // octets of its text, without the opening brace
}

func (m *merged) add(keys []keyed) {
	for _, k := range keys {
		i := slices.IndexFunc(m.keys, func(have keyed) bool { return bytes.Equal(have.name, k.name) })
		for _, v := range k.values {
			more := len(v) + 1 // a comma
			switch {
			case i < 0:
				more += len(k.name) + 1
			case slices.ContainsFunc(m.keys[i].values, func(have []byte) bool { return bytes.Equal(have, v) }):
				continue
			case len(m.keys[i].values) == 1:
				more += 2 // brackets
			}
			if 1+m.size+more > maxLabel {
				continue
			}
			m.size += more
			if i < 0 {
				i = len(m.keys)
				m.keys = append(m.keys, keyed{name: k.name})
			}
			m.keys[i].values = append(m.keys[i].values, v)
		}
	}
}

func (m *merged) appendTo(b []byte) []byte {
	for i, k := range m.keys {
		b = append(append(append(b, "{,"[min(i, 1)]), k.name...), ':')
		if len(k.values) > 1 {
			b = append(b, '[')
		}
		for j, v := range k.values {
			if j > 0 {
				b = append(b, ',')
			}
			b = append(b, v...)
		}
		if len(k.values) > 1 {
			b = append(b, ']')
		}
	}
	return append(b, '}')
}

// parseLabel returns the keys of a label in their order, and whether it is a JSON object. What it returns refers to label or
// is new.
func parseLabel(label []byte) (all []keyed, object bool) {
	label = bytes.TrimSpace(label)
	switch {
	case len(label) == 0:
		return nil, false
	case label[0] == '{' && json.Valid(label):
		return parseObject(label), true
	case bytes.IndexByte(label, '=') > 0:
		return parsePairs(label), false
	}
	return []keyed{{name: []byte(`"label"`), values: [][]byte{quote(label)}}}, false
}

// parseObject reads a valid JSON object. The elements of an array are values each.
func parseObject(b []byte) (all []keyed) {
	b = b[1:]
	for {
		b = bytes.TrimLeft(b, " \t\r\n,")
		if b[0] == '}' {
			return all
		}
		var k keyed
		k.name, b = cutValue(b)
		b = bytes.TrimLeft(b, " \t\r\n:")
		if b[0] == '[' {
			for b = b[1:]; ; {
				if b = bytes.TrimLeft(b, " \t\r\n,"); b[0] == ']' {
					b = b[1:]
					break
				}
				var v []byte
				v, b = cutValue(b)
				k.values = append(k.values, v)
			}
		} else {
			k.values = make([][]byte, 1)
			k.values[0], b = cutValue(b)
		}
		all = append(all, k)
	}
}

// cutValue cuts off the valid JSON value that b begins with.
func cutValue(b []byte) (value, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth > 0:
			depth--
		case depth == 0 && bytes.IndexByte([]byte(" \t\r\n,:}]"), c) >= 0:
			return b[:i], b[i:]
		default:
			continue
		}
		if depth == 0 && !quoted {
			return b[:i+1], b[i+1:]
		}
	}
	return b, nil
}

// parsePairs reads key=value[,value...][:key=value...].
func parsePairs(label []byte) (all []keyed) {
	for pair := range bytes.SplitSeq(label, []byte{':'}) {
		name, values, _ := bytes.Cut(pair, []byte{'='})
		if len(name) == 0 {
			continue
		}
		k := keyed{name: quote(name)}
		for v := range bytes.SplitSeq(values, []byte{','}) {
			k.values = append(k.values, quote(v))
		}
		all = append(all, k)
	}
	return all
}

// quote returns text as a JSON string.
func quote(text []byte) []byte {
	b := make([]byte, 0, len(text)+2)
	b = append(b, '"')
	for _, c := range string(bytes.ToValidUTF8(text, []byte("?"))) {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < ' ':
			b = append(b, ' ')
		default:
			b = append(b, string(c)...)
		}
	}
	return append(b, '"')
}
