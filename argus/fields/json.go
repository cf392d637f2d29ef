package fields

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

type jsonPrinter struct {
	cells
	w           *bufio.Writer
	keys        []string // of the cells: ,"name":
	line, value []byte
}

// NewJSON returns a printer of one JSON object (RFC 8259) a line, with the fields' names as keys; nil columns are All. Numbers
// are numbers, also where text shows names or hexadecimals; times are seconds since 1970. A field that a record does not have
// is left out. Of the style only the precision counts.
func NewJSON(w io.Writer, c Columns, s Style) Printer {
	if c == nil {
		c = All()
	}
	p := &jsonPrinter{cells: newCells(c, s), w: bufio.NewWriterSize(w, 1<<16)}
	for i := range p.list {
		p.keys = append(p.keys, `,"`+p.list[i].name+`":`)
	}
	return p
}

func (p *jsonPrinter) Print(r *argus.Record) error {
	if !p.prints(r) {
		return nil
	}
	p.line = append(p.line[:0], '{')
	for i := range p.list {
		if f := p.list[i].of(r); f != nil {
			p.appendMember(p.keys[i], f, r)
		}
	}
	p.line = append(p.line, '}', '\n')
	if p.line[1] == ',' { // the first member has no comma before it
		p.line[1] = '{'
		_, err := p.w.Write(p.line[1:])
		return err
	}
	_, err := p.w.Write(p.line)
	return err
}

// appendMember appends a field's key and value to the line, if the record has it.
func (p *jsonPrinter) appendMember(key string, f *field, r *argus.Record) {
	if f.isNumber() {
		v, k, ok := p.number(f, r)
		if !ok {
			return
		}
		if k == hex {
			k = whole
		}
		p.line = p.style.appendNumber(append(p.line, key...), k, v)
		return
	}
	p.value = f.text(p.value[:0], r, int(f.side))
	if f.kind == fixed {
		p.value = trim(p.value, f)
	}
	if len(p.value) > 0 {
		p.line = appendString(append(p.line, key...), p.value)
	}
}

func (p *jsonPrinter) Flush() error { return p.w.Flush() }

// trim takes off the spaces that only align: those around an arrow, those behind the flags.
func trim(b []byte, f *field) []byte {
	if f.leftAligned() {
		return bytes.TrimRight(b, " ")
	}
	return bytes.Trim(b, " ")
}

// appendString appends a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(b, text []byte) []byte {
	b = append(b, '"')
	for i := 0; i < len(text); {
		if c := text[i]; c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			b = append(b, c)
			i++
			continue
		}
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
