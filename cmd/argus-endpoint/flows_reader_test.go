package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus/feed"
)

// stream meters the sample into a file of records.
func stream(t *testing.T, version string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.arg")
	if r := call(t, nil, "flows", "-r", need(t, sample), "-w", name, "--argus-version", version); r.code != 0 || r.stdout != "" {
		t.Fatalf("%s%s", r.stdout, r.stderr)
	}
	return name
}

// body returns the lines behind the titles of a run that must succeed.
func body(t *testing.T, args ...string) []string {
	t.Helper()
	r := call(t, nil, append([]string{"flows"}, args...)...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("flows %q: exit code %d, %s", args, r.code, r.stderr)
	}
	return strings.Split(strings.TrimSpace(r.stdout), "\n")[1:]
}

// debian returns what Debian's ra, or a tool of its family, prints, without titles.
func debian(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool(t, name), append([]string{"-F", "/dev/null", "-L", "-1"}, args...)...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestFilesInARow: several files, compressed ones, a folder and the standard input, with ra's way to put the filter behind them.
func TestFilesInARow(t *testing.T) {
	one := stream(t, "5")
	dir := t.TempDir()
	b, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.arg"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool(t, "gzip"), "-k", filepath.Join(dir, "a.arg")).CombinedOutput(); err != nil {
		t.Fatalf("gzip: %v, %s", err, out)
	}
	single := body(t, "-r", one, "tcp")
	if len(single) < 2 {
		t.Fatal("the sample has no TCP")
	}
	want := slices.Concat(single, single)
	if got := body(t, "-r", dir, "tcp"); !slices.Equal(got, want) {
		t.Errorf("folder: %d lines, want %d", len(got), len(want))
	}
	if got := body(t, "-r", filepath.Join(dir, "a.arg"), filepath.Join(dir, "a.arg.gz"), "-", "tcp"); !slices.Equal(got, want) {
		t.Errorf("two files: %d lines, want %d", len(got), len(want))
	}
	zipped, err := os.ReadFile(filepath.Join(dir, "a.arg.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if r := call(t, zipped, "flows", "-r", "-", "tcp"); len(strings.Split(strings.TrimSpace(r.stdout), "\n")) != len(single)+1 {
		t.Errorf("standard input: %s%s", r.stdout, r.stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.txt"), []byte("no records at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := call(t, nil, "flows", "-r", dir, "tcp")
	if r.code != 1 || !strings.Contains(r.stderr, "b.txt") || strings.Count(r.stdout, "\n") != len(want)+1 {
		t.Errorf("a bad file among good ones: exit code %d, %s, %d lines", r.code, r.stderr, strings.Count(r.stdout, "\n"))
	}
	r = call(t, nil, "flows", "-r", filepath.Join(dir, "b.txt"), one, "-N", "1", "-")
	if r.code != 1 || !strings.Contains(r.stderr, "b.txt") || strings.Count(r.stdout, "\n") != 2 {
		t.Errorf("enough after a bad file: exit code %d, %s, %s", r.code, r.stderr, r.stdout)
	}
	for _, c := range []string{"xz", "zstd"} {
		out, err := exec.Command(tool(t, c), "-c", one).Output()
		if err != nil {
			t.Fatal(err)
		}
		if r := call(t, out, "flows", "-r", "-"); r.code != 1 || !strings.Contains(r.stderr, c) || !strings.Contains(r.stderr, "argus-collector") {
			t.Errorf("%s: exit code %d, %s", c, r.code, r.stderr)
		}
	}
}

// TestFlagsOfRa: what a flag makes of the same records is what ra and its family make.
func TestFlagsOfRa(t *testing.T) {
	file := stream(t, "3")
	for _, flags := range []string{
		"-n -c , -s proto,saddr,sport,daddr,dport,spkts,dpkts,sbytes,dbytes",
		"-n -u -p 6 -c , -s stime,ltime,dur,saddr",
		"-n -p 3 -c | -s stime,dur,saddr",
		"-n -c , -s saddr,dport -N 3",
		"-n -c , -s saddr,dport -N 4-6",
		"-n -c , -s saddr,dport -N 2+3",
		"-c , -s proto,sport,dport",
	} {
		words := append(strings.Fields(flags), "-r", file)
		ours := body(t, append(words, "-", "tcp", "or", "udp")...)
		theirs := debian(t, "ra", append(words, "-", "tcp", "or", "udp")...)
		if !slices.Equal(ours, theirs) {
			t.Errorf("%s:\nours\n%s\nra\n%s", flags, strings.Join(ours, "\n"), strings.Join(theirs, "\n"))
		}
	}
}

// TestHabitsOfRa: command lines as fingers type them print what ra prints, titles included.
func TestHabitsOfRa(t *testing.T) {
	file := stream(t, "3")
	for _, line := range []string{
		"-nr FILE -s saddr sport daddr dport spkts - tcp",
		"-nnr FILE -L0 -s saddr dport - udp",
		"-nL-1 -r FILE -s saddr dport - udp",
		"-L3 -n -r FILE -s saddr dport - udp",
		"-F /dev/null -X -nr FILE -N3 -p3 -s dur - udp",
		"-nuc, -r FILE -s stime saddr bytes -T 60 - udp",
		"-nr FILE -M noman -s saddr daddr -",
	} {
		args := strings.Fields(strings.ReplaceAll(line, "FILE", file))
		out, err := exec.CommandContext(t.Context(), tool(t, "ra"), append([]string{"-F", "/dev/null"}, args...)...).Output()
		if err != nil {
			t.Fatal(line, err)
		}
		if r := call(t, nil, append([]string{"flows"}, args...)...); r.code != 0 || r.stdout != string(out) {
			t.Errorf("%s: exit code %d, %s\n%sra prints\n%s", line, r.code, r.stderr, r.stdout, out)
		}
	}
}

// TestOrderAndSums: --sort, -N o, -m, --bins and --count tell the same octets.
func TestOrderAndSums(t *testing.T) {
	file := stream(t, "5")
	sum := func(lines []string, column int) (sum int) {
		for _, l := range lines {
			n, err := strconv.Atoi(strings.Split(l, ",")[column])
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		return sum
	}
	all := body(t, "-r", file, "-c", ",", "-s", "bytes")
	total := sum(all, 0)
	sorted := body(t, "-r", file, "-c", ",", "-s", "bytes", "--sort", "-bytes")
	if len(sorted) != len(all) || !slices.IsSortedFunc(sorted, func(a, b string) int { return sum([]string{b}, 0) - sum([]string{a}, 0) }) {
		t.Errorf("--sort: %q", sorted)
	}
	if first := body(t, "-r", file, "-c", ",", "-s", "bytes", "--sort", "-bytes", "-N", "o3"); !slices.Equal(first, sorted[:3]) {
		t.Errorf("-N o3: %q, want %q", first, sorted[:3])
	}
	keys := body(t, "-r", file, "-c", ",", "-s", "proto,bytes", "-m", "proto")
	if sum(keys, 1) != total || len(keys) >= len(all) {
		t.Errorf("-m proto: %q, all are %d octets", keys, total)
	}
	bins := body(t, "-r", file, "-c", ",", "-s", "stime,bytes", "-m", "proto", "--bins", "10s", "-M", "hard")
	if sum(bins, 1) != total || len(bins) < len(keys) {
		t.Errorf("--bins: %q, all are %d octets", bins, total)
	}
	for line := range strings.Lines(call(t, nil, "flows", "-r", file, "--count", "--json").stdout) {
		var o struct {
			Proto string
			Bytes int
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if o.Proto == "sum" && o.Bytes != total {
			t.Errorf("--count: %+v, all are %d octets", o, total)
		}
	}
	if lines := strings.Count(call(t, nil, "flows", "-r", file, "--count").stdout, "\n"); lines < 5 {
		t.Errorf("--count prints %d lines", lines)
	}
}

// TestWhatIsWrittenIsRead: merged records and other versions are files that both readers take; an existing file is continued.
func TestWhatIsWrittenIsRead(t *testing.T) {
	file, out := stream(t, "5"), filepath.Join(t.TempDir(), "out.gz")
	list := []string{"-n", "-c", ",", "-s", "proto,saddr,daddr,spkts,dpkts,sbytes,dbytes"}
	for _, flags := range [][]string{{}, {"--aggregate"}, {"-m", "saddr,daddr,proto"}, {"--bins", "1s"}, {"--sort", "saddr,stime"}, {"tcp"}} {
		if r := call(t, nil, slices.Concat([]string{"flows", "-r", file, "-w", out, "--argus-version", "3"}, flags)...); r.code != 0 || r.stdout != "" {
			t.Fatalf("%q: %s%s", flags, r.stdout, r.stderr)
		}
		want := body(t, slices.Concat(list, []string{"-r", file}, flags)...)
		if got := body(t, append(slices.Clone(list), "-r", out)...); !slices.Equal(got, want) {
			t.Errorf("%q: written and read\n%s\nwant\n%s", flags, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got := debian(t, "ra", append(slices.Clone(list), "-r", out, "-", "not", "man")...); len(got) != len(want) {
			t.Errorf("%q: ra reads %d records of %d", flags, len(got), len(want))
		}
		if err := os.Remove(out); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		call(t, nil, "flows", "-r", file, "-w", out)
	}
	if got, want := body(t, "-r", out), body(t, "-r", file); len(got) != 2*len(want) {
		t.Errorf("a file that was continued has %d flows, want %d twice", len(got), len(want))
	}
	if r := call(t, nil, "flows", "-r", out, "-w", out); r.code != 1 || !strings.Contains(r.stderr, "being read") {
		t.Errorf("a file is written to itself: %d, %s", r.code, r.stderr)
	}
}

// TestArchiveOfHours: --rotate makes files as rasplit does.
func TestArchiveOfHours(t *testing.T) {
	file, dir := stream(t, "3"), t.TempDir()
	r := call(t, nil, "flows", "-r", file, "-w", filepath.Join(dir, "$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S"), "--rotate", "10s")
	if r.code != 0 {
		t.Fatal(r.stderr)
	}
	var ours []string
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			ours = append(ours, strings.TrimPrefix(path, dir))
			for _, line := range debian(t, "ra", "-n", "-u", "-c", ",", "-s", "stime", "-r", path, "-", "not", "man") {
				if line == "" {
					t.Errorf("%s: ra reads nothing", path)
				}
			}
		}
		return nil
	})
	theirs := t.TempDir()
	debian(t, "rasplit", "-r", file, "-M", "time", "10s", "-w", theirs+"/$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S", "-", "not", "man")
	for _, name := range ours {
		if _, err := os.Stat(theirs + name); err != nil {
			t.Errorf("rasplit makes no %s", name)
		}
	}
	if len(ours) < 2 {
		t.Errorf("files %q", ours)
	}
}

// TestServers reads from two servers at once, which filter what they send, until enough has come.
func TestServers(t *testing.T) {
	records, err := os.ReadFile(stream(t, "5"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	args := []string{"flows", "--json", "-N", "4"}
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := feed.NewServer(feed.Config{})
		wg.Go(func() { _ = s.Serve(ctx, l) })
		wg.Go(func() {
			for ctx.Err() == nil {
				s.Publish(records[128:])
				select { // for who connects later
				case <-ctx.Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
		args = append(args, "-S", l.Addr().String())
	}
	r := call(t, nil, append(args, "udp")...)
	if list := objects(t, r.stdout); r.code != 0 || len(list) != 4 || list[0]["proto"] != "udp" {
		t.Errorf("exit code %d, %s, %s", r.code, r.stderr, r.stdout)
	}
	if r := call(t, nil, "flows", "-S", "cisco://host"); r.code != 2 || !strings.Contains(r.stderr, "-S") {
		t.Errorf("a server that is none: %d, %s", r.code, r.stderr)
	}
}
