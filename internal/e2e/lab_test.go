//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "e2e-bin-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/argus-endpoint", "./cmd/argus-collector")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// lab is a set of namespaces, made for one test and removed after it.
type lab struct {
	t    *testing.T
	bin  string
	dir  string // state folders and logs
	name string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	netns.NeedRoot(t)
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	// A unix socket's path is short: t.TempDir would be too long.
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &lab{t: t, bin: bin, dir: dir, name: fmt.Sprintf("e2e%d", os.Getpid())}
}

// ip runs ip(8); it must work.
func (l *lab) ip(format string, args ...any) {
	l.t.Helper()
	netns.IP(l.t, format, args...)
}

// host makes a namespace with loopback up and returns its name.
func (l *lab) host(name string) string {
	l.t.Helper()
	ns := l.name + name
	l.ip("netns add %s", ns)
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", ns).Run() })
	l.ip("-n %s link set lo up", ns)
	return ns
}

// link joins two hosts with a veth pair named dev, with a network of their own: .1 and .2 of 10.net.0.0/24 and
// fd00:net::/64. Their neighbours are entered by hand, so that no ARP or ND packet is sent that the test did not make.
func (l *lab) link(a, b, dev string, net int) {
	l.t.Helper()
	l.ip("-n %s link add name %s address %s type veth peer name %s address %s netns %s", a, dev, mac(net, 1), dev, mac(net, 2), b)
	for i, ns := range []string{a, b} {
		exec.Command("ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf."+dev+".accept_dad=0", "net.ipv6.conf."+dev+".router_solicitations=0").Run()
		l.ip("-n %s addr add 10.%d.0.%d/24 dev %s", ns, net, i+1, dev)
		l.ip("-n %s addr add fd00:%d::%d/64 dev %s nodad", ns, net, i+1, dev)
		l.ip("-n %s link set %s up", ns, dev)
		l.ip("-n %s neigh add 10.%d.0.%d lladdr %s dev %s nud permanent", ns, net, 2-i, mac(net, 2-i), dev)
		l.ip("-n %s neigh add fd00:%d::%d lladdr %s dev %s nud permanent", ns, net, 2-i, mac(net, 2-i), dev)
	}
}

func mac(net, host int) string { return fmt.Sprintf("02:00:00:00:%02x:%02x", net, host) }

// process is one of our programs, running on a host.
type process struct {
	*exec.Cmd
	log  output
	done chan error
}

// output keeps what a process says, to be read while it still speaks.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start runs one of our programs on a host; it is killed at the test's end.
func (l *lab) start(ns, program string, args ...string) *process {
	l.t.Helper()
	return l.startCommand(l.command(ns, program, args...))
}

func (l *lab) startCommand(cmd *exec.Cmd) *process {
	l.t.Helper()
	p := &process{Cmd: cmd, done: make(chan error, 1)}
	p.Stderr = &p.log
	if err := p.Start(); err != nil {
		l.t.Fatal(err)
	}
	go func() { p.done <- p.Wait() }()
	l.t.Cleanup(func() {
		p.Process.Kill()
		if l.t.Failed() {
			l.t.Logf("%v said:\n%s", p.Args, tail(p.log.String(), 4000))
		}
	})
	return p
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// kill ends a process as a crash would.
func (p *process) kill() {
	p.Process.Kill()
	<-p.done
}

// stop ends a process as a service manager would, and tells how long it took.
func (p *process) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	p.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.done:
		if err != nil {
			t.Errorf("%v ended with %v: %s", p.Args, err, tail(p.log.String(), 2000))
		}
	case <-time.After(20 * time.Second):
		t.Errorf("%v did not stop", p.Args)
	}
	return time.Since(began)
}

// command is one of our programs on a host, not yet started.
func (l *lab) command(ns, program string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", ns, filepath.Join(l.bin, program)}, args...)...)
}

// run runs one of our programs on a host to its end and returns what it printed.
func (l *lab) run(ns, program string, args ...string) string {
	l.t.Helper()
	cmd := l.command(ns, program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatalf("%s %v: %v: %s", program, args, err, stderr.String())
	}
	return string(out)
}

// inside runs f with the calling thread in a namespace: the sockets that f opens are the host's.
func (l *lab) inside(ns string, f func() error) {
	l.t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		fd, err := unix.Open("/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	if err := <-result; err != nil {
		l.t.Fatalf("on %s: %v", ns, err)
	}
}

// sender runs f with a function that sends a frame out of a device of a host as it is.
func (l *lab) sender(ns, dev string, f func(send func(frame []byte) error) error) {
	l.t.Helper()
	l.inside(ns, func() error {
		i, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Ifindex: i.Index}
		return f(func(frame []byte) error { return unix.Sendto(fd, frame, 0, to) })
	})
}

// inject sends frames out of a device as they are.
func (l *lab) inject(ns, dev string, frames ...[]byte) {
	l.t.Helper()
	l.sender(ns, dev, func(send func([]byte) error) error {
		for _, f := range frames {
			if err := send(f); err != nil {
				return err
			}
		}
		return nil
	})
}
