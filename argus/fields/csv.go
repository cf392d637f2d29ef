package fields

import (
	"bufio"
	"bytes"
	"io"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

type csvPrinter struct {
	cells
	w           *bufio.Writer
	line, value []byte
	headed      bool
}

// NewCSV returns a printer of comma separated values (RFC 4180, lines end with \n) under a line of field names.
// Times are seconds since 1970. A text that a spreadsheet would take for a formula gets an apostrophe in front.
// Of the style only the precision and the titles count.
func NewCSV(w io.Writer, c Columns, s Style) Printer {
	return &csvPrinter{cells: newCells(c, s), w: bufio.NewWriterSize(w, 1<<16), headed: s.Titles < 0}
}

func (p *csvPrinter) Print(r *argus.Record) error {
	if !p.prints(r) {
		return nil
	}
	p.line = p.line[:0]
	p.head()
	for i := range p.list {
		if i > 0 {
			p.line = append(p.line, ',')
		}
		if f := p.list[i].of(r); f != nil {
			p.appendField(f, r)
		}
	}
	_, err := p.w.Write(append(p.line, '\n'))
	return err
}

// appendField appends a field's value to the line.
func (p *csvPrinter) appendField(f *field, r *argus.Record) {
	switch {
	case f.kind == port:
		p.line = f.text(p.line, r, int(f.side))
	case !f.isNumber():
		p.value = f.text(p.value[:0], r, int(f.side))
		p.line = appendCell(p.line, bytes.TrimRight(p.value, " "))
	default:
		if v, k, ok := p.number(f, r); ok {
			p.line = p.style.appendNumber(p.line, k, v)
		}
	}
}

// head begins the first line with the names.
func (p *csvPrinter) head() {
	if p.headed {
		return
	}
	p.headed = true
	for i := range p.list {
		if i > 0 {
			p.line = append(p.line, ',')
		}
		p.line = append(p.line, p.list[i].name...)
	}
	p.line = append(p.line, '\n')
}

// Flush writes the names even when no record came.
func (p *csvPrinter) Flush() error {
	p.line = p.line[:0]
	p.head()
	if _, err := p.w.Write(p.line); err != nil {
		return err
	}
	return p.w.Flush()
}

// appendCell appends a text, quoted where RFC 4180 demands it.
func appendCell(b, text []byte) []byte {
	formula := len(text) > 0 && bytes.IndexByte([]byte("=+-@\t\r"), text[0]) >= 0
	if !formula && !bytes.ContainsAny(text, ",\"\r\n") {
		return append(b, text...)
	}
	b = append(b, '"')
	if formula {
		b = append(b, '\'')
	}
	for _, octet := range text {
		if octet == '"' {
			b = append(b, '"')
		}
		b = append(b, octet)
	}
	return append(b, '"')
}
