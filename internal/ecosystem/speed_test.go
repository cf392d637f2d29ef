//go:build linux

package ecosystem

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

// TestReaderSpeed reads the same file with our reader and with ra, and tells records a second of processor time: this machine's
// figures, which nobody is held to.
func TestReaderSpeed(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "many.arg"), filepath.Join(dir, "out")
	n := many(t, file)
	for _, c := range []struct{ what, ours, tool, theirs string }{
		{"text", "-n", "ra", "-n"},
		{"csv", "-n -u -c ,", "ra", "-n -u -c ,"},
		{"json", "--json", "", ""},
		{"-w", "-w " + out, "ra", "-w " + out},
		{"a filter that few pass", "-n - tcp and bytes gt 100000", "ra", "-n - tcp and bytes gt 100000"},
		{"-m saddr daddr proto", "-n -m saddr,daddr,proto", "racluster", "-n -m saddr daddr proto"},
	} {
		text := fmt.Sprintf("argus-endpoint %.0f", float64(n)/cpu(t, out, "argus-endpoint", "flows -r "+file+" "+c.ours).Seconds())
		if c.tool != "" {
			text += fmt.Sprintf(", %s %.0f", c.tool, float64(n)/cpu(t, out, c.tool, "-F /dev/null -r "+file+" "+c.theirs).Seconds())
		}
		table.say("speed | file of %d records | %s | records in a second of processor time: %s", n, c.what, text)
	}
}

// cpu returns the least processor time of three runs of a program, whose output is thrown away.
func cpu(t *testing.T, out, name, args string) (least time.Duration) {
	t.Helper()
	for range 3 {
		cmd := exec.Command(program(t, name), strings.Fields(args)...)
		cmd.Env = environment()
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v", cmd.Args, err)
		}
		if used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); least == 0 || used < least {
			least = used
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	return least
}

// many writes at least 100,000 flow records of the corpus to a file.
func many(t *testing.T, file string) (n int) {
	t.Helper()
	one := corpusFile(t)
	b, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	each := len(ours(t, []string{"proto"}, "-r", one, "-", "not", "man"))
	times := 100_000/each + 1
	if err := os.WriteFile(file, bytes.Repeat(b, times), 0o600); err != nil {
		t.Fatal(err)
	}
	return each * times
}

// TestFeedSpeed runs the benchmark of the feed, with 1 and with 50 clients.
func TestFeedSpeed(t *testing.T) {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "Feed", "-benchtime", "1s", "./argus/feed")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	figures := regexp.MustCompile(`BenchmarkFeed/(v\d)/clients=(\d+)\S*\s.*?([\d.e+]+) delivered/s\s+([\d.e+]+) records/s`).FindAllSubmatch(out, -1)
	if len(figures) != 4 {
		t.Fatalf("%s", out)
	}
	for _, f := range figures {
		var delivered, published float64
		fmt.Sscan(string(f[3]), &delivered)
		fmt.Sscan(string(f[4]), &published)
		table.say("speed | feed of %s | %s clients, as fast as they take it | %.0f records/s published, %.0f records/s delivered", f[1], f[2], published, delivered)
	}
}
