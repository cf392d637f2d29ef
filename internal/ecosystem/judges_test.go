//go:build linux

package ecosystem

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// printed compares every column of every record.
func (e *exam) printed() {
	e.compare(everyColumn, columns, e.ours(columns), values(e.stdout, len(columns)))
}

// merged compares the sums of a key.
func (e *exam) merged() {
	names := strings.Fields(fewMerged)
	e.compare("-m saddr daddr proto", names, sorted(e.ours(names, "-m", "saddr,daddr,proto")), sorted(values(e.stdout, len(names))))
}

// binned compares the sums of a source in a bin.
func (e *exam) binned() {
	names := strings.Fields("stime saddr spkts dpkts sbytes dbytes")
	cells := func(rows [][]string) map[string][]string {
		bins := map[string][]string{}
		for _, row := range rows {
			if row[1] != "0" { // rabins prints its own management records too
				bins[row[0]+" "+row[1]] = row[2:]
			}
		}
		return bins
	}
	our, their := together(cells(e.ours(names, "--bins", "1s", "-M", "hard", "-m", "saddr")), cells(values(e.stdout, len(names))), len(names)-2)
	e.compare("-M hard time 1s -m saddr", append([]string{"bin"}, names[2:]...), our, their)
}

// together returns rows of two maps, of all names that are in either; n values are empty where one has none.
func together(a, b map[string][]string, n int) (left, right [][]string) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		row := func(m map[string][]string) []string {
			if v, ok := m[name]; ok {
				return append([]string{name}, v...)
			}
			return append([]string{name}, make([]string, n)...)
		}
		left, right = append(left, row(a)), append(right, row(b))
	}
	return left, right
}

// ordered compares the order by octets, the largest first.
func (e *exam) ordered() {
	e.compare("-m bytes", []string{"bytes"}, e.ours([]string{"bytes"}, "--sort", "-bytes"), values(e.stdout, 1))
}

// counted compares the sums by protocol.
func (e *exam) counted() {
	names := strings.Fields("proto records pkts spkts dpkts bytes sbytes dbytes")
	known := func(text string) (rows [][]string) { // of IPv4 and IPv6 together
		for _, name := range []string{"sum", "tcp", "udp", "igmp"} {
			sums := make([]int, len(names)-1)
			for l := range strings.Lines(text) {
				if f := strings.Fields(l); len(f) >= len(names) && f[0] == name {
					for i := range sums {
						n, _ := strconv.Atoi(f[1+i])
						sums[i] += n
					}
				}
			}
			rows = append(rows, append([]string{name}, strings.Fields(strings.Trim(fmt.Sprint(sums), "[]"))...))
		}
		return rows
	}
	our := run(e, "argus-endpoint", slices.Concat([]string{"flows", "--count"}, e.source.ours, words(e.source.filter, e.check.filter))...)
	e.compare("-M proto", names, known(our), known(e.stdout))
}

// changed are the columns that a tool is there to change, or that follow from them.
var changed = map[string]string{
	"ranonymize": "stime ltime srcid saddr daddr sport dport smac dmac sipid dipid stcpb dtcpb seq svlan dvlan dir",
	"rastrip":    "smac dmac sintpkt dintpkt sjit djit sintpktact dintpktact sjitact djitact sintpktidl dintpktidl sjitidl djitidl tcpopt swin dwin stcpb dtcpb tcprtt synack ackdat loss sloss dloss state flgs dir",
	"ralabel":    "label",
}

// kept are the columns of a record that a tool leaves as they are.
func (e *exam) kept() []string {
	away := strings.Fields(changed[e.check.tool])
	return slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return slices.Contains(away, name) })
}

const (
	everyColumn = "-s of all columns"
	readByRa    = "-w, read by ra"
	behind      = "collects from the feed; ra -w behind it, values before and after"
)

// rewritten compares what a tool wrote: our reader finds in it what was there before, and reads it as ra does.
func (e *exam) rewritten() {
	out, kept, both := []string{"-r", e.file("out"), "-", "not", "man"}, e.kept(), columns
	before, after := e.ours(kept), ours(e, kept, out...)
	switch e.check.tool {
	case "rasort":
		before, after = still(kept, before), still(kept, after)
	case "rastrip":
		both = kept // of the rest ra prints what was in memory
	}
	e.compare("-w: values before and after", kept, before, after)
	e.compare(readByRa, both, ours(e, both, out...), theirs(e, "ra", both, out...))
}

// still orders rows by what is the same of a record that was turned round.
func still(names []string, rows [][]string) [][]string {
	key := func(row []string) string {
		var b strings.Builder
		for name := range strings.FieldsSeq("seq pkts bytes appbytes state") {
			b.WriteString(row[slices.Index(names, name)] + " ")
		}
		ends := []string{row[slices.Index(names, "saddr")], row[slices.Index(names, "daddr")]}
		slices.Sort(ends)
		return b.String() + strings.Join(append(ends, row[slices.Index(names, "stime")]), " ")
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b []string) int { return strings.Compare(key(a), key(b)) })
	return rows
}

// labelled compares also the labels, which are those of the rules behind those that were there.
func (e *exam) labelled() {
	e.rewritten()
	names := strings.Fields("proto smpls dmpls label")
	want := e.ours(names)
	for _, row := range want {
		if rule := map[string]string{"tcp": "flow=stream", "udp": "flow=datagram"}[row[0]]; rule != "" {
			row[3] = strings.TrimPrefix(row[3]+":"+rule, ":")
		}
	}
	e.compare("labels by its rules", names, want, ours(e, names, "-r", e.file("out"), "-", "not", "man"))
}

// split compares the files of an archive: their names, and the records, packets and octets in each.
func (e *exam) split() {
	pattern := filepath.Join(e.file("ours"), "$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S")
	run(e, "argus-endpoint", slices.Concat([]string{"flows", "-w", pattern, "--rotate", "10s"}, e.source.ours, words(e.source.filter, e.check.filter))...)
	our, their := together(e.archive("ours"), e.archive("out"), 3)
	e.compare("the files of each 10 s", []string{"file", "records", "packets", "octets"}, our, their)
}

// archive returns what is in each file of a folder of the exam's.
func (e *exam) archive(dir string) map[string][]string {
	e.Helper()
	files, dir := map[string][]string{}, e.file(dir)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		records, packets, octets := 0, uint64(0), uint64(0)
		for r, err := range argus.Records(b) {
			if err != nil {
				return err
			}
			if r.Kind == argus.KindFlow {
				side := &r.Flow.Side
				records, packets, octets = records+1, packets+side[0].Packets+side[1].Packets, octets+side[0].Bytes+side[1].Bytes
			}
		}
		if records > 0 { // we write management records too
			files[strings.TrimPrefix(path, dir)] = []string{fmt.Sprint(records), fmt.Sprint(packets), fmt.Sprint(octets)}
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	return files
}
