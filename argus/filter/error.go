package filter

import (
	"strings"
	"unicode"
)

// Error tells what is wrong with an expression, and where.
type Error struct {
	Expression string // as it was read, its words joined by single spaces
	At, Len    int    // the word that is wrong, in octets of Expression; Len is 0 at its end
	Reason     string
}

// shown is how many characters of an expression an error shows before the word that is wrong, and after its begin.
const shown = 36

// Error returns the reason, the expression, and a line with ^ under the word that is wrong.
func (e *Error) Error() string {
	before, after := printable(e.Expression[:e.At]), printable(e.Expression[e.At:])
	width := max(len(printable(e.Expression[e.At:e.At+e.Len])), 1)
	if len(before) > shown {
		before = append([]rune("..."), before[len(before)-shown:]...)
	}
	if len(after) > shown {
		after = append(after[:shown:shown], []rune("...")...)
		width = min(width, shown)
	}
	return "filter: " + e.Reason + "\n  " + string(before) + string(after) + "\n  " +
		strings.Repeat(" ", len(before)) + strings.Repeat("^", width)
}

// printable replaces what a terminal would not show as one character: an expression may come from a stranger.
func printable(s string) []rune {
	runes := []rune(s)
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = '?'
		}
	}
	return runes
}
