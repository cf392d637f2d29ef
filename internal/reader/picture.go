package reader

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

var topHelp = []string{
	"",
	"  q, Ctrl-C        leave",
	"  /                choose flows by a filter, in the words of ra; an empty one shows all",
	"  s                sort by fields: -bytes,saddr",
	"  < >              sort by the column to the left or to the right",
	"  r                turn the order round",
	"  up, down, page   look at other lines; Home goes to the first",
	"  space            hold the picture; again to let it go",
	"  n                names of services, or numbers",
	"  h, ?             this page; any key leaves it",
}

// picture returns what makes the screen show the present state.
func (t *top) picture(width, height int, now time.Time) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	b.WriteString("\x1b[H")
	t.page = max(height-3, 0)
	rows := t.rows(now)
	lines := []string{t.head(now)}
	if t.style.Colour {
		lines = append(lines, string(t.row.Titles(nil)))
	} else {
		lines = append(lines, "\x1b[7m"+string(t.row.Titles(nil))+"\x1b[0m")
	}
	lines = append(lines, rows...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(min(len(lines), height-1), 0)], t.foot())
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(clip(line, width))
		b.WriteString("\x1b[K")
	}
	return b.Bytes()
}

func (t *top) rows(now time.Time) (rows []string) {
	if t.helping {
		return topHelp[:min(len(topHelp), t.page)]
	}
	list := t.held
	if !t.paused || list == nil {
		list, _ = t.list(now)
		t.held = nil
		if t.paused {
			t.held = list
		}
	}
	t.total = len(list)
	t.first = max(min(t.first, t.total-t.page), 0)
	for _, r := range list[t.first:min(t.first+t.page, t.total)] {
		rows = append(rows, string(t.row.Append(nil, r)))
	}
	return rows
}

// head is the first line: how much there is.
func (t *top) head(now time.Time) string {
	if passed := now.Sub(t.drawn); !t.drawn.IsZero() && passed >= drawTime {
		t.rate = float64(t.records-t.seen) / passed.Seconds()
		t.seen, t.drawn = t.records, now
	} else if t.drawn.IsZero() {
		t.drawn = now
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  flows %d of %d  records %d", now.Format(time.TimeOnly), t.total, t.flows.Len(), t.records)
	if t.ended {
		b.WriteString("  at the end")
	} else {
		fmt.Fprintf(&b, "  %.0f/s", t.rate)
	}
	fmt.Fprintf(&b, "  by %s", t.spec)
	if t.reverse {
		b.WriteString(" reversed")
	}
	if t.chosen != "" {
		fmt.Fprintf(&b, "  filter: %s", t.chosen)
	}
	if t.paused {
		b.WriteString("  HELD")
	}
	if t.lost > 0 {
		fmt.Fprintf(&b, "  %d older flows left out", t.lost)
	}
	return b.String()
}

// foot is the last line: what is being typed, a message, or where help is.
func (t *top) foot() string {
	switch {
	case t.ask == '/':
		return "filter: " + string(t.typed) + "_"
	case t.ask == 's':
		return "sort by: " + string(t.typed) + "_"
	case t.note != "":
		return printable(t.note)
	}
	return "q leave   / filter   s sort   < > column   r reverse   space hold   h help"
}

// printable makes one line without control characters.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, s)
}

// clip returns as much of a line as has place in width columns. Sequences of colours take none.
func clip(line string, width int) string {
	used, coloured := 0, false
	for i := 0; i < len(line); {
		if line[i] == 0x1b {
			end := strings.IndexByte(line[i:], 'm')
			if end < 0 {
				return line[:i]
			}
			coloured = true
			i += end + 1
			continue
		}
		if used == width {
			if coloured {
				return line[:i] + "\x1b[0m"
			}
			return line[:i]
		}
		_, n := utf8.DecodeRuneInString(line[i:])
		used++
		i += n
	}
	return line
}
