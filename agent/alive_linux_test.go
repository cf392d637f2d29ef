package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// pulseOf starts an agent and returns what Ready was given, when it was called.
func pulseOf(t *testing.T, change func(*Config), also func(*Agent)) (r *running, alive func() error) {
	t.Helper()
	ready := make(chan func() error, 2)
	r = startAgent(t, func(c *Config) {
		c.Ready = func(alive func() error) { ready <- alive }
		if change != nil {
			change(c)
		}
	}, also)
	select {
	case alive = <-ready:
	case <-time.After(30 * time.Second):
		t.Fatal("the agent is not ready after 30 s")
	}
	return r, alive
}

// An agent is ready when it meters, alive while its loops move, and says which one does not.
func TestAlive(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	for _, c := range []struct {
		says         string
		reports      time.Duration
		hang, resume func(*Agent)
	}{
		{"the reports", 100 * time.Millisecond, func(a *Agent) { a.reporting.Lock() }, func(a *Agent) { a.reporting.Unlock() }},
		{"the meter of lo", time.Minute, func(a *Agent) { a.clocks.mu.Lock() }, func(a *Agent) { a.clocks.mu.Unlock() }},
		{"the watch over the interfaces", time.Minute, func(a *Agent) {
			a.clocks.mu.Lock()
			netns.IP(t, "addr add 127.0.0.9/32 dev lo") // it looks what that was
		}, func(a *Agent) { a.clocks.mu.Unlock() }},
	} {
		var a *Agent
		r, alive := pulseOf(t, func(x *Config) { x.MARInterval = c.reports }, func(x *Agent) { a = x })
		if s, err := ReadStatus(t.Context(), r.c.State); err != nil || len(s.Interfaces) == 0 || !s.Interfaces[0].Metered {
			t.Errorf("ready, and not metering: %v", err)
		}
		if err := alive(); err != nil {
			t.Fatalf("an agent that works: %v", err)
		}
		c.hang(a)
		await.Event(t, 10*time.Second, c.says+" is said to hang", func() bool {
			err := a.alive(t.Context(), 300*time.Millisecond)
			return err != nil && strings.Contains(err.Error(), c.says)
		})
		c.resume(a)
		await.Event(t, 5*time.Second, c.says+" moves again", func() bool { return a.alive(t.Context(), time.Second) == nil })
		r.end()
	}
}

// A disk that takes nothing for ever is a hung agent; the end of the run ends the question too.
func TestAliveOnAHungDisk(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	image, disk := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	netns.Run(t, "mkfs.ext4", "-q", image)
	netns.Run(t, "mount", "-o", "loop", image, disk)
	t.Cleanup(func() { netns.Run(t, "umount", "-l", disk) })
	var a *Agent
	r, alive := pulseOf(t, func(c *Config) { c.State, c.MARInterval = filepath.Join(disk, "s"), 100*time.Millisecond }, func(x *Agent) { a = x })
	if err := alive(); err != nil {
		t.Fatalf("an agent that works: %v", err)
	}
	netns.Run(t, "fsfreeze", "-f", disk)
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			netns.Run(t, "fsfreeze", "-u", disk)
		}
	}
	defer thaw()
	await.Event(t, 10*time.Second, "it is said to hang", func() bool { return a.alive(t.Context(), 300*time.Millisecond) != nil })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.alive(ended, time.Minute); err != nil {
		t.Errorf("asked at the end: %v", err)
	}
	thaw()
	await.Event(t, 10*time.Second, "it moves again", func() bool { return a.alive(t.Context(), time.Second) == nil })
	r.end()
}
