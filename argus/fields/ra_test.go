package fields

import (
	"bytes"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // text has local times; so have ra's, run with TZ=UTC
	os.Exit(m.Run())
}

const sampleV3, sampleV5 = "../testdata/sample_v3.arg", "../testdata/sample_v5.arg"

// sampleFlows is the number of flow records in each of them.
const sampleFlows = 53

// ra runs Debian's ra 3.0.8 on a file, if it is there.
func ra(t *testing.T, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath("ra")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("ra is missing: apt-get install argus-client")
		}
		t.Skip("skipped: ra is missing (apt-get install argus-client)")
	}
	cmd := exec.Command(path, append([]string{"-F", "/dev/null"}, args...)...)
	cmd.Env = []string{"TZ=UTC", "PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// print returns the lines of a printer for the flow records of a file.
func print(t *testing.T, file string, printer func(io.Writer) Printer) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := printer(&out)
	for r, err := range argus.Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != argus.KindFlow {
			continue
		}
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// otherwise says where ra 3.0.8 prints something else than we do, by the record's place in the sample, and why.
var otherwise = map[int]string{
	5:  "ra turns a TCP flow round whose SYN was not seen, by its port numbers; we keep the initiator of the record",
	6:  "the same",
	19: "ra prints port 0 for ethertypes",
	21: "ra prints port 0 for ethertypes",
	22: "ra prints no ports for SCTP",
	23: "ra knows no UDP-Lite",
	24: "ra knows no DCCP",
	30: "ra calls IP in IP ipnip",
	31: "ra calls IPv6 in IP ipv6, which compare.py does not know",
	32: "protocol 88 is a number here",
	33: "ra calls unknown protocols unas",
	41: "ra 3 knows no Geneve, so it sees one encapsulation and not two",
	43: "it knows no GTP either",
}

// TestTextLikeRa compares the default output with that of ra byte for byte.
func TestTextLikeRa(t *testing.T) {
	want := ra(t, "-n", "-r", sampleV3, "-", "not", "man")
	got := print(t, sampleV3, func(w io.Writer) Printer { return NewText(w, Default(), numbers) })
	if strings.Contains(want[len(want)-1], " evt ") {
		want = want[:len(want)-1] // we print flows
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, ra has %d", len(got), len(want))
	}
	same := 0
	for i := range want {
		switch {
		case got[i] == want[i]:
			same++
		case otherwise[i] == "":
			t.Errorf("record %d:\n got %q\n  ra %q", i, got[i], want[i])
		}
	}
	t.Logf("%d of %d lines are ra's, %d differ for a known reason", same, len(want), len(want)-same)
}

// plainText returns a field's value as CSV has it.
func plainText(f *field, r *argus.Record) string {
	if f.text != nil {
		return string(f.text(nil, r, int(f.side)))
	}
	p := cells{style: numbers}
	v, k, ok := p.number(f, r)
	if !ok {
		return ""
	}
	return string(p.style.appendNumber(nil, k, v))
}

// values returns the plain values of the flow records of a file.
func values(t *testing.T, file string, c Columns) (rows [][]string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range argus.Records(b) {
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if r.Kind != argus.KindFlow {
			continue
		}
		row := make([]string, len(c))
		for i := range c {
			row[i] = plainText(c[i].field, r)
		}
		rows = append(rows, row)
	}
	return rows
}

// sameValue compares a value of ours with ra's, which is aligned, of single precision where it is computed, and
// zero where there is none.
func sameValue(name, got, want string) bool {
	got, want = strings.TrimSpace(got), strings.TrimSpace(want)
	if got == want {
		return true
	}
	if strings.HasSuffix(name, "user") { // of what was captured ra prints 16 octets
		_, ours, _ := strings.Cut(got, "]=")
		_, theirs, _ := strings.Cut(want, "]=")
		return len(theirs) >= min(len(ours), 16) && strings.HasPrefix(ours, theirs)
	}
	a, errA := strconv.ParseFloat(got, 64)
	b, errB := strconv.ParseFloat(want, 64)
	switch f := find(name); {
	case got == "" && errB == nil && b == 0: // ra prints zeros for what the record does not have
		return f.kind == moment || plainText(f, &argus.Record{}) == "" || strings.HasSuffix(name, "loss")
	case errA == nil && errB == nil && strings.Contains(want, ".") && (f.kind == real || f.kind == span):
		return math.Abs(a-b) <= 2e-6*math.Max(math.Abs(a), 1)
	}
	return false
}
