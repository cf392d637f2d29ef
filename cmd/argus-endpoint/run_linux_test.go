package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// agentProcess is the program running as a service would.
type agentProcess struct {
	*exec.Cmd
	state string
	log   *bytes.Buffer
}

func startAgent(t *testing.T, args ...string) *agentProcess {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp("", "agent") // short: it holds a unix socket
	if err != nil {
		t.Fatal(err)
	}
	p := &agentProcess{Cmd: exec.Command(path, append(args, "--state", state)...), state: state, log: new(bytes.Buffer)}
	p.Stderr = p.log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Process.Kill()
		p.Wait()
		os.RemoveAll(state)
		if t.Failed() {
			t.Log(p.log)
		}
	})
	return p
}

// captures tells whether some packet socket of this namespace takes every protocol (packet(7), /proc/net/packet).
func captures() bool {
	b, _ := os.ReadFile("/proc/net/packet")
	return strings.Contains(string(b), " 0003 ")
}

// maxStart is the bar from start to the first packet that can be seen (P10). Measured 2026-11-21: see the test's log.
const maxStart = 50 * time.Millisecond

func TestStartBudget(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	if _, err := program(); err != nil {
		t.Fatal(err)
	}
	best := time.Hour // of several: another program may have the processor
	for try := 0; try < 5 || best > maxStart && try < 20; try++ {
		began := time.Now()
		p := startAgent(t)
		await.Event(t, 5*time.Second, "a capture", captures)
		best = min(best, time.Since(began))
		p.Process.Signal(syscall.SIGTERM)
		p.Wait()
	}
	t.Logf("measured: %s from start to the first packet", best)
	if best > maxStart {
		t.Errorf("%s, over the bar of %s", best, maxStart)
	}
}

// maxAnon is the bar of the idle agent's own memory in kB (P6). Measured 2026-11-21: 1,316 without a collector.
const maxAnon = 3500

func TestIdleMemoryBudget(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := startAgent(t)
	await.Event(t, 5*time.Second, "a capture", captures)
	time.Sleep(2 * time.Second) // idle is what is measured
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kb := map[string]int{}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			kb[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	t.Logf("measured: RSS %d kB, of it anonymous %d", kb["VmRSS:"], kb["RssAnon:"])
	if kb["RssAnon:"] > maxAnon || kb["RssAnon:"] == 0 {
		t.Errorf("%d kB anonymous, over the bar of %d", kb["RssAnon:"], maxAnon)
	}
}

func TestRunStatusFlowsAndSecondAgent(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := startAgent(t, "--flow-status-interval", "1")
	await.Event(t, 5*time.Second, "status answers", func() bool {
		return strings.Contains(call(t, nil, "status", "--state", p.state).stdout, "lo ")
	})
	if r := call(t, nil, "--state", p.state); r.code != 3 || !strings.Contains(r.stderr, fmt.Sprintf("pid %d", p.Process.Pid)) {
		t.Errorf("second agent: exit code %d, %s", r.code, r.stderr)
	}
	if r := call(t, nil, "flows", "--state", p.state, "-i", "eth9"); r.code != 2 || !strings.Contains(r.stderr, "no such interface") {
		t.Errorf("flows -i eth9: exit code %d, %s", r.code, r.stderr)
	}
	liveFlow(t, "flows", "--state", p.state, "-i", "lo", "-N", "1", "--json", "udp and port 9")
	if r := call(t, nil, "status", "--json", "--state", p.state); len(objects(t, strings.ReplaceAll(r.stdout, "\n", "")+"\n")) != 1 {
		t.Errorf("status --json: %s", r.stdout)
	}
	began := time.Now()
	p.Process.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("after SIGTERM: %v in %s", err, time.Since(began))
	}
	if out := liveFlow(t, "flows", "--state", p.state, "-N", "1", "--json", "udp and port 9"); !strings.Contains(out, "capturing a second time") {
		t.Errorf("without an agent, stderr says %q", out)
	}
}

// liveFlow runs flows while datagrams are sent to port 9 of the loopback, until it has printed one of them. It returns stderr.
func liveFlow(t *testing.T, args ...string) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sending, stop := context.WithCancel(ctx)
	go func() {
		c, err := net.Dial("udp", "127.0.0.1:9")
		for ; err == nil && sending.Err() == nil; time.Sleep(50 * time.Millisecond) {
			c.Write([]byte("x"))
		}
	}()
	line, rerr := bufio.NewReader(out).ReadString('\n')
	stop()
	if err := errors.Join(rerr, cmd.Wait()); err != nil || !strings.Contains(line, `"dport":9`) {
		t.Errorf("%v: %v: %q, %s", args, err, line, &stderr)
	}
	return stderr.String()
}

// A program that feeds a pipe may be silent: the first signal ends the reading, and what was read is printed.
func TestSignalEndsASilentPipe(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	pcap, err := os.ReadFile(need(t, sample))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	syscall.SetNonblock(int(r.Fd()), false) // as a shell makes pipes
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "flows", "-r", "-")
	var stdout bytes.Buffer
	cmd.Stdin, cmd.Stdout = r, &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err = w.Write(append(pcap, make([]byte, 1<<20)...)); err != nil { // more than a pipe holds: afterwards, the file has been read
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil || strings.Count(stdout.String(), "\n") < 5 {
		t.Errorf("%v: %s", err, &stdout)
	}
}

// An agent that is killed, however often, goes on with all that it can: a kill says nothing of what was at work. It says that it was.
func TestKillsSwitchNothingOff(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(state) })
	var out string
	for kill := range 5 {
		cmd := exec.Command(path, "run", "--state", state)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		await.Event(t, 5*time.Second, "status answers", func() bool {
			out = call(t, nil, "status", "--state", state).stdout
			return strings.Contains(out, fmt.Sprintf("pid %d,", cmd.Process.Pid)) && strings.Contains(out, "lo ")
		})
		if strings.Contains(out, "three crashes") || strings.Contains(out, "it was killed") != (kill > 0) {
			t.Errorf("after %d kills:\n%s", kill, out)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
}
