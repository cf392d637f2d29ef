package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// shared is the folder of captures and expected results beside the repository.
const shared = "../../../shared"

// program builds this program as it is released, once, and returns its path.
var program = sync.OnceValues(func() (string, error) { return build(runtime.GOOS, runtime.GOARCH) })

var built string // the folder of what was built

func build(goos, goarch string) (string, error) {
	if built == "" {
		dir, err := os.MkdirTemp("", "argus-endpoint-")
		if err != nil {
			return "", err
		}
		built = dir
	}
	path := filepath.Join(built, "argus-endpoint-"+goos+"-"+goarch)
	cmd := exec.Command("make", "-s", "-C", "../..", "endpoint", "OUT="+path)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// result is what a run of the program gave.
type result struct {
	stdout, stderr string
	code           int
}

// call runs the program with stdin.
func call(t *testing.T, stdin []byte, args ...string) result {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err, exit)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// need returns a path below the shared folder, or skips the test when it is not there.
func need(t *testing.T, path string) string {
	t.Helper()
	path = filepath.Join(shared, path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not there", path)
	}
	return path
}

// tool returns the path of a program that Debian has; in CI its absence is a failure.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// maxBinary is the bar of the stripped program on every platform (P9).
// Measured 2026-11-21, linux/amd64: see the log of the test.
const maxBinary = 9_000_000

func TestBinarySize(t *testing.T) {
	targets := [][2]string{{runtime.GOOS, runtime.GOARCH}, {"windows", "amd64"}} // which is the largest
	if os.Getenv("PLATFORMS") == "all" {                                         // make platforms
		targets = [][2]string{{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "arm"}, {"darwin", "amd64"}, {"darwin", "arm64"},
			{"windows", "amd64"}, {"windows", "arm64"}}
	}
	for _, target := range targets {
		path, err := build(target[0], target[1])
		if err != nil {
			t.Fatal(err)
		}
		i, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("measured: %s/%s %d octets", target[0], target[1], i.Size())
		if i.Size() > maxBinary {
			t.Errorf("%s/%s: %d octets, over the bar of %d", target[0], target[1], i.Size(), maxBinary)
		}
	}
}

func TestCommandLine(t *testing.T) {
	state := t.TempDir()
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"--help", 0, "sudo argus-endpoint doctor", ""},
		{"flows --help", 0, "one line a flow of a capture file", ""},
		{"status --help", 0, "Examples:", ""},
		{"doctor --help", 0, "Example:", ""},
		{"version", 0, "Argus record format 5.0", ""},
		{"completion bash", 0, "complete -o default", ""},
		{"completion fish", 0, "complete -c argus-endpoint", ""},
		{"dance", 2, "", `unknown command "dance"`},
		{"run dance", 2, "", `unknown command "dance"`},
		{"--nope", 2, "", "-nope"},
		{"run --spool-size lots", 2, "", "want a number of octets"},
		{"run --config /nonexistent.conf", 2, "", "/nonexistent.conf"},
		{"run --monitor-id nonsense; --state " + state, 2, "", "monitor ID"},
		{"status --state " + state, 1, "", "no agent is running on the state folder " + state},
		{"status now", 2, "", "takes no arguments"},
		{"doctor --state " + state, 1, "WRONG", "of these are wrong"},
		{"flows --json --csv -r x", 2, "", "do not go together"},
		{"flows -w x --json", 2, "", "do not go with it"},
		{"flows -r x -i eth0", 2, "", "does not go with -r"},
		{"flows -r x -N -1", 2, "", "want a count"},
		{"flows -r x --argus-version 4", 2, "", "want 3 or 5"},
		{"flows -r /nonexistent.pcap", 1, "", "no such file"},
		{"flows -r /etc/passwd", 1, "", "/etc/passwd: not a capture file"},
		{"flows -r /dev/null", 1, "", "/dev/null: nothing to read"},
		{"flows -r x host", 2, "", "filter"},
		{"flows -r x -s nofield", 2, "", `unknown field "nofield"`},
	} {
		r := call(t, nil, strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.stdout, c.stdout) || !strings.Contains(r.stderr, c.stderr) ||
			(c.stdout == "") != (r.stdout == "") || (c.stderr == "") != (r.stderr == "") {
			t.Errorf("%s: exit code %d, want %d\nstdout %q\nstderr %q", c.args, r.code, c.code, r.stdout, r.stderr)
		}
	}
}
