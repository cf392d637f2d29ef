package platform

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// In a time namespace whose boot clock is eight hours ahead, the system has slept eight hours more.
func TestSleptIsTheBootClocks(t *testing.T) {
	const variable, hours = "TEST_SLEPT", 8
	if os.Getenv(variable) != "" {
		t.Logf("slept %d", ReadClocks().Slept)
		return
	}
	slept := func(args ...string) time.Duration {
		cmd := exec.Command(args[0], append(args[1:], "-test.run=^"+t.Name()+"$", "-test.v")...)
		cmd.Env = append(os.Environ(), variable+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil && os.Getenv("CI") != "true" {
			t.Skipf("no time namespaces here: %v %s", err, out)
		}
		_, rest, _ := strings.Cut(string(out), "slept ")
		n, perr := strconv.ParseInt(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 10, 64)
		if err != nil || perr != nil {
			t.Fatalf("%v %v: %s", err, perr, out)
		}
		return time.Duration(n)
	}
	here := slept(os.Args[0])
	there := slept("unshare", "-T", "--boottime", strconv.Itoa(hours*3600), "--fork", os.Args[0])
	if d := there - here; d < hours*time.Hour-time.Second || d > hours*time.Hour+time.Second {
		t.Errorf("%v of sleep here, %v there", here, there)
	}
}

// Reading goes on without end while nobody sets the clock, and its end is told.
func TestWatchClockEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	changed := WatchClock(ctx)
	select {
	case <-changed:
		t.Error("the clock was set, or it is said so")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	select {
	case _, open := <-changed:
		if open {
			t.Error("a change at the end")
		}
	case <-time.After(5 * time.Second):
		t.Error("it does not end")
	}
}
