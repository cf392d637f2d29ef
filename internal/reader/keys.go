package reader

import (
	"slices"
	"strings"
	"unicode"

	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
)

const (
	keyInterrupt = 0x03 // Ctrl-C
	keyEnd       = 0x04 // Ctrl-D
	keyClear     = 0x15 // Ctrl-U
	keyEscape    = 0x1b
	keyDelete    = 0x7f
)

// moves are the sequences of the keys that move, by how many lines or, as far as they can, pages.
var moves = map[string]struct{ lines, pages int }{
	"\x1b[A": {-1, 0}, "\x1bOA": {-1, 0}, "\x1b[B": {1, 0}, "\x1bOB": {1, 0},
	"\x1b[5~": {0, -1}, "\x1b[6~": {0, 1},
	"\x1b[H": {-maxTop, 0}, "\x1bOH": {-maxTop, 0}, "\x1b[1~": {-maxTop, 0}, "\x1b[F": {maxTop, 0}, "\x1bOF": {maxTop, 0}, "\x1b[4~": {maxTop, 0},
}

// key takes what was typed, and tells whether it was to leave.
func (t *top) key(typed []byte) (leave bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note = ""
	if m, ok := moves[string(typed)]; ok {
		t.first += m.lines + m.pages*t.page
		return false
	}
	if typed[0] == keyEscape && len(typed) > 1 {
		return false // a key that is not known
	}
	for _, c := range string(typed) {
		switch {
		case c == keyInterrupt || c == keyEnd:
			return true
		case t.helping:
			t.helping = false
		case t.ask != 0:
			t.write(c)
		case c == 'q':
			return true
		default:
			t.command(c)
		}
	}
	return false
}

func (t *top) command(c rune) {
	switch c {
	case 'h', '?':
		t.helping = true
	case '/', 's':
		t.ask, t.typed = byte(c), []rune(t.chosen)
		if c == 's' {
			t.typed = []rune(t.spec)
		}
	case '<', ',':
		t.column(-1)
	case '>', '.':
		t.column(1)
	case 'r':
		t.reverse = !t.reverse
		t.held = nil
	case ' ':
		t.paused, t.held = !t.paused, nil
	case 'n':
		t.style.Numbers = !t.style.Numbers
		t.row = fields.NewRow(t.columns, t.style)
	}
}

// column sorts by the column beside the present one.
func (t *top) column(step int) {
	names := t.columns.Names()
	first, _, _ := strings.Cut(strings.TrimLeft(t.spec, "+-"), ",")
	at := slices.Index(names, first)
	if at < 0 && step < 0 {
		at = 0
	}
	t.note, t.held = "", nil
	if err := t.sortBy(names[(at+step+len(names))%len(names)]); err != nil {
		t.note = err.Error()
	}
}

// write takes a character of an answer.
func (t *top) write(c rune) {
	switch {
	case c == '\r' || c == '\n':
		t.answer()
	case c == keyEscape:
		t.ask = 0
	case c == keyClear:
		t.typed = nil
	case c == keyDelete || c == '\b':
		t.typed = t.typed[:max(len(t.typed)-1, 0)]
	case unicode.IsPrint(c) && len(t.typed) < 1000:
		t.typed = append(t.typed, c)
	}
}

// answer takes what was asked for. What is wrong is said, and asked for again.
func (t *top) answer() {
	text := strings.TrimSpace(string(t.typed))
	var err error
	if t.ask == '/' {
		var f filter.Filter
		if f, err = filter.Parse(strings.Fields(text)); err == nil {
			t.choice, t.chosen = f, text
		}
	} else if text != "" {
		err = t.sortBy(text)
	}
	t.ask, t.first, t.held = 0, 0, nil
	if err != nil {
		t.note = strings.Join(strings.Fields(err.Error()), " ")
	}
}
