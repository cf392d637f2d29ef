//go:build linux

package hosts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

const (
	root    = "../../bin/_hosts/root" // the Debian below every host, made by root.sh
	scratch = "/run/argus-hosts"      // what the hosts write: in memory
)

// address is that of a host on the bridge; 1 is the bridge itself, where the tests' own programs listen.
func address(n int) string { return fmt.Sprintf("10.77.0.%d", n) }

func command(line string) *exec.Cmd {
	words := strings.Fields(line)
	return exec.Command(words[0], words[1:]...)
}

// host is a Debian of its own: its files, its network, its processes and its init.
type host struct {
	t       *testing.T
	name    string
	address string
	dir     string // its root folder, also while it is off
	nspawn  *exec.Cmd
	done    chan struct{} // closed when it is off
	leader  int           // its first process
	console *os.File
}

var hosts atomic.Int32

// newHost makes a host that is switched off, and takes it away after the test.
func newHost(t *testing.T, name string) *host {
	t.Helper()
	n := int(hosts.Add(1)) + 1
	base := filepath.Join(scratch, fmt.Sprintf("%d-%s", n, name))
	h := &host{t: t, name: name, address: address(n), dir: base + "/root"}
	for _, dir := range []string{"/root", "/upper", "/work"} {
		h.must(os.MkdirAll(base+dir, 0o755))
	}
	lower, err := filepath.Abs(root)
	h.must(err)
	h.must(unix.Mount("overlay", h.dir, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, base, base)))
	for _, line := range []string{
		"ip netns add " + name,
		fmt.Sprintf("ip link add h%d type veth peer name eth0 netns %s", n, name),
		fmt.Sprintf("ip link set h%d master br0 up", n),
		"ip -n " + name + " addr add " + h.address + "/24 dev eth0",
		"ip -n " + name + " link set eth0 up",
		"ip -n " + name + " link set lo up",
	} {
		out, err := command(line).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
	h.write("/etc/machine-id", fmt.Sprintf("a44005e0%024x\n", n))
	h.write("/etc/hostname", name+"\n")
	h.write("/etc/resolv.conf", "nameserver "+address(1)+"\nsearch corp.example\n")
	t.Cleanup(h.remove)
	return h
}

// boot makes a host and switches it on.
func boot(t *testing.T, name string) *host {
	t.Helper()
	h := newHost(t, name)
	h.on()
	return h
}

// remove switches a host off and forgets what it wrote.
func (h *host) remove() {
	if h.t.Failed() && h.console != nil {
		h.explain()
	}
	h.cut()
	unix.Unmount(h.dir, unix.MNT_DETACH)
	os.RemoveAll(filepath.Dir(h.dir))
	command("ip netns del " + h.name).Run()
}

// explain logs what the host has to say about a test that failed.
func (h *host) explain() {
	console, _ := os.ReadFile(h.console.Name())
	h.t.Logf("%s: its console\n%s", h.name, console[max(0, len(console)-2000):])
	if h.nspawn == nil {
		return
	}
	for _, what := range []string{"systemctl --failed --no-legend", "journalctl -b --no-pager -n 40 -u argus-endpoint -u argus-collector", "tail -n 20 /var/log/syslog 2>/dev/null"} {
		out, _ := h.try(what)
		h.t.Logf("%s: %s\n%s", h.name, what, out)
	}
}

// on boots the host and waits until its init says that it runs.
func (h *host) on() {
	h.t.Helper()
	h.start()
	h.waitRunning()
}

