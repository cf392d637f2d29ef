//go:build linux

// Package netns runs tests in network namespaces of their own. Only tests import it.
package netns

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// NeedRoot skips a test that makes namespaces when it may not, saying so; in CI it fails.
func NeedRoot(tb testing.TB) {
	tb.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		tb.Fatal("network namespaces need root")
	default:
		tb.Skip("network namespaces need root")
	}
}

// marker names the test that a child process is to run in its namespace.
const marker = "TEST_IN_NETNS"

// Inside runs the calling test once more, in a process with a network namespace of its own whose loopback is up. It
// returns true in that process; in the first one it reports the outcome and returns false: the test then returns.
// Lines that the test logs with the word "measured" are passed on.
func Inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(marker) == t.Name() {
		IP(t, "link set lo up")
		return true
	}
	NeedRoot(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), marker+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in its namespace: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "measured") {
			t.Log(strings.TrimSpace(line))
		}
	}
	return false
}

// Run runs another program to its end, which must be a good one, and returns what it printed.
func Run(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// IP runs ip(8) with the words of a line.
func IP(tb testing.TB, line string, args ...any) {
	tb.Helper()
	Run(tb, append([]string{"ip"}, strings.Fields(fmt.Sprintf(line, args...))...)...)
}
