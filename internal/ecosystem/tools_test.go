//go:build linux

package ecosystem

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is data that a tool of Debian's and our reader read.
type source struct {
	name   string
	theirs []string // the arguments that name it to a tool
	ours   []string // and to our reader
	filter string   // the records of it that are compared
	mixed  bool     // its records are of many years, in no order
}

// exam is one tool on one source: what it printed, and where it wrote.
type exam struct {
	*testing.T
	check  *check
	source *source
	stdout string
	dir    string
}

// check is one way to use a tool.
type check struct {
	tool   string
	args   []string // DIR in them stands for a folder of its own
	filter string   // in addition to the source's
	judge  func(e *exam)
	late   bool // it needs records in order of their times
}

const fewMerged = "saddr daddr proto trans spkts dpkts sbytes dbytes"

var checks = []check{
	{tool: "ra", args: slices.Concat([]string{"-L", "-1"}, plain(wide(columns))), judge: (*exam).printed},
	{tool: "ra", args: []string{"-w", "DIR/out"}, judge: (*exam).rewritten},
	{tool: "racluster", args: slices.Concat([]string{"-L", "-1", "-m", "saddr", "daddr", "proto"}, plain(wide(strings.Fields(fewMerged)))), filter: "udp or (tcp and syn)", judge: (*exam).merged},
	{tool: "rabins", args: slices.Concat([]string{"-L", "-1", "-M", "hard", "time", "1s", "-m", "saddr"}, plain(wide(strings.Fields("stime saddr spkts dpkts sbytes dbytes")))), filter: "udp or tcp", judge: (*exam).binned, late: true},
	{tool: "rasort", args: slices.Concat([]string{"-L", "-1", "-m", "bytes"}, plain([]string{"bytes:44"})), judge: (*exam).ordered},
	{tool: "rasort", args: []string{"-m", "stime", "-w", "DIR/out"}, judge: (*exam).rewritten},
	{tool: "racount", args: []string{"-M", "proto"}, filter: "tcp or udp or igmp", judge: (*exam).counted},
	{tool: "ranonymize", args: []string{"-w", "DIR/out"}, judge: (*exam).rewritten},
	{tool: "rastrip", args: []string{"-M", "-mac", "-M", "-jitter", "-M", "-net", "-w", "DIR/out"}, judge: (*exam).rewritten},
	{tool: "ralabel", args: []string{"-f", "DIR/conf", "-w", "DIR/out"}, judge: (*exam).labelled},
	{tool: "rasplit", args: []string{"-M", "time", "10s", "-w", "DIR/out/$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S"}, filter: "udp and src pkts lt 2 and dst pkts lt 1", judge: (*exam).split},
}

// words puts filters together.
func words(filters ...string) []string {
	list := slices.DeleteFunc(slices.Clone(filters), func(f string) bool { return f == "" })
	return append([]string{"-"}, strings.Fields("( "+strings.Join(list, " ) and ( ")+" )")...)
}

// command returns the arguments of a check on a source, and makes its folder.
func (e *exam) command() []string {
	args := []string{"-F", "/dev/null"}
	if e.check.tool == "radium" {
		args = []string{"-X"} // which forgets what stands before it
	}
	for _, a := range slices.Concat(e.source.theirs, e.check.args) {
		args = append(args, strings.ReplaceAll(a, "DIR", e.dir))
	}
	if e.check.tool == "ralabel" {
		e.labels()
	}
	return append(args, words(e.source.filter, e.check.filter)...)
}

// labels writes the configuration of ralabel.
func (e *exam) labels() {
	conf := fmt.Sprintf("RALABEL_ARGUS_FLOW=yes\nRALABEL_ARGUS_FLOW_FILE=%q\n", e.file("rules"))
	rules := "filter=\"tcp\" label=\"stream\"\nfilter=\"udp\" label=\"datagram\"\n"
	for name, text := range map[string]string{"conf": conf, "rules": rules} {
		if err := os.WriteFile(e.file(name), []byte(text), 0o600); err != nil {
			e.Fatal(err)
		}
	}
}

func (e *exam) file(name string) string { return filepath.Join(e.dir, name) }

// ours returns what our reader prints of the source.
func (e *exam) ours(names []string, args ...string) [][]string {
	e.Helper()
	return ours(e, names, slices.Concat(e.source.ours, args, words(e.source.filter, e.check.filter))...)
}

func (e *exam) compare(what string, names []string, our, their [][]string) {
	e.Helper()
	compare(e, e.check.tool, e.source.name, what, names, our, their)
}

// all judges every tool on a source that can be read again and again.
func all(t *testing.T, s *source) {
	t.Helper()
	for i := range checks {
		c := &checks[i]
		if c.late && s.mixed {
			continue
		}
		e := &exam{T: t, check: c, source: s, dir: t.TempDir()}
		e.stdout = run(t, c.tool, e.command()...)
		c.judge(e)
	}
}
