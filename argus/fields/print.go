package fields

import (
	"bufio"
	"io"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Printer writes flow, management and event records; others it passes over. Flush before the end, and when a reader is to see
// the lines.
type Printer interface {
	Print(*argus.Record) error
	Flush() error
}

type textPrinter struct {
	w     *bufio.Writer
	row   *Row
	line  []byte
	lines int // since the titles, -1 before the first ones
}

// NewText returns a printer of text under one line of titles, as ra prints.
func NewText(w io.Writer, c Columns, s Style) Printer {
	return &textPrinter{w: bufio.NewWriterSize(w, 1<<16), row: NewRow(c, s), lines: -1}
}

func (p *textPrinter) Print(r *argus.Record) error {
	if r.Kind == argus.KindOther {
		return nil
	}
	p.line = p.line[:0]
	if p.lines == p.row.style.Titles && p.lines > 0 {
		p.lines = -1
	}
	p.head()
	p.lines++
	begin := len(p.line)
	p.line = p.row.Append(p.line, r)
	for p.row.style.Separator == "" && len(p.line) > begin && p.line[len(p.line)-1] == ' ' {
		p.line = p.line[:len(p.line)-1]
	}
	_, err := p.w.Write(append(p.line, '\n'))
	return err
}

func (p *textPrinter) head() {
	if p.lines < 0 {
		p.lines = 0
		if p.row.style.Titles >= 0 {
			p.line = append(p.row.Titles(p.line), '\n')
		}
	}
}

// Flush writes the titles even when no record came.
func (p *textPrinter) Flush() error {
	p.line = p.line[:0]
	p.head()
	if _, err := p.w.Write(p.line); err != nil {
		return err
	}
	return p.w.Flush()
}
