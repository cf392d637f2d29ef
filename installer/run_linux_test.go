package installer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// systemdOf listens as systemd does and sets the environment of a service.
func systemdOf(t *testing.T, socket string, watchdog time.Duration) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint(watchdog.Microseconds()))
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	return c
}

// hears returns the next message, "" when none comes in time.
func hears(t *testing.T, c *net.UnixConn, within time.Duration) string {
	t.Helper()
	b := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(within))
	n, err := c.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestRunTellsSystemd(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@argus-endpoint-%d", os.Getpid())} {
		c := systemdOf(t, socket, 300*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		var hangs atomic.Bool
		begin, done := make(chan struct{}), make(chan error)
		go func() {
			done <- Run(ctx, func(ctx context.Context, ready func(func() error)) error {
				if os.Getenv("NOTIFY_SOCKET") != "" {
					t.Error("children would inherit the socket")
				}
				<-begin
				ready(func() error {
					if hangs.Load() {
						return errors.New("the spool:\nno sign of life")
					}
					return nil
				})
				<-ctx.Done()
				return errors.New("as it should")
			})
		}()
		if said := hears(t, c, 200*time.Millisecond); said != "" {
			t.Errorf("before it is ready it says %q", said)
		}
		close(begin)
		expect := func(want string) {
			t.Helper()
			for range 20 {
				said := hears(t, c, 5*time.Second)
				if said == want {
					return
				}
				if said != "WATCHDOG=1" && !strings.HasPrefix(said, "STATUS=") {
					t.Fatalf("%q, not %q", said, want)
				}
			}
			t.Fatalf("never %q", want)
		}
		expect("READY=1")
		expect("WATCHDOG=1")
		hangs.Store(true)
		expect("STATUS=hangs: the spool: no sign of life")
		for range 3 {
			if said := hears(t, c, 5*time.Second); said == "WATCHDOG=1" {
				t.Error("what hangs feeds the watchdog")
			}
		}
		hangs.Store(false)
		expect("WATCHDOG=1\nSTATUS=moves again")
		cancel()
		expect("STOPPING=1")
		if err := <-done; err == nil || err.Error() != "as it should" {
			t.Errorf("the work's error is %v", err)
		}
	}
}

// TestRunTellsThatItStops, also when the work ends as quickly as it can: it may see the end before anyone else does.
func TestRunTellsThatItStops(t *testing.T) {
	c := systemdOf(t, filepath.Join(t.TempDir(), "notify"), 0)
	socket := os.Getenv("NOTIFY_SOCKET")
	for round := range 2000 {
		t.Setenv("NOTIFY_SOCKET", socket)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(0, cancel)
		_ = Run(ctx, func(ctx context.Context, _ func(func() error)) error {
			<-ctx.Done()
			return nil
		})
		if said := hears(t, c, 5*time.Second); said != "STOPPING=1" {
			t.Fatalf("round %d: %q", round, said)
		}
	}
}

func TestRunWithoutManager(t *testing.T) {
	for _, c := range []struct{ socket, usec, pid string }{
		{"", "", ""}, {"", "1000", ""}, {"/nonexistent/notify", "1000", ""}, {"/nonexistent/notify", "x", "1"}, {"@gone", "-5", "0"},
	} {
		t.Setenv("NOTIFY_SOCKET", c.socket)
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		err := Run(t.Context(), func(_ context.Context, ready func(func() error)) error {
			ready(func() error { return nil })
			return nil
		})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	t.Setenv("NOTIFY_SOCKET", "/nonexistent/notify")
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()+1)) // meant for another process
	if n := newNotifier(os.Getenv); n.watchdog != 0 {
		t.Errorf("another process's watchdog is fed every %v", n.watchdog)
	}
}