// start starts the first process of the host, whichever init that is.
func (h *host) start() {
	h.t.Helper()
	var err error
	h.console, err = os.OpenFile(filepath.Join(filepath.Dir(h.dir), "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	h.must(err)
	// A control group of its own: the host's init makes its groups below it.
	h.nspawn = exec.Command("/bin/sh", "-c", enterGroup+`exec systemd-nspawn -q --register=no --keep-unit --resolv-conf=off --timezone=off -D "$1" -M "$2" --network-namespace-path="/run/netns/$2" --boot`, "sh", h.dir, h.name)
	h.nspawn.Stdout, h.nspawn.Stderr = h.console, h.console
	h.nspawn.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	h.must(h.nspawn.Start())
	done := make(chan struct{})
	h.done = done
	go func(nspawn *exec.Cmd, console *os.File) { nspawn.Wait(); console.Close(); close(done) }(h.nspawn, h.console)
	h.await("the first process", 10*time.Second, h.findLeader)
}

// findLeader looks for the child of systemd-nspawn that has process numbers of its own.
func (h *host) findLeader() bool {
	pid := h.nspawn.Process.Pid
	ours, _ := os.Readlink("/proc/self/ns/pid")
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for word := range strings.FieldsSeq(string(children)) {
		if theirs, err := os.Readlink("/proc/" + word + "/ns/pid"); err == nil && theirs != ours {
			h.leader, err = strconv.Atoi(word)
			return err == nil
		}
	}
	return false
}

// waitRunning waits for the end of the boot.
func (h *host) waitRunning() {
	h.t.Helper()
	var state string
	h.await("the end of the boot", 60*time.Second, func() bool {
		state, _ = h.try("systemctl is-system-running")
		state = strings.TrimSpace(state)
		return state == "running" || state == "degraded"
	})
	if state != "running" {
		failed, _ := h.try("systemctl --failed --no-legend")
		h.t.Fatalf("%s: %s: %s", h.name, state, failed)
	}
}

// reboot boots the host anew, in order.
func (h *host) reboot() {
	h.t.Helper()
	h.shut("reboot") // systemd-nspawn ends with 133 then, and whoever started it starts it again
	h.on()
}

// off switches the host off, in order.
func (h *host) off() {
	h.t.Helper()
	h.shut("poweroff")
}

func (h *host) shut(how string) {
	h.t.Helper()
	h.run("%s", how)
	select {
	case <-h.done:
		h.nspawn = nil
	case <-time.After(30 * time.Second):
		h.t.Fatalf("%s: still on", h.name)
	}
}

// cut ends the host at once.
func (h *host) cut() {
	if h.nspawn == nil {
		return
	}
	syscall.Kill(h.leader, syscall.SIGKILL)
	h.nspawn.Process.Kill()
	<-h.done
	h.nspawn = nil
}

// try runs a line of shell on the host and returns what it printed.
func (h *host) try(line string) (string, error) {
	return h.tryFor(60*time.Second, line)
}

func (h *host) tryFor(most time.Duration, line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	args := []string{"nsenter", "-t", strconv.Itoa(h.leader), "-m", "-u", "-i", "-p", "-n", "-r", "-w", "/bin/sh", "-c", line}
	if h.nspawn == nil { // it is off: its files are there
		args = []string{"chroot", h.dir, "/bin/sh", "-c", line}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	cmd.WaitDelay = time.Second // what it left behind may hold its output
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// run is try for what must work.
func (h *host) run(format string, args ...any) string {
	h.t.Helper()
	line := format
	if len(args) > 0 {
		line = fmt.Sprintf(format, args...)
	}
	out, err := h.try(line)
	if err != nil {
		h.t.Fatalf("%s: %s: %v\n%s", h.name, line, err, out)
	}
	return out
}

// write puts a file on the host.
func (h *host) write(path, content string) {
	h.t.Helper()
	h.must(os.MkdirAll(filepath.Dir(h.dir+path), 0o755))
	h.must(os.WriteFile(h.dir+path, []byte(content), 0o644))
}

// copy puts a file of this machine into the host's folder, under its name, and returns its path there.
func (h *host) copy(file, folder string) string {
	h.t.Helper()
	b, err := os.ReadFile(file)
	h.must(err)
	path := filepath.Join(folder, filepath.Base(file))
	h.write(path, string(b))
	h.must(os.Chmod(h.dir+path, 0o755))
	return path
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("%s: %v", h.name, err)
	}
}

// await waits until something is so.
func (h *host) await(what string, most time.Duration, so func() bool) time.Duration {
	h.t.Helper()
	return await.Event(h.t, most, h.name+": "+what, so)
}
