package judge

import (
	"bufio"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// argusRule excuses differences: those of its judges, captures and fields (patterns of path.Match) with the value that Argus
// has, "*" for any.
type argusRule struct {
	where, capture, field, theirs, cause string
	used                                 int
}

// relations are ways in which a value of theirs may depend on ours, for the last word of a rule.
var relations = map[string]func(ours, theirs string) bool{
	"*":     func(_, _ string) bool { return true },
	"empty": func(_, theirs string) bool { return theirs == "" },
	"swapped": func(ours, theirs string) bool {
		return len(ours) == 6 && len(theirs) == 6 && ours[2:4] == theirs[4:] && ours[4:] == theirs[2:4]
	},
	"thousandfold": func(ours, theirs string) bool {
		a, _ := strconv.ParseFloat(ours, 64)
		b, _ := strconv.ParseFloat(theirs, 64)
		return math.Abs(a*1000-b) <= 1e-4*math.Abs(b)
	},
}

func (r *argusRule) excuses(d argusDifference) bool {
	match := func(pattern, name string) bool { ok, err := path.Match(pattern, name); return ok && err == nil }
	if !match(r.where, d.where) || !match(r.capture, d.capture) || !match(r.field, d.field) {
		return false
	}
	if relation, ok := relations[r.theirs]; ok {
		return relation(d.ours, d.theirs)
	}
	return r.theirs == strings.ReplaceAll(d.theirs, " ", "_")
}

// argusRules reads a list of differences: a line that begins with # is the cause of the rules under it.
func argusRules(tb testing.TB, name string) (list []*argusRule) {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	cause := ""
	for in := bufio.NewScanner(f); in.Scan(); {
		line := strings.TrimSpace(in.Text())
		switch words := strings.Fields(line); {
		case line == "":
		case line[0] == '#': // the last one above a rule
			cause = strings.TrimSpace(line[1:])
		case len(words) == 4 && cause != "":
			list = append(list, &argusRule{words[0], words[1], words[2], words[3], cause, 0})
		default:
			tb.Fatalf("%s: %q is not WHERE CAPTURE FIELD THEIRS under a cause", name, line)
		}
	}
	return list
}

// judge holds what differs against the list of that name.
func (v *argusVerdict) judge(t *testing.T, name string) {
	t.Helper()
	list, causes := argusRules(t, name), map[string]int{}
	unlisted := 0
next:
	for _, d := range v.differences {
		for _, r := range list {
			if r.excuses(d) {
				r.used++
				causes[r.cause]++
				continue next
			}
		}
		unlisted++
		t.Errorf("not listed: %v", d)
	}
	for _, r := range list {
		if r.used == 0 {
			t.Errorf("%s: %s %s %s %s does not occur any more", name, r.where, r.capture, r.field, r.theirs)
		}
	}
	t.Logf("judge: argus: %d comparisons of captures, %d records, %d values, %d equal, %d differ for a listed cause, %d unlisted",
		v.captures, v.records, v.compared, v.compared-len(v.differences), len(v.differences)-unlisted, unlisted)
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		t.Logf("judge: argus: %d differences: %s", causes[cause], cause)
	}
}
