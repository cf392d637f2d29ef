//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// row is one line of the table. ratio is ours divided by who's; bar is the ratio not to exceed.
type row struct {
	id, what, who, value string
	memory               int // peak resident set, octets
	ratio, bar           float64
	note                 string
}

// table prints rows as they come, aligned at the end.
type table struct {
	rows    []row
	scratch string // a folder for files of the run
}

func (t *table) add(r row) {
	t.rows = append(t.rows, r)
	fmt.Fprintf(os.Stderr, "  %s %s: %s %s\n", r.id, r.who, r.value, r.note)
}

func (t *table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\twhat\twho\tvalue\tpeak RSS\tours/theirs\tbar\t")
	for _, r := range t.rows {
		memory, ratio, bar := "", "", r.note
		if r.memory > 0 {
			memory = fmt.Sprintf("%.1f MB", float64(r.memory)/1e6)
		}
		if r.ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio)
		}
		if r.bar > 0 {
			bar = fmt.Sprintf("<= %.2f", r.bar)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", r.id, r.what, r.who, r.value, memory, ratio, bar)
	}
	w.Flush()
}
