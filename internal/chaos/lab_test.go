//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

func TestMain(m *testing.M) {
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("chaos: left out; run it with: make chaos")
		return
	}
	os.Exit(m.Run())
}

// lab is a network of hosts that all hang on one switch, each in a namespace of its own, with the programs that run there.
type lab struct {
	t     *testing.T
	dir   string // states and logs; kept when the test fails
	bin   string
	name  string
	rng   *rand.Rand
	hosts map[string]int // name -> last octet of its address
	procs []*proc
}

// proc is a program on a host that can be killed and started again.
type proc struct {
	lab     *lab
	kind    string
	host    string
	command func() *exec.Cmd
	cmd     *exec.Cmd
	done    chan error
	starts  int
}

var labs atomic.Int32

// newLab makes a lab for programs in bin. Its random choices follow from the seed.
func newLab(t *testing.T, bin string, seed uint64) *lab {
	t.Helper()
	netns.NeedRoot(t)
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: dir, bin: bin, name: fmt.Sprintf("ch%d%c", os.Getpid(), 'a'+labs.Add(1)), rng: rand.New(rand.NewPCG(seed, 0)), hosts: map[string]int{}}
	t.Cleanup(func() {
		for _, p := range l.procs {
			p.kill()
		}
		if t.Failed() {
			t.Logf("seed %d; states and logs are kept in %s", seed, dir)
		} else {
			os.RemoveAll(dir)
		}
	})
	netns.IP(t, "netns add %s", l.name)
	t.Cleanup(func() { exec.Command("ip", "netns", "del", l.name).Run() })
	netns.IP(t, "-n %s link add name br0 type bridge", l.name)
	netns.IP(t, "-n %s link set br0 up", l.name)
	return l
}

// host makes a host and returns its address.
func (l *lab) host(name string) string {
	l.t.Helper()
	n := len(l.hosts) + 1
	l.hosts[name] = n
	ns := l.ns(name)
	netns.IP(l.t, "netns add %s", ns)
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", ns).Run() })
	netns.IP(l.t, "-n %s link add name p%d type veth peer name eth0 netns %s", l.name, n, ns)
	netns.IP(l.t, "-n %s link set p%d master br0 up", l.name, n)
	netns.IP(l.t, "-n %s link set lo up", ns)
	netns.IP(l.t, "-n %s link set eth0 up", ns)
	netns.IP(l.t, "-n %s addr add %s/24 dev eth0", ns, l.address(name))
	return l.address(name)
}

func (l *lab) ns(host string) string      { return l.name + host }
func (l *lab) address(host string) string { return fmt.Sprintf("10.99.0.%d", l.hosts[host]) }
func (l *lab) path(parts ...string) string {
	return filepath.Join(append([]string{l.dir}, parts...)...)
}

// on returns a command on a host, not yet started.
func (l *lab) on(host string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", l.ns(host)}, args...)...)
	// ip execs the program: it dies with the tests, whatever ends them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a program of ours on a host to its end and returns what it printed.
func (l *lab) run(host, program string, args ...string) (string, error) {
	out, err := l.on(host, append([]string{filepath.Join(l.bin, program)}, args...)...).Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s %v: %w: %s", program, args, err, e.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// start starts a program on a host, as one of a kind, and again whenever restart is called.
func (l *lab) start(kind, host, program string, args ...string) *proc {
	l.t.Helper()
	p := &proc{lab: l, kind: kind, host: host, command: func() *exec.Cmd { return l.on(host, append([]string{filepath.Join(l.bin, program)}, args...)...) }}
	l.procs = append(l.procs, p)
	p.restart()
	return p
}

func (p *proc) restart() {
	p.lab.t.Helper()
	p.starts++
	log, err := os.OpenFile(p.lab.path(p.host+"-"+p.kind+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		p.lab.t.Fatal(err)
	}
	defer log.Close() // the process has its own
	fmt.Fprintf(log, "--- start %d %s\n", p.starts, time.Now().Format("15:04:05.000"))
	p.cmd = p.command()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		p.lab.t.Fatal(err)
	}
	p.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(p.cmd, p.done)
}

// kill ends a program without a warning. It reports whether it ran.
func (p *proc) kill() bool {
	if p.cmd == nil || p.cmd.ProcessState != nil {
		return false
	}
	p.cmd.Process.Kill()
	err := <-p.done
	p.done <- err
	e, ok := errors.AsType[*exec.ExitError](err)
	return ok && e.Sys().(syscall.WaitStatus).Signaled()
}

// ended returns how a program ended that nobody killed, within a time.
func (p *proc) ended(within time.Duration) (error, bool) {
	select {
	case err := <-p.done:
		p.done <- err
		return err, true
	case <-time.After(within):
		return nil, false
	}
}

// cut makes a host unreachable until the returned function is called.
func (l *lab) cut(host string) (mend func()) {
	ns := l.ns(host)
	netns.Run(l.t, "ip", "netns", "exec", ns, "nft", "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add chain inet cut out { type filter hook output priority 0; }; add rule inet cut in iif eth0 drop; add rule inet cut out oif eth0 drop")
	return func() { netns.Run(l.t, "ip", "netns", "exec", ns, "nft", "delete table inet cut") }
}

// slow lets a host send at 512 kbit/s until the returned function is called.
func (l *lab) slow(host string) (mend func()) {
	ns := l.ns(host)
	netns.Run(l.t, "ip", "netns", "exec", ns, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "512kbit", "burst", "16kb", "latency", "200ms")
	return func() { netns.Run(l.t, "ip", "netns", "exec", ns, "tc", "qdisc", "del", "dev", "eth0", "root") }
}

// within waits for a random time.
func (l *lab) within(low, high time.Duration) {
	<-time.After(low + time.Duration(l.rng.Int64N(int64(high-low))))
}

// number returns a setting from the environment.
func number(t *testing.T, name string, preset uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return preset
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n
}

// build builds our programs into a folder of its own, with some files of the source replaced.
func build(t *testing.T, overlay string) string {
	t.Helper()
	dir, err := filepath.Abs("../../bin/chaos")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build"}
	if overlay != "" {
		dir = t.TempDir()
		args = append(args, "-overlay", overlay)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append(args, "-o", dir+"/", "./cmd/argus-collector", "./internal/chaos/sender", "github.com/nats-io/nats-server/v2")...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}
