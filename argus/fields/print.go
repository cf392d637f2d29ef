package fields

import (
	"bufio"
	"io"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Printer writes flow records; others it passes over. Flush before the end, and when a reader is to see the lines.
type Printer interface {
	Print(*argus.Record) error
	Flush() error
}

// appendValue appends the plain text of a column: moments as seconds since 1970.
func (c *column) appendValue(b []byte, r *argus.Record) []byte {
	if c.kind != moment {
		return c.value(b, r)
	}
	if t, ok := c.time(r); ok {
		return decimal(b, t)
	}
	return b
}

type textPrinter struct {
	w           *bufio.Writer
	columns     Columns
	line, value []byte
	headed      bool
}

// NewText returns a printer of aligned columns under one line of titles, with times of the local zone, as ra prints.
// What does not fit ends in *; control characters come out as dots, so that no record can talk to a terminal.
func NewText(w io.Writer, c Columns) Printer {
	return &textPrinter{w: bufio.NewWriterSize(w, 1<<16), columns: c}
}

func (p *textPrinter) Print(r *argus.Record) error {
	if r.Kind != argus.KindFlow {
		return nil
	}
	p.line = p.line[:0]
	if !p.headed {
		p.head()
	}
	begin := len(p.line)
	for i := range p.columns {
		c := &p.columns[i]
		p.value = p.value[:0]
		if c.kind != moment {
			p.value = printable(c.value(p.value, r))
		} else if t, ok := c.time(r); ok {
			p.value = appendClock(p.value, t)
		}
		if i > 0 {
			separator := byte(' ')
			if c.kind == port && len(p.value) > 0 && p.columns[i-1].kind == addr {
				separator = '.'
			}
			p.line = append(p.line, separator)
		}
		p.line = align(p.line, p.value, c.width, c.kind == port || c.leftAligned())
	}
	for len(p.line) > begin && p.line[len(p.line)-1] == ' ' {
		p.line = p.line[:len(p.line)-1]
	}
	_, err := p.w.Write(append(p.line, '\n'))
	return err
}

func (p *textPrinter) head() {
	for i := range p.columns {
		c := &p.columns[i]
		p.line = align(p.line, []byte(c.title[:min(len(c.title), c.width)]), c.width, false)
		p.line = append(p.line, ' ')
	}
	p.line = append(p.line, '\n')
	p.headed = true
}

// Flush writes the titles even when no record came.
func (p *textPrinter) Flush() error {
	if !p.headed {
		p.line = p.line[:0]
		p.head()
		if _, err := p.w.Write(p.line); err != nil {
			return err
		}
	}
	return p.w.Flush()
}

// leftAligned tells the columns whose text begins at their left edge.
func (f *field) leftAligned() bool {
	switch f.name {
	case "flgs", "tcpopt", "label":
		return true
	}
	return false
}

// align appends text in a column of width characters, cut with * at its end when it is longer.
func align(b, text []byte, width int, left bool) []byte {
	n := utf8.RuneCount(text)
	if n > width {
		for range n - width + 1 {
			_, size := utf8.DecodeLastRune(text)
			text = text[:len(text)-size]
		}
		return append(append(b, text...), '*')
	}
	if left {
		b = append(b, text...)
	}
	for range width - n {
		b = append(b, ' ')
	}
	if !left {
		b = append(b, text...)
	}
	return b
}

// appendClock appends the local time of day, as ra does by default.
func appendClock(b []byte, ns int64) []byte {
	t := time.Unix(0, ns)
	h, m, s := t.Clock()
	b = append(digits(b, h, 2), ':')
	b = append(digits(b, m, 2), ':')
	b = append(digits(b, s, 2), '.')
	return digits(b, t.Nanosecond()/1000, 6)
}

// printable replaces what a terminal would obey or could not show by dots, in place.
func printable(b []byte) []byte {
	clean := b[:0]
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) {
			clean = append(clean, '.')
		} else {
			clean = append(clean, b[i:i+size]...)
		}
		i += size
	}
	return clean
}

// plainNumber returns a number's text as a decimal one.
func plainNumber(b []byte) []byte {
	if len(b) > 2 && b[0] == '0' && b[1] == 'x' {
		v, err := strconv.ParseUint(string(b[2:]), 16, 64)
		if err == nil {
			return strconv.AppendUint(b[:0], v, 10)
		}
	}
	return b
}

func (f *field) numeric() bool { return f.kind == number || f.kind == port || f.kind == moment }
