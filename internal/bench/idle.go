//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The idle time of P6: the first minute is the start's, which is not measured.
const (
	idleWarm    = 70 * time.Second
	idleMeasure = 2 * time.Minute
	idleLook    = 10 * time.Millisecond // between two looks at whether the process ran
)

// idle measures P6: an agent with nothing to do, connected to a collector, each in a namespace of its own.
func idle(t *table) error {
	if os.Geteuid() != 0 {
		t.add(row{id: "P6", what: "idle, connected", who: ours, value: "left out: needs root"})
		return nil
	}
	host, soc := fmt.Sprintf("bench-c-%d", os.Getpid()), fmt.Sprintf("bench-d-%d", os.Getpid())
	for _, ns := range []string{host, soc} {
		if err := ip("netns add " + ns); err != nil {
			return err
		}
		defer ip("netns del " + ns)
	}
	for _, args := range []string{
		"-n " + host + " link add name up type veth peer name up netns " + soc,
		"-n " + host + " addr add 10.99.0.1/24 dev up", "-n " + host + " link set dev up up", "-n " + host + " link set lo up",
		"-n " + soc + " addr add 10.99.0.2/24 dev up", "-n " + soc + " link set dev up up", "-n " + soc + " link set lo up",
	} {
		if err := ip(args); err != nil {
			return err
		}
	}
	state := filepath.Join(t.scratch, "soc")
	collector, err := startIn(soc, "bin/argus-collector", "run", "--state", state, "--listen", ":4561", "--log-level", "error")
	if err != nil {
		return err
	}
	defer stop(collector)
	if err := awaitSocket(filepath.Join(state, "admin.sock")); err != nil {
		return err
	}
	token, err := exec.Command("bin/argus-collector", "token", "create", "--state", state, "--address", "10.99.0.2:4561").Output()
	if err != nil {
		return fmt.Errorf("a token: %w", err)
	}
	agent, err := startIn(host, "bin/argus-endpoint", "run", "--state", filepath.Join(t.scratch, "idle"), "--token", strings.TrimSpace(string(token)), "--log-level", "error")
	if err != nil {
		return err
	}
	defer stop(agent)
	fmt.Fprintf(os.Stderr, "idle for %v\n", idleWarm+idleMeasure)
	time.Sleep(idleWarm)
	cost, err := watchIdle(agent.Process.Pid)
	if err != nil {
		return err
	}
	t.add(row{
		id: "P6", what: "idle, connected to a collector", who: ours, memory: cost.resident,
		value: fmt.Sprintf("%.1f ms CPU/min", cost.cpu.Seconds()*1000/idleMeasure.Minutes()),
		note: fmt.Sprintf("<= 3 ms, 10 MB, 3.5 MB of its own, 0.5 wake-ups/s; %.1f MB of its own, %.1f MB resident at most, %.2f wake-ups/s, %.1f switches/s",
			float64(cost.own)/1e6, float64(cost.peak)/1e6, float64(cost.wakes)/idleMeasure.Seconds(), float64(cost.switches)/idleMeasure.Seconds()),
	})
	return nil
}

// startIn starts a program in a namespace; its pid is the program's.
func startIn(ns string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command("ip", append([]string{"netns", "exec", ns}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd, cmd.Start()
}

func stop(cmd *exec.Cmd) {
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
}

// idleCost is what a process took in idleMeasure.
type idleCost struct {
	resident, own int // octets on average; own is anonymous memory
	peak          int // octets resident at most, as looked at once a second
	cpu           time.Duration
	wakes         int // times it ran after it had rested for idleLook and longer
	switches      int // of all threads
}

func watchIdle(pid int) (c idleCost, err error) {
	cpu, switches, err := ran(pid)
	if err != nil {
		return c, err
	}
	began, first, resting := cpu, switches, true
	looks, next := 0, time.Now()
	for end := next.Add(idleMeasure); time.Now().Before(end); time.Sleep(idleLook) {
		now, n, err := ran(pid)
		if err != nil {
			return c, err
		}
		if now != cpu && resting {
			c.wakes++
		}
		resting = now == cpu
		cpu, switches = now, n
		if time.Now().After(next) { // pages of the program come and go: one look would hit or miss them
			resident, own, err := memoryOf(pid)
			if err != nil {
				return c, err
			}
			c.resident, c.own, c.peak = c.resident+resident, c.own+own, max(c.peak, resident)
			looks, next = looks+1, next.Add(time.Second)
		}
	}
	c.cpu, c.switches = cpu-began, switches-first
	c.resident, c.own = c.resident/looks, c.own/looks
	return c, nil
}

// memoryOf returns the octets that a process has resident, and those of it that are anonymous memory.
func memoryOf(pid int) (resident, own int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			kB, _ := strconv.Atoi(f[1])
			switch f[0] {
			case "Rss:":
				resident = kB << 10
			case "Anonymous:":
				own = kB << 10
			}
		}
	}
	return resident, own, nil
}

// ran returns the time that all threads of a process have run, and how often they were given the processor (schedstat of
// proc(5)).
func ran(pid int) (cpu time.Duration, times int, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, 0, fmt.Errorf("the threads of %d: %v", pid, err)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that ended
		}
		var run, waited time.Duration
		var n int
		if _, err := fmt.Sscan(string(text), &run, &waited, &n); err != nil {
			return 0, 0, fmt.Errorf("%s: %q", name, text)
		}
		cpu, times = cpu+run, times+n
	}
	return cpu, times, nil
}
