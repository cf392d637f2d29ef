//go:build linux

package ecosystem

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// columns are the fields that are compared of each record: of every group that a meter fills. argus/fields compares all of ra's names.
var columns = strings.Fields("stime ltime dur flgs srcid proto saddr sport dir daddr dport pkts spkts dpkts bytes sbytes dbytes appbytes sappbytes dappbytes " +
	"state stos dtos sttl dttl sipid dipid smac dmac svlan dvlan smpls dmpls loss sloss dloss swin dwin stcpb dtcpb tcprtt synack ackdat " +
	"sintpkt dintpkt sjit djit sintpktact dintpktact sjitact djitact sintpktidl dintpktidl sjitidl djitidl smeansz dmeansz smaxsz dmaxsz sminsz dminsz rate srate drate load sload dload seq tcpopt label")

// plain are the arguments with which ra and our reader print values one by one.
func plain(names []string) []string {
	return []string{"-n", "-u", "-p", "6", "-c", "\t", "-s", strings.Join(names, ",")}
}

// wide gives columns that ra cuts the room they may need.
func wide(names []string) []string {
	list := slices.Clone(names)
	for i, name := range list {
		switch name {
		case "label":
			list[i] = "label:1024"
		default:
			list[i] = name + ":44"
		}
	}
	return list
}

// values splits lines of n values. ra leaves out the empty ones at the end.
func values(text string, n int) (rows [][]string) {
	for l := range strings.Lines(text) {
		if strings.TrimSpace(l) == "" {
			continue
		}
		row := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		for len(row) < n {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return rows
}

// ours returns what our reader prints; theirs what ra prints of a file.
func ours(t testing.TB, names []string, args ...string) [][]string {
	t.Helper()
	rows := values(run(t, "argus-endpoint", slices.Concat([]string{"flows"}, plain(names), args)...), len(names))
	if len(rows) == 0 {
		t.Fatalf("flows %q prints not even a title", args)
	}
	return rows[1:]
}

func theirs(t testing.TB, tool string, names []string, args ...string) [][]string {
	t.Helper()
	return values(run(t, tool, slices.Concat([]string{"-F", "/dev/null", "-L", "-1"}, plain(wide(names)), args)...), len(names))
}

// cell is a value that differs, with the two rows in which it stands.
type cell struct {
	tool, what, column, ours, theirs string
	names                            []string
	our, their                       []string
}

// of returns the values that both rows have in another column; nothing where it was not printed.
func (c *cell) of(column string) (ours, theirs string) {
	if i := slices.Index(c.names, column); i >= 0 {
		return c.our[i], c.their[i]
	}
	return "", ""
}

var usage struct {
	mu   sync.Mutex
	used map[string]bool
}

// because returns why a value differs, empty when no reason is known.
func because(c *cell) string {
	for _, r := range reasons {
		if (r.tools == "" || slices.Contains(strings.Fields(r.tools), c.tool)) && (r.columns == "" || slices.Contains(strings.Fields(r.columns), c.column)) && r.is(c) {
			usage.mu.Lock()
			defer usage.mu.Unlock()
			if usage.used == nil {
				usage.used = map[string]bool{}
			}
			usage.used[r.why] = true
			return r.why
		}
	}
	return ""
}

// unusedReasons returns the reasons that explained nothing. Without the corpus some have nothing to explain.
func unusedReasons() (list []string) {
	_, err := os.Stat(captures)
	for _, r := range reasons {
		if !usage.used[r.why] && !slices.Contains(list, r.why) && !r.chance && (err == nil || !r.corpus) {
			list = append(list, r.why)
		}
	}
	return list
}

// same tells whether two values are one: ra reckons with 32 bits where there is a fraction.
func same(a, b string) bool {
	if a == b {
		return true
	}
	v, err := strconv.ParseFloat(a, 64)
	w, werr := strconv.ParseFloat(b, 64)
	return err == nil && werr == nil && strings.Contains(b, ".") && math.Abs(v-w) <= 2e-6*math.Max(math.Abs(w), 1)
}

// compare holds the rows of our reader against those of a tool, value by value, and adds a line to the closing table.
func compare(t testing.TB, tool, data, what string, names []string, our, their [][]string) {
	t.Helper()
	l := line{tool: tool, data: data, what: what, rest: map[string]int{}}
	if len(our) != len(their) {
		t.Errorf("%s, %s, %s: we have %d records, the other %d", tool, data, what, len(our), len(their))
	}
	if len(our) == 0 {
		t.Errorf("%s, %s, %s: there is nothing to compare", tool, data, what)
	}
	faults := 0
	for i := range min(len(our), len(their)) {
		if len(our[i]) != len(names) || len(their[i]) != len(names) {
			t.Errorf("%s, %s: record %d has %d and %d values, not %d:\n%q\n%q", tool, data, i, len(our[i]), len(their[i]), len(names), our[i], their[i])
			return
		}
		for n, name := range names {
			l.values++
			c := &cell{tool, what, name, our[i][n], their[i][n], names, our[i], their[i]}
			if same(c.ours, c.theirs) {
				l.equal++
			} else if why := because(c); why != "" {
				l.rest[why]++
			} else if faults++; faults < 4 {
				t.Errorf("%s, %s, %s, record %d: %s is %q here and %q there: %q", tool, data, what, i, name, c.ours, c.theirs, our[i][:min(len(names), 20)])
			}
		}
	}
	if faults > 0 {
		l.rest["FOR NO KNOWN REASON"] = faults
	}
	table.add(l)
}

// sorted returns rows in the order of their first columns, as text.
func sorted(rows [][]string) [][]string {
	list := slices.Clone(rows)
	slices.SortStableFunc(list, slices.Compare)
	return list
}
