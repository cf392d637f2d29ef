//go:build linux

package ecosystem

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// lab is a network of hosts on one switch, each in a namespace of its own.
type lab struct {
	*testing.T
	dir   string // states, files and logs; kept when the test fails
	name  string
	hosts map[string]int // the last octet of their addresses
	procs []*proc
}

// proc is a program that runs on a host.
type proc struct {
	name string
	lab  *lab
	cmd  *exec.Cmd
	out  bytes.Buffer // what it printed; read when it has ended
	log  string       // the file of its errors
	done chan error
}

var labs atomic.Int32

func newLab(t *testing.T, hosts ...string) *lab {
	t.Helper()
	netns.NeedRoot(t)
	dir, err := os.MkdirTemp("", "ecosystem-")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{T: t, dir: dir, name: fmt.Sprintf("ec%d%c", os.Getpid(), 'a'+labs.Add(1)), hosts: map[string]int{}}
	t.Cleanup(func() {
		for _, p := range l.procs {
			p.kill()
		}
		if t.Failed() {
			t.Logf("states and logs are kept in %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	netns.IP(t, "netns add %s", l.name)
	t.Cleanup(func() { netns.IP(t, "netns del %s", l.name) })
	netns.IP(t, "-n %s link add name br0 type bridge", l.name)
	netns.IP(t, "-n %s link set br0 up", l.name)
	for i, host := range hosts {
		l.hosts[host] = i + 1
		ns := l.name + host
		netns.IP(t, "netns add %s", ns)
		t.Cleanup(func() { netns.IP(t, "netns del %s", ns) })
		netns.IP(t, "-n %s link add name p%d type veth peer name eth0 netns %s", l.name, i, ns)
		netns.IP(t, "-n %s link set p%d master br0 up", l.name, i)
		netns.IP(t, "-n %s link set lo up", ns)
		netns.IP(t, "-n %s link set eth0 up", ns)
		netns.IP(t, "-n %s addr add %s/24 dev eth0", ns, l.address(host))
	}
	return l
}

func (l *lab) address(host string) string { return fmt.Sprintf("10.98.0.%d", l.hosts[host]) }
func (l *lab) path(name string) string    { return filepath.Join(l.dir, name) }

// on returns a command on a host that dies with the tests, whatever ends them.
func (l *lab) on(host, path string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", l.name + host, path}, args...)...)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a program on a host to its end, which must be a good one.
func (l *lab) run(host, name string, args ...string) string {
	l.Helper()
	out, err := l.on(host, program(l, name), args...).Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		l.Fatalf("%s %q: %v: %s", name, args, err, e.Stderr)
	} else if err != nil {
		l.Fatal(err)
	}
	return string(out)
}

// start starts a program on a host.
func (l *lab) start(host, name string, args ...string) *proc {
	l.Helper()
	return l.begin(name, l.on(host, program(l, name), args...))
}

func (l *lab) begin(name string, cmd *exec.Cmd) *proc {
	l.Helper()
	p := &proc{name: name, lab: l, cmd: cmd, log: l.path(fmt.Sprintf("%s-%d.log", name, len(l.procs))), done: make(chan error, 1)}
	log, err := os.Create(p.log)
	if err != nil {
		l.Fatal(err)
	}
	defer log.Close() // the process has its own
	cmd.Stdout, cmd.Stderr = &p.out, log
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	l.procs = append(l.procs, p)
	go func() { p.done <- cmd.Wait() }()
	return p
}

// talker starts our generator of traffic on a host.
func (l *lab) talker(host string, words ...string) *proc {
	l.Helper()
	self, err := os.Executable()
	if err != nil {
		l.Fatal(err)
	}
	cmd := l.on(host, self)
	cmd.Env = append(cmd.Env, "ECOSYSTEM_TRAFFIC="+strings.Join(words, " "))
	return l.begin("traffic-"+words[0], cmd)
}

func (p *proc) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	err := <-p.done
	p.done <- err
}

// end asks a program to end, with the signal unless that is 0, and waits until it has.
func (p *proc) end(ask syscall.Signal) string {
	p.lab.Helper()
	if ask != 0 {
		_ = p.cmd.Process.Signal(ask) // it may have ended
	}
	select {
	case err := <-p.done:
		p.done <- err
	case <-time.After(20 * time.Second):
		said, _ := os.ReadFile(p.log)
		p.lab.Fatalf("%s does not end: %s", p.name, said)
	}
	return p.out.String()
}

// says waits until a program's log has the words.
func (p *proc) says(words string) {
	p.lab.Helper()
	await.Event(p.lab, 20*time.Second, p.name+" says "+words, func() bool {
		b, err := os.ReadFile(p.log)
		return err == nil && strings.Contains(string(b), words)
	})
}

// settled waits until what a function counts has grown to least, and then no more for three seconds.
func (l *lab) settled(what string, least int, count func() int) int {
	l.Helper()
	last, since := -1, time.Now()
	await.Event(l, time.Minute, what, func() bool {
		if n := count(); n != last {
			last, since = n, time.Now()
		}
		return last >= least && time.Since(since) > 3*time.Second
	})
	return last
}

// clients counts the connections to a port of a host that are established, as the kernel has them where the process lives.
func (p *proc) clients(port int) (n int) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/tcp", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && f[3] == "01" {
			n++
		}
	}
	return n
}

// listens tells whether somebody awaits connections to a port where the process lives.
func (p *proc) listens(port int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", p.cmd.Process.Pid))
	if v6, err6 := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp6", p.cmd.Process.Pid)); err6 == nil {
		b = append(b, v6...)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && f[3] == "0A" {
			return true
		}
	}
	return err != nil
}
