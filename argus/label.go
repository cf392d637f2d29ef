package argus

import "unicode/utf8"

// Pair is one key of a label and its value.
type Pair struct{ Key, Value string }

// AppendLabel appends a label: the pairs as one JSON object of strings, at most 1016 octets. They stand in the order of their
// importance: whole ones are dropped from the end, and of a first one that is too long by itself the value is cut. No pairs
// are no label. What JSON would escape is replaced, because readers print a label without escaping the escapes again
// (section 7): a backslash by a slash, a quotation mark by an apostrophe, a control character by a space.
func AppendLabel(b []byte, pairs ...Pair) []byte {
	start := len(b)
	for i, p := range pairs {
		kept := len(b)
		b = append(b, ',', '"')
		b = append(appendPlain(b, p.Key), `":"`...)
		value := len(b)
		b = appendPlain(b, p.Value)
		if room := start + maxLabel - len(`"}`); len(b) > room {
			if i > 0 || value > room {
				b = b[:kept]
				break
			}
			for b = b[:room+1]; !utf8.RuneStart(b[len(b)-1]); {
				b = b[:len(b)-1]
			}
			b = b[:len(b)-1]
		}
		b = append(b, '"')
	}
	if len(b) == start {
		return b
	}
	b[start] = '{'
	return append(b, '}')
}

// appendPlain appends text as characters that need no escape in JSON.
func appendPlain(b []byte, text string) []byte {
	for _, c := range text {
		switch {
		case c == '\\':
			c = '/'
		case c == '"':
			c = '\''
		case c < ' ' || c == 0x7f:
			c = ' '
		}
		b = utf8.AppendRune(b, c)
	}
	return b
}
