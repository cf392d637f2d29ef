package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const root = "../.."

func TestMain(m *testing.M) {
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("faults: left out; run it with: make faults")
		return
	}
	os.Exit(m.Run())
}

// binaries are the compiled tests of packages.
type binaries struct {
	dir   string
	built map[string]string
}

func (b *binaries) of(t *testing.T, pkg string) string {
	t.Helper()
	if name, ok := b.built[pkg]; ok {
		return name
	}
	name := filepath.Join(b.dir, strings.ReplaceAll(pkg, "/", "-")+".test")
	cmd := exec.Command("go", "test", "-c", "-o", name, "./"+pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c ./%s: %v\n%s", pkg, err, out)
	}
	b.built[pkg] = name
	return name
}

// outcome matches what a test binary says of each test and subtest.
var outcome = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+)`)

// run runs the tests of a row in one package, and says what is wrong: nothing, or that they fail, are skipped or do not exist.
func (b *binaries) run(t *testing.T, w *Tests) (wrong string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.of(t, w.Package), "-test.v", "-test.timeout=10m", "-test.run=^("+strings.Join(w.Names, "|")+")$")
	cmd.Dir = filepath.Join(root, filepath.FromSlash(w.Package))
	cmd.Env = append(append(os.Environ(), "ENDTOEND=1", "CI=true"), w.Env...)
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	ended := map[string]string{}
	for _, m := range outcome.FindAllSubmatch(out, -1) {
		name, how := string(m[2]), string(m[1])
		if how != "PASS" {
			wrong += fmt.Sprintf(" %s %s", name, strings.ToLower(how))
		}
		ended[name] = how
	}
	for _, name := range w.Names {
		if ended[name] == "" {
			wrong += fmt.Sprintf(" %s did not run", name)
		}
	}
	if err != nil {
		wrong += fmt.Sprintf(" (%v)", err)
	}
	if wrong != "" {
		t.Logf("%s:%s\n%s", w.Package, wrong, bytes.TrimSpace(out[max(0, len(out)-6000):]))
	}
	return wrong
}

// TestFaults makes every fault of the table, and prints how each went.
func TestFaults(t *testing.T) {
	b := &binaries{t.TempDir(), map[string]string{}}
	good := 0
	table := Table()
	for i, f := range table {
		t.Run(fmt.Sprintf("fault%02d", i+1), func(t *testing.T) {
			if len(f.Tests) == 0 {
				t.Fatal("nobody makes it")
			}
			tests, wrong := 0, ""
			for j := range f.Tests {
				b.of(t, f.Tests[j].Package)
			}
			begin := time.Now()
			for j := range f.Tests {
				wrong += b.run(t, &f.Tests[j])
				tests += len(f.Tests[j].Names)
			}
			how := "good"
			if wrong != "" {
				how = "BAD:" + wrong
			}
			t.Logf("faults: %2d  %-60.60s  %2d tests  %6.1f s  %s", i+1, f.Fault, tests, time.Since(begin).Seconds(), how)
			if wrong != "" {
				t.Fail()
				return
			}
			good++
		})
	}
	t.Logf("faults: %d of %d", good, len(table))
}

// Markdown prints the table for people.
func markdown() string {
	var b strings.Builder
	b.WriteString("| # | fault | what happens | tests |\n|---|---|---|---|\n")
	for i, f := range Table() {
		var tests []string
		for _, w := range f.Tests {
			tests = append(tests, "`"+w.Package+"`: "+strings.Join(w.Names, ", "))
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i+1, f.Fault, f.Behavior, strings.Join(tests, "; "))
	}
	return b.String()
}

// TestDocument compares the table with that of docs/reliability.md; UPDATE=1 writes it there.
func TestDocument(t *testing.T) {
	const begin, end = "<!-- faults -->\n", "<!-- /faults -->\n"
	name := filepath.Join(root, "docs", "reliability.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no marks of its table", name)
	case table == markdown():
	case os.Getenv("UPDATE") != "":
		if err := os.WriteFile(name, []byte(head+begin+markdown()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s has another table than this package: run this test with UPDATE=1", name)
	}
}
