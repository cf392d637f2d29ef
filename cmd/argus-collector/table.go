package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table prints rows under a head, in columns as wide as they need to be. On a terminal the last column ends with the line.
type table struct {
	head   []string
	right  map[int]bool             // columns of numbers
	colour func(cell string) string // the escape sequence of a cell on a terminal, "" for none
	rows   [][]string
}

const noColour = "\x1b[0m"

// print writes the table to out. width is that of a terminal, 0: out is none, and nothing is cut or coloured.
func (t *table) print(out io.Writer, width int) error {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range append([][]string{t.head}, t.rows...) {
		t.line(&b, row, widths, width, n > 0 && width > 0)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (t *table) line(b *strings.Builder, row []string, widths []int, width int, coloured bool) {
	used := 0
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		last := i == len(row)-1
		switch {
		case last && width > 0:
			cell, pad = cut(cell, width-used), ""
		case last:
			pad = ""
		}
		if t.right[i] {
			cell, pad = pad+cell, ""
		}
		if code := t.code(cell); coloured && code != "" {
			cell = code + cell + noColour
		}
		b.WriteString(cell + pad)
		if used += widths[i] + 2; !last {
			b.WriteString("  ")
		}
	}
	b.WriteByte('\n')
}

func (t *table) code(cell string) string {
	if t.colour == nil {
		return ""
	}
	return t.colour(cell)
}

// cut returns at most n characters of s.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:max(n, 0)])
	}
	return s
}

// screen returns what a terminal can show of a text from elsewhere.
func screen(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, s)
}

// percent returns a share with two decimals, never rounded up: what is not 100 does not look like it.
func percent(p *float64) string {
	switch {
	case p == nil:
		return "-"
	case *p >= 100:
		return "100%"
	}
	return fmt.Sprintf("%.2f%%", float64(int(*p*100))/100)
}

// screenWidth returns the width of the terminal that the standard output is, 0 when it is none.
func screenWidth() int {
	if info, err := os.Stdout.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("TERM") == "dumb" {
		return 0
	}
	return terminalWidth(os.Stdout)
}
