//go:build linux

package ecosystem

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// captures is the corpus of captures; it is not part of the project.
const captures = "../../../shared/corpus/pcap"

func TestMain(m *testing.M) {
	if words := os.Getenv("ECOSYSTEM_TRAFFIC"); words != "" {
		os.Exit(traffic(strings.Fields(words)))
	}
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("ecosystem: left out; run it with: make ecosystem")
		return
	}
	code := m.Run()
	table.say("left out | rasqlinsert | it needs a MySQL server")
	table.say("left out | ragraph | it needs RRDtool's Perl module, and reads by rabins")
	table.say("left out | radns, and all of Argus 5 | no package of Debian has them")
	for _, line := range table.lines() {
		fmt.Println("ecosystem:", line)
	}
	if all := flag.Lookup("test.run").Value.String() == ""; all && code == 0 {
		for _, why := range unusedReasons() {
			fmt.Println("ecosystem: this reason for a difference explains none any more:", why)
			code = 1
		}
	}
	os.Exit(code)
}

// line is one of the closing table.
type line struct {
	tool, data, what string
	values, equal    int
	rest             map[string]int // why values differ: how many
}

// closing is the table that the tests fill and TestMain prints.
type closing struct {
	mu    sync.Mutex
	rows  []line
	notes []string
}

var table closing

func (c *closing) add(l line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows = append(c.rows, l)
}

// say adds a line of another form: TOOL | DATA | what was measured.
func (c *closing) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

func (c *closing) lines() (list []string) {
	slices.SortStableFunc(c.rows, func(a, b line) int { return cmp.Or(cmp.Compare(a.data, b.data), cmp.Compare(a.tool, b.tool)) })
	for _, r := range c.rows {
		text := fmt.Sprintf("%s | %s | %s | %d values, %d equal", r.tool, r.data, r.what, r.values, r.equal)
		var why []string
		for reason, n := range r.rest {
			why = append(why, fmt.Sprintf("%d: %s", n, reason))
		}
		slices.Sort(why)
		if len(why) > 0 {
			text += " | " + strings.Join(why, "; ")
		}
		list = append(list, text)
	}
	return append(list, c.notes...)
}

// bin is the folder of our programs, built once a run.
var bin = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../bin/ecosystem")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/argus-endpoint", "./cmd/argus-collector")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// program returns the path of one of our programs, or of a tool of Debian's.
func program(t testing.TB, name string) string {
	t.Helper()
	if strings.HasPrefix(name, "argus-") {
		dir, err := bin()
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	for _, path := range []string{"/usr/bin/" + name, "/usr/sbin/" + name} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed: .ci/deps installs it", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// environment is that of a tool: nobody's .rarc, times in UTC.
func environment() []string {
	return append(os.Environ(), "TZ=UTC", "HOME=/nonexistent", "ARGUSHOME=/nonexistent", "NO_COLOR=1")
}

// run runs a program to its end, which must come within a minute and be a good one.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, name), args...)
	cmd.Env = environment()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, errs.String())
	}
	return out.String()
}
