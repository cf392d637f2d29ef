//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The load of P7.
const (
	liveRate    = 100_000 // packets/s
	liveSeconds = 10
	liveFlows   = 2_000
	liveBurst   = 100 // packets between two looks at the clock
)

// live measures P7: the agent on one end of a veth pair in namespaces of its own, a sender on the other.
func live(t *table) error {
	if os.Geteuid() != 0 {
		t.add(row{id: "P7", what: "100 kpps on a veth", who: ours, value: "left out: needs root"})
		return nil
	}
	sender, sensor := fmt.Sprintf("bench-a-%d", os.Getpid()), fmt.Sprintf("bench-b-%d", os.Getpid())
	for _, ns := range []string{sender, sensor} {
		if err := ip("netns add " + ns); err != nil {
			return err
		}
		defer ip("netns del " + ns)
	}
	for _, args := range []string{
		"-n " + sender + " link add name a type veth peer name b netns " + sensor,
		"-n " + sender + " link set dev a up",
		"-n " + sensor + " link set dev b up",
	} {
		if err := ip(args); err != nil {
			return err
		}
	}
	state := filepath.Join(t.scratch, "state")
	agent := exec.Command("ip", "netns", "exec", sensor, "bin/argus-endpoint", "run", "--state", state, "--interface", "b")
	agent.Stderr = os.Stderr
	if err := agent.Start(); err != nil {
		return err
	}
	defer agent.Process.Kill()
	if err := awaitSocket(filepath.Join(state, "agent.sock")); err != nil {
		return err
	}
	if err := awaitMeter(state); err != nil {
		return err
	}
	sent, err := send(sender)
	if err != nil {
		return err
	}
	seen, dropped, err := status(state)
	if err != nil {
		return err
	}
	peak, err := peakResident(agent.Process.Pid)
	if err != nil {
		return err
	}
	agent.Process.Signal(syscall.SIGTERM)
	if err := agent.Wait(); err != nil {
		return err
	}
	u := usageOf(agent.ProcessState)
	t.add(row{
		id: "P7", what: "100 kpps on a veth, to the spool", who: ours, memory: peak,
		value: fmt.Sprintf("%d ns/packet", u.cpu/time.Duration(sent)),
		note:  fmt.Sprintf("<= 600 ns; sent %d, metered %d, dropped %d", sent, seen, dropped),
	})
	return nil
}

func ip(args string) error {
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, out)
	}
	return nil
}

// awaitSocket returns when the agent answers on its socket.
func awaitSocket(path string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("unix", path)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the agent did not start: %w", err)
		}
	}
}

// awaitMeter returns when the agent captures on an interface.
func awaitMeter(state string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var s struct{ Interfaces []struct{ Metering bool } }
		out, err := exec.Command("bin/argus-endpoint", "status", "--state", state, "--json").Output()
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err == nil && len(s.Interfaces) > 0 && s.Interfaces[0].Metering {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the agent meters nothing: %v", err)
		}
	}
}

// send writes UDP frames of many flows to interface a of namespace ns, at liveRate, from a child in that namespace.
func send(ns string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	out, err := exec.Command("ip", "netns", "exec", ns, self, "-send", "a").Output()
	if err != nil {
		return 0, fmt.Errorf("the sender: %w", err)
	}
	sent := 0
	_, err = fmt.Sscan(string(out), &sent)
	return sent, err
}

// sendFrames is the sender's own program: it prints how many frames it sent.
func sendFrames(name string) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	to := &unix.SockaddrLinklayer{Ifindex: i.Index}
	t := &traceWriter{}
	start, sent := time.Now(), 0
	for time.Since(start) < liveSeconds*time.Second {
		for range liveBurst {
			c := conversation{peer: 93<<24 | uint32(sent%liveFlows), port: 5000, dport: 53, proto: 17}
			t.fill(&c, 0, 58, 0)
			if err := unix.Sendto(fd, t.frame[:100], 0, to); err != nil {
				return err
			}
			sent++
		}
		if ahead := time.Duration(sent)*time.Second/liveRate - time.Since(start); ahead > 0 {
			time.Sleep(ahead)
		}
	}
	fmt.Println(sent)
	return nil
}

// peakResident is the most memory that a process had resident, octets. (What wait4 tells of a child begins with what its
// parent had when it forked.)
func peakResident(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kilobytes := 0
	_, err = fmt.Sscan(rest, &kilobytes)
	return kilobytes << 10, err
}

// status asks the agent what it metered and what the ring dropped.
func status(state string) (metered, dropped uint64, err error) {
	time.Sleep(2 * time.Second) // the ring's last block, and the counters' second
	out, err := exec.Command("bin/argus-endpoint", "status", "--state", state, "--json").Output()
	if err != nil {
		return 0, 0, err
	}
	var s struct {
		Totals struct {
			Metered uint64
			Dropped uint64 `json:"ring_dropped"`
		}
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return 0, 0, err
	}
	return s.Totals.Metered, s.Totals.Dropped, nil
}
