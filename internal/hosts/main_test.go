//go:build linux

package hosts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside marks the process that runs the tests, in namespaces of its own. It holds the number of the one that waits outside.
const inside = "HOSTS_INSIDE"

// TestMain runs the tests in a process that is the first of its PID namespace, with mounts and a network of its own: when it
// ends, however it ends, the kernel ends every host, mount and interface that it has made.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("ENDTOEND") == "":
		fmt.Println("hosts: left out; run it with: make hosts")
	case os.Getenv(inside) == "":
		os.Exit(enter())
	default:
		if err := prepare(); err != nil {
			fmt.Println("hosts:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
}

// mostWatchers is how many inotify instances root is to have: a booted host takes a dozen, the kernel gives 128 to all of them, and a
// systemd that gets none does not boot.
const (
	watchers     = "/proc/sys/fs/inotify/max_user_instances"
	mostWatchers = 1024
)

// allowWatchers raises the limit, where it is lower, for the whole machine: it has no namespaces. It stays: others may have begun.
func allowWatchers() error {
	b, err := os.ReadFile(watchers)
	if err != nil {
		return err
	}
	now, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || now >= mostWatchers {
		return err
	}
	fmt.Printf("hosts: %s was %d and is %d now\n", watchers, now, mostWatchers)
	return os.WriteFile(watchers, []byte(strconv.Itoa(mostWatchers)), 0o644)
}

// enter runs this program once more, inside, and returns its exit code.
func enter() int {
	runtime.LockOSThread() // the child dies with this thread
	if err := allowWatchers(); err != nil {
		fmt.Println("hosts:", err)
		return 1
	}
	leaveGroups()
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"="+strconv.Itoa(os.Getpid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	leaveGroups()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1)
	}
	if err != nil {
		fmt.Println("hosts:", err)
		return 1
	}
	return 0
}

// prepare gives this process mounts and a network of its own, with a bridge in it.
func prepare() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	// Where ip netns and systemd-nspawn keep their things, and what the hosts write: in memory, and nobody else's.
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	for _, dir := range []string{"/run/netns", "/run/systemd/nspawn", "/run/systemd/machines", "/run/lock", scratch} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, line := range []string{
		"link set lo up",
		"link add br0 address 02:00:00:00:00:01 type bridge", // its own: else it takes that of a port, and another one when that goes
		"addr add " + address(1) + "/24 dev br0",
		"link set br0 up",
	} {
		if out, err := command("ip " + line).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	return errors.Join(sink(port), nameServer())
}
