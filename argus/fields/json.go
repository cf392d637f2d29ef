package fields

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

type jsonPrinter struct {
	w           *bufio.Writer
	columns     Columns
	line, value []byte
}

// NewJSON returns a printer of one JSON object (RFC 8259) a line, with the fields' names as keys; nil columns
// are all fields. Numbers are numbers, also where text shows them in hexadecimal; times are seconds since 1970
// with six decimals. A field that a record does not have is left out.
func NewJSON(w io.Writer, c Columns) Printer {
	if c == nil {
		c = All()
	}
	return &jsonPrinter{w: bufio.NewWriterSize(w, 1<<16), columns: c}
}

func (p *jsonPrinter) Print(r *argus.Record) error {
	if r.Kind != argus.KindFlow {
		return nil
	}
	p.line = append(p.line[:0], '{')
	for i := range p.columns {
		c := &p.columns[i]
		p.value = c.appendValue(p.value[:0], r)
		if !c.numeric() {
			p.value = trim(p.value, c.name)
		}
		if len(p.value) == 0 {
			continue
		}
		if len(p.line) > 1 {
			p.line = append(p.line, ',')
		}
		p.line = append(append(append(p.line, '"'), c.name...), '"', ':')
		if c.numeric() {
			p.line = append(p.line, plainNumber(p.value)...)
		} else {
			p.line = appendString(p.line, p.value)
		}
	}
	_, err := p.w.Write(append(p.line, '}', '\n'))
	return err
}

func (p *jsonPrinter) Flush() error { return p.w.Flush() }

// trim takes off the spaces that only align: those around an arrow, those behind the flags.
func trim(b []byte, name string) []byte {
	switch name {
	case "dir":
		return bytes.Trim(b, " ")
	case "flgs":
		return bytes.TrimRight(b, " ")
	}
	return b
}

// appendString appends a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(b, text []byte) []byte {
	b = append(b, '"')
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029':
			b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		case r == utf8.RuneError && size == 1:
			b = append(b, `\ufffd`...)
		default:
			b = append(b, text[i:i+size]...)
		}
		i += size
	}
	return append(b, '"')
}
