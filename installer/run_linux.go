package installer

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// run speaks systemd's protocol (sd_notify(3), sd_watchdog_enabled(3)) where its environment says so. Everywhere else the end of
// the process is all that its parent wants to know.
func run(ctx context.Context, work func(context.Context, func(func() error)) error) error {
	n := newNotifier(os.Getenv)
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name) // not for children
	}
	feeding, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	stopping := sync.OnceFunc(func() { n.tell("STOPPING=1") })
	forget := context.AfterFunc(ctx, stopping)
	err := work(ctx, func(alive func() error) {
		n.tell("READY=1")
		if n.watchdog > 0 {
			wg.Go(func() { n.feed(feeding, alive) })
		}
	})
	if forget(); ctx.Err() != nil {
		stopping() // the work may have seen the end of ctx first, and has ended before it was told
	}
	stop()
	wg.Wait()
	return err
}

// notifier is the way to the service manager.
type notifier struct {
	socket   string        // "" for none
	watchdog time.Duration // 0 for none
}

func newNotifier(getenv func(string) string) *notifier {
	n := &notifier{socket: getenv("NOTIFY_SOCKET")}
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if pid := getenv("WATCHDOG_PID"); n.socket != "" && err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// tell sends assignments, one in a line. A manager that is not there is nobody to tell of it.
func (n *notifier) tell(assignments ...string) {
	if n.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"}) // "@" begins an abstract name
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte(strings.Join(assignments, "\n")))
}

// feed keeps the watchdog quiet until ctx ends, as long as alive says so: three times in its interval, so that two answers may be late.
func (n *notifier) feed(ctx context.Context, alive func() error) {
	t := time.NewTicker(n.watchdog / 3)
	defer t.Stop()
	hangs := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		switch err := alive(); {
		case err != nil:
			hangs = true
			n.tell("STATUS=hangs: " + strings.ReplaceAll(err.Error(), "\n", " "))
		case hangs:
			hangs = false
			n.tell("WATCHDOG=1", "STATUS=moves again")
		default:
			n.tell("WATCHDOG=1")
		}
	}
}
