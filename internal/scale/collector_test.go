//go:build linux

package scale

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(workerOrder); text != "" {
		var o order
		err := json.Unmarshal([]byte(text), &o)
		if err == nil {
			err = worker(&o)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "scale:", err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("scale: left out; run it with: make scale")
		return
	}
	os.Exit(m.Run())
}

// site is a folder with a collector in it.
type site struct {
	t         *testing.T
	dir       string
	address   string
	cmd       *exec.Cmd
	collector []string // its command line
}

// newSite starts a collector that is all in one, in memory if that is a file system: the disk is not what is measured here.
func newSite(t *testing.T, in string) *site {
	t.Helper()
	dir, err := os.MkdirTemp(in, "scale-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	bin := filepath.Join(dir, "argus-collector")
	build := exec.Command("go", "build", "-o", bin, "./cmd/argus-collector")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: dir, address: l.Addr().String()}
	l.Close()
	s.collector = []string{bin, "run", "--state", filepath.Join(dir, "c"), "--listen", s.address, "--advertise", s.address, "--commit-interval", "1s", "--rate", "0", "--log-level", "error"}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *site) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.collector[0], s.collector[1:]...)
	s.cmd.Stderr = log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.address); err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("the collector does not listen: %s", text)
		}
	}
}

func (s *site) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// run runs a command of the collector to its end and returns what it printed.
func (s *site) run(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.collector[0], args...)
	cmd.Env = append(os.Environ(), "ARGUS_STATE="+filepath.Join(s.dir, "c"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// memory returns the resident set of the collector now and at its highest, octets.
func (s *site) memory() (now, peak int64) {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		for name, to := range map[string]*int64{"VmRSS:": &now, "VmHWM:": &peak} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				*to = kb << 10
			}
		}
	}
	return now, peak
}

// seconds returns the CPU time that the collector has used.
func (s *site) seconds() float64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // USER_HZ
}
