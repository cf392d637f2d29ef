package fields

import (
	"bytes"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Row makes lines of text of records, one after the other: aligned columns, or values between separators.
type Row struct {
	cells
	services *services
	value    []byte
	second   int64 // whose clock is known, since 1970
	clock    [8]byte
}

// NewRow returns a maker of lines.
func NewRow(c Columns, s Style) *Row {
	p := &Row{cells: newCells(c, s), second: -1 << 63}
	for i := range p.list {
		if p.list[i].kind == port && !s.Numbers {
			p.services = systemServices()
		}
	}
	return p
}

// Titles appends the line of titles, without its end.
func (p *Row) Titles(b []byte) []byte {
	for i := range p.list {
		c := &p.list[i]
		if p.style.Separator != "" {
			if i > 0 {
				b = append(b, p.style.Separator...)
			}
			b = append(b, c.title...)
			continue
		}
		b = paint(b, p.style.Colour, bold)
		b = align(b, []byte(c.title[:min(len(c.title), c.width)]), c.width, false)
		b = paint(b, p.style.Colour, plain)
		b = append(b, ' ')
	}
	return b
}

// Append appends the line of a flow, management or event record, without its end; of other records nothing. What does not fit a
// column ends in *; control characters come out as dots, so that no record can talk to a terminal.
func (p *Row) Append(b []byte, r *argus.Record) []byte {
	if !p.prints(r) {
		return b
	}
	separated := p.style.Separator != ""
	for i := range p.list {
		c := &p.list[i]
		p.value = p.appendText(p.value[:0], c, r)
		switch {
		case i == 0:
		case separated:
			b = append(b, p.style.Separator...)
		case c.kind == port && len(p.value) > 0 && p.list[i-1].kind == joined && p.list[i-1].side == c.side && r.Kind == argus.KindFlow:
			b = append(b, '.')
		default:
			b = append(b, ' ')
		}
		shade := plain
		if p.style.Colour {
			shade = c.shade(p.value, r)
			b = paint(b, shade != plain, shade)
		}
		switch {
		case !separated:
			b = align(b, p.value, c.width, c.left && (c.kind != port || r.Kind == argus.KindFlow))
		case c.kind == fixed:
			b = p.appendFixed(b, c, r)
		default:
			b = append(b, p.value...)
		}
		b = paint(b, shade != plain, plain)
	}
	return b
}

// appendFixed appends a value that ra pads also between separators: the flags, and the direction where there is one.
func (p *Row) appendFixed(b []byte, c *cell, r *argus.Record) []byte {
	switch f := c.of(r); {
	case f == nil:
		return b
	case c.left && c == &p.list[len(p.list)-1]: // the end of a line is not padded
		return append(b, bytes.TrimRight(p.value, " ")...)
	case c.left:
		return append(align(b, p.value, int(c.field.width), true), ' ')
	}
	for range int(c.field.width) - len(p.value) {
		b = append(b, ' ')
	}
	return append(b, bytes.TrimRight(p.value, " ")...)
}

// appendText appends what a cell shows of a record.
func (p *Row) appendText(b []byte, c *cell, r *argus.Record) []byte {
	f := c.of(r)
	switch {
	case f == nil:
		return b
	case f.kind == port:
		return appendPortText(b, r, int(f.side), p.services)
	case f.kind == data:
		octets := r.Flow.Side[f.side].Data
		if r.Kind == argus.KindEvent {
			octets = r.Event.Data
		}
		return appendOctets(b, int(f.side), octets[:min(len(octets), c.octets)])
	case !f.isNumber():
		return printable(f.text(b, r, int(f.side)))
	}
	v, k, ok := p.number(f, r)
	switch {
	case !ok && k != f.kind, !ok && k != moment && k != span:
		return b
	case !ok: // ra prints zeros for times that a record does not have
		v = 0
	}
	switch {
	case k == moment && !p.style.Epoch:
		return p.appendClock(b, int64(v))
	}
	return p.style.appendNumber(b, k, v)
}

// appendClock appends the local time of day, as ra does by default.
func (p *Row) appendClock(b []byte, ns int64) []byte {
	second, rest := ns/1e9, ns%1e9
	if rest < 0 {
		second, rest = second-1, rest+1e9
	}
	if second != p.second {
		time.Unix(second, 0).AppendFormat(p.clock[:0], time.TimeOnly)
		p.second = second
	}
	return appendFraction(append(b, p.clock[:]...), uint64(rest), p.style.Precision)
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

// printable replaces what a terminal would obey or could not show by dots, in place.
func printable(b []byte) []byte {
	plain := true
	for _, octet := range b {
		plain = plain && octet >= ' ' && octet < 0x7f
	}
	if plain {
		return b
	}
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
