package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// screen is a terminal that a program runs on: a pseudo terminal of the kernel, and what a person would see there.
type screen struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	cmd    *exec.Cmd
	raw    bytes.Buffer // all that was written
	mu     sync.Mutex
	more   *sync.Cond
	ended  bool
	err    error
}

func openScreen(t *testing.T, width, height int, args ...string) *screen {
	t.Helper()
	return openScreenWith(t, nil, width, height, args...)
}

// openScreenWith starts the program with a standard input beside the terminal.
func openScreenWith(t *testing.T, stdin *os.File, width, height int, args ...string) *screen {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	s := &screen{t: t, master: master, slave: slave}
	s.more = sync.NewCond(&s.mu)
	s.resize(width, height)
	s.cmd = exec.CommandContext(t.Context(), path, args...)
	s.cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	if stdin != nil {
		s.cmd.Stdin = stdin
	}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read()
	go func() {
		err := s.cmd.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended, s.err = true, err
		s.more.Broadcast()
	}()
	return s
}

func (s *screen) resize(width, height int) {
	if err := unix.IoctlSetWinsize(int(s.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: uint16(height)}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) read() {
	b := make([]byte, 4096)
	for {
		n, err := s.master.Read(b)
		s.mu.Lock()
		s.raw.Write(b[:n])
		s.more.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// lines is what the terminal shows: the sequences that the program uses are done, others are seen as text.
func lines(raw string) []string {
	if i := strings.LastIndex(raw, "\x1b[H"); i >= 0 && strings.Count(raw[i:], "\x1b[K") < 2 {
		raw = raw[:i] // the picture that is being made
	}
	raw = raw[strings.LastIndex(raw, "\x1b[H")+1:]
	raw = strings.NewReplacer("[H", "", "\x1b[K", "", "\x1b[7m", "", "\x1b[0m", "").Replace(raw)
	return strings.Split(raw, "\r\n")
}

// await waits until the screen is as ok wants it.
func (s *screen) await(what string, ok func(lines []string) bool) []string {
	s.t.Helper()
	stop := time.AfterFunc(20*time.Second, s.more.Broadcast)
	defer stop.Stop()
	until := time.Now().Add(20 * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		l := lines(s.raw.String())
		if ok(l) {
			return l
		}
		if time.Now().After(until) || s.ended {
			s.t.Fatalf("%s: the screen is\n%s\nended: %v, %v", what, strings.Join(l, "\n"), s.ended, s.err)
		}
		s.more.Wait()
	}
}

func (s *screen) press(keys string) {
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the program's end, and checks that the terminal is as it was.
func (s *screen) end(before *unix.Termios) error {
	s.t.Helper()
	s.mu.Lock()
	for !s.ended || !strings.Contains(s.raw.String(), "\x1b[?1049l") {
		s.more.Wait()
	}
	raw := s.raw.String()
	s.mu.Unlock()
	if !strings.Contains(raw, "\x1b[?1049h") || strings.LastIndex(raw, "\x1b[?25h") < strings.LastIndex(raw, "\x1b[?25l") {
		s.t.Errorf("the screen is not given back: %q", raw[max(0, len(raw)-200):])
	}
	if after := s.termios(); *after != *before {
		s.t.Errorf("the terminal was %+v and is %+v", before, after)
	}
	return s.err
}

func (s *screen) termios() *unix.Termios {
	t, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

// before returns how a new terminal is set.
func before(t *testing.T) *unix.Termios {
	t.Helper()
	s := &screen{t: t}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	s.slave = master
	return s.termios()
}

func has(text string) func([]string) bool {
	return func(l []string) bool { return strings.Contains(strings.Join(l, "\n"), text) }
}

// TestTop is a person's way through the screen: sorted flows, another order, a filter, a wrong filter, a smaller window, the end.
func TestTop(t *testing.T) {
	pcap := need(t, sample)
	was := before(t)
	s := openScreen(t, 120, 30, "flows", "-r", pcap, "--top", "-s", "proto,saddr,sport,daddr,dport,pkts,bytes", "-n", "--sort", "-bytes")
	l := s.await("the whole file", has("at the end"))
	if len(l) != 30 || !strings.Contains(l[0], "by -bytes") || !strings.Contains(l[1], "TotPkts") || !strings.Contains(l[29], "q leave") {
		t.Errorf("%d lines:\n%s", len(l), strings.Join(l, "\n"))
	}
	column := func(l []string, n int) (values []string) {
		for _, line := range l[2 : len(l)-1] {
			if f := strings.Fields(line); len(f) > n {
				values = append(values, f[n])
			}
		}
		if len(values) == 0 {
			t.Fatalf("no rows:\n%s", strings.Join(l, "\n"))
		}
		return values
	}
	last := math.MaxInt
	for _, v := range column(l, 4) {
		var n int
		if _, err := fmt.Sscan(v, &n); err != nil || n > last {
			t.Fatalf("octets %q are not in order", column(l, 4))
		}
		last = n
	}
	s.press("/udp\r")
	l = s.await("a filter", has("filter: udp"))
	for _, proto := range column(l, 0) {
		if proto != "udp" {
			t.Errorf("the filter shows %s", proto)
		}
	}
	s.press("/ and and\r")
	s.await("a wrong filter is said", func(l []string) bool {
		return strings.Contains(l[len(l)-1], "and") && strings.Contains(l[0], "filter: udp")
	})
	s.press("/\x15\r")
	s.await("no filter", func(l []string) bool { return !strings.Contains(l[0], "filter") })
	s.press("ssaddr\r") // "s", then the answer behind the present one
	s.await("a wrong order is said", has(`"bytessaddr"`))
	s.press("s\x15saddr\r")
	s.await("another order", has("by saddr"))
	s.resize(50, 8)
	l = s.await("a smaller window", func(l []string) bool { return len(l) == 8 })
	for _, line := range l {
		if len(line) > 50 {
			t.Errorf("a line of %d columns in 50: %q", len(line), line)
		}
	}
	top := l[2]
	s.press("\x1b[B")
	s.await("one line on", func(l []string) bool { return len(l) == 8 && l[2] != top })
	s.press("h")
	s.await("help", has("Ctrl-C"))
	s.press("xq")
	if err := s.end(was); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestTopEnds: whatever ends it, the terminal is as it was.
func TestTopEnds(t *testing.T) {
	pcap := need(t, sample)
	was := before(t)
	for name, end := range map[string]func(*screen){
		"Ctrl-C":  func(s *screen) { s.press("\x03") },
		"SIGTERM": func(s *screen) { _ = s.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":  func(s *screen) { _ = s.cmd.Process.Signal(syscall.SIGINT) },
	} {
		s := openScreen(t, 100, 20, "flows", "-r", pcap, "--top")
		s.await(name, has("at the end"))
		end(s)
		if err := s.end(was); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := openScreen(t, 100, 20, "flows", "-r", "/nonexistent", "--top")
	if err := s.end(was); err == nil || s.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestTopNeedsATerminal(t *testing.T) {
	r := call(t, nil, "flows", "-r", need(t, sample), "--top")
	if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "draws on a terminal") {
		t.Errorf("exit code %d, %q, %q", r.code, r.stdout, r.stderr)
	}
}

// TestTopOfAPipe: the records come from the standard input, the keys from the terminal.
func TestTopOfAPipe(t *testing.T) {
	in, err := os.Open(need(t, sample))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := openScreenWith(t, in, 100, 20, "flows", "-r", "-", "--top")
	s.await("the whole file", has("at the end"))
	s.press("q")
	if err := s.end(before(t)); err != nil {
		t.Error(err)
	}
}
