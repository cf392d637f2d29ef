package fields

import (
	"bufio"
	"bytes"
	"io"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

type csvPrinter struct {
	w           *bufio.Writer
	columns     Columns
	line, value []byte
	headed      bool
}

// NewCSV returns a printer of comma separated values (RFC 4180, lines end with \n) under a line of field names.
// Times are seconds since 1970. A text that a spreadsheet would take for a formula gets an apostrophe in front.
func NewCSV(w io.Writer, c Columns) Printer {
	return &csvPrinter{w: bufio.NewWriterSize(w, 1<<16), columns: c}
}

func (p *csvPrinter) Print(r *argus.Record) error {
	if r.Kind != argus.KindFlow {
		return nil
	}
	if err := p.head(); err != nil {
		return err
	}
	p.line = p.line[:0]
	for i := range p.columns {
		if i > 0 {
			p.line = append(p.line, ',')
		}
		c := &p.columns[i]
		p.value = c.appendValue(p.value[:0], r)
		if c.numeric() {
			p.line = append(p.line, p.value...)
		} else {
			p.line = appendCell(p.line, bytes.TrimRight(p.value, " "))
		}
	}
	_, err := p.w.Write(append(p.line, '\n'))
	return err
}

func (p *csvPrinter) head() error {
	if p.headed {
		return nil
	}
	p.headed = true
	p.line = p.line[:0]
	for i := range p.columns {
		if i > 0 {
			p.line = append(p.line, ',')
		}
		p.line = append(p.line, p.columns[i].name...)
	}
	_, err := p.w.Write(append(p.line, '\n'))
	return err
}

// Flush writes the names even when no record came.
func (p *csvPrinter) Flush() error {
	if err := p.head(); err != nil {
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
