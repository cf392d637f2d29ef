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

// site is a folder with a collector in it: a process, or several.
type site struct {
	t        *testing.T
	dir      string
	address  string   // where agents go to, host:port,...
	nats     []string // flags that name the cluster; none: all in one process
	programs []*program
}

// program is a process of a site, the first one being that which receives.
type program struct {
	args []string
	cmd  *exec.Cmd
}

// newSite makes an empty site in a folder, and builds what runs there.
func newSite(t *testing.T, in string) *site {
	t.Helper()
	dir, err := os.MkdirTemp(in, "scale-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/argus-collector", "github.com/nats-io/nats-server/v2")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return &site{t: t, dir: dir}
}

// one starts a collector that is all in one.
func (s *site) one() *site {
	s.t.Helper()
	s.address = s.free()
	s.start("argus-collector", "run", "--state", s.path("c"), "--listen", s.address, "--advertise", s.address, "--commit-interval", "1s", "--rate", "0", "--log-level", "error")
	s.await(s.address)
	return s
}

// three starts a journal of three nodes, with two receivers and two writers.
func (s *site) three() *site {
	s.t.Helper()
	var urls, listen, routes, peers []string
	for range 3 {
		a, b := s.free(), s.free()
		urls, listen, peers = append(urls, "nats://"+a), append(listen, a), append(peers, b)
		routes = append(routes, `"nats://`+b+`"`)
	}
	var receivers []string
	for i := range 3 {
		name := fmt.Sprintf("n%d", i)
		config := fmt.Sprintf("server_name: %s\nlisten: %q\nmax_payload: 2MB\njetstream { store_dir: %q, sync_interval: always }\ncluster { name: argus, listen: %q, routes: [ %s ] }\n",
			name, listen[i], s.path(name), peers[i], strings.Join(routes, ", "))
		if err := os.WriteFile(s.path(name+".conf"), []byte(config), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.start("nats-server", "-c", s.path(name+".conf"))
	}
	s.nats = []string{"--nats", strings.Join(urls, ","), "--store", s.path("store")}
	for range 2 {
		receivers = append(receivers, s.free())
	}
	s.address = strings.Join(receivers, ",")
	for i, r := range receivers {
		receive := []string{"argus-collector", "receive", "--state", s.path(fmt.Sprintf("r%d", i)), "--listen", r, "--advertise", s.address, "--rate", "0", "--log-level", "error"}
		s.start(append(receive, s.nats...)...)
		write := []string{"argus-collector", "write", "--state", s.path(fmt.Sprintf("w%d", i)), "--commit-interval", "1s", "--log-level", "error"}
		s.start(append(write, s.nats...)...)
	}
	for _, r := range receivers {
		s.await(r)
	}
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// free returns an address that nobody listens on.
func (s *site) free() string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts a program for the time of the test.
func (s *site) start(args ...string) {
	s.t.Helper()
	args[0] = s.path(args[0])
	p := &program{args: args}
	s.programs = append(s.programs, p)
	s.restart(p)
	s.t.Cleanup(p.kill)
}

func (s *site) restart(p *program) {
	s.t.Helper()
	log, err := os.OpenFile(s.path("log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// await waits until somebody listens.
func (s *site) await(address string) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(s.path("log"))
			s.t.Fatalf("nobody listens on %s: %s", address, text)
		}
	}
}

func (p *program) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// run runs a command of the collector to its end and returns what it printed.
func (s *site) run(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.path("argus-collector"), args...)
	cmd.Env = append(os.Environ(), "ARGUS_STATE="+s.path("c"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// memory returns the resident sets of all programs now, and at their highest, octets.
func (s *site) memory() (now, peak int64) {
	s.t.Helper()
	for _, p := range s.programs {
		n, p := s.memoryOf(p)
		now, peak = now+n, peak+p
	}
	return now, peak
}

func (s *site) memoryOf(p *program) (now, peak int64) {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
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

// seconds returns the CPU time that all programs have used.
func (s *site) seconds() (sum float64) {
	s.t.Helper()
	for _, p := range s.programs {
		sum += s.secondsOf(p)
	}
	return sum
}

func (s *site) secondsOf(p *program) float64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // USER_HZ
}
