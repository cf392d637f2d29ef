//go:build linux

package wine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds one program of Windows.
const patience = 90 * time.Second

// Prefix is a Windows of its own: its drive C, registry and services are shared with nobody. It lives in the network namespace
// of the process that made it (netns.Inside comes before New), and ends with the test.
type Prefix struct {
	tb  testing.TB
	dir string
}

// Result is what a program left.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// New makes a Windows from a prepared one, which is made at the first call on a machine.
func New(tb testing.TB) *Prefix {
	tb.Helper()
	work := workFolder(tb)
	p := &Prefix{tb: tb, dir: tempFolder(tb, work)}
	copyModel(tb, model(tb, work), p.dir)
	p.boot()
	return p
}

// boot starts the system and keeps it up: services live as long as some program of a user does. That is a cmd.exe that ends when
// its input does, and so with this process, whatever ends that.
func (p *Prefix) boot() {
	p.tb.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	holder := p.command(context.Background(), "cmd")
	holder.Stdin = r
	err = holder.Start()
	r.Close()
	if err != nil {
		p.tb.Fatal("start Wine: ", err)
	}
	p.tb.Cleanup(func() {
		w.Close()
		_ = holder.Wait()
		p.server("--kill")
		p.server("--wait")
	})
	p.Run("cmd", "/c", "ver")
}

// server talks to the one wineserver of this prefix.
func (p *Prefix) server(arg string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "wineserver", arg)
	cmd.Env = environment(p.dir)
	_ = cmd.Run() // "--kill" fails where none runs any more
}

func environment(dir string) []string {
	return append(os.Environ(), "WINEPREFIX="+dir, "WINEDEBUG=-all", "HOME="+dir, "DISPLAY=",
		"WINEDLLOVERRIDES=mscoree=;mshtml=;winemenubuilder.exe=d")
}

func (p *Prefix) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "wine", args...)
	cmd.Env = environment(p.dir)
	return cmd
}

// Try runs a program of Windows to its end: a path of either system, or the name of one in its search path.
func (p *Prefix) Try(args ...string) Result {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := p.command(ctx, args...)
	var out [2]*os.File // no pipes: what the program starts would hold them open
	for i := range out {
		f, err := os.CreateTemp(p.tb.TempDir(), "out")
		if err != nil {
			p.tb.Fatal(err)
		}
		defer f.Close()
		out[i] = f
	}
	cmd.Stdout, cmd.Stderr = out[0], out[1]
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		p.tb.Fatalf("%s: not done within %s: %s%s", strings.Join(args, " "), patience, contents(out[0]), contents(out[1]))
	case err != nil && !errors.As(err, &exit):
		p.tb.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return Result{contents(out[0]), contents(out[1]), cmd.ProcessState.ExitCode()}
}

// contents returns what was written, with the line ends of this system.
func contents(f *os.File) string {
	_, _ = f.Seek(0, io.SeekStart)
	b, _ := io.ReadAll(f)
	return string(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")))
}

// Run runs a program of Windows to its end, which must be a good one, and returns what it printed.
func (p *Prefix) Run(args ...string) string {
	p.tb.Helper()
	r := p.Try(args...)
	if r.Code != 0 {
		p.tb.Fatalf("%s: exit code %d: %s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Start starts a program of Windows whose output goes to the file out; it is killed at the test's end, or by its Process.
func (p *Prefix) Start(out *os.File, args ...string) *exec.Cmd {
	p.tb.Helper()
	cmd := p.command(context.Background(), args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// Path returns where a path of drive C lies on this system, whether it is there or not. As on Windows, case does not matter.
func (p *Prefix) Path(windows string) string {
	path := filepath.Join(p.dir, "drive_c")
	for name := range strings.SplitSeq(strings.TrimPrefix(windows, `C:\`), `\`) {
		next := filepath.Join(path, name)
		entries, _ := os.ReadDir(path)
		for _, e := range entries {
			if strings.EqualFold(e.Name(), name) {
				next = filepath.Join(path, e.Name())
			}
		}
		path = next
	}
	return path
}

// Windows returns the path under Windows of a file of this system.
func Windows(host string) string { return `Z:` + strings.ReplaceAll(host, "/", `\`) }

func workFolder(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs("../../bin/wine")
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// tempFolder makes a folder on the disk of the model, which shares its files.
func tempFolder(tb testing.TB, work string) string {
	tb.Helper()
	dir, err := os.MkdirTemp(work, "prefix-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// lockFolder lets one process at a time prepare something in the folder.
func lockFolder(tb testing.TB, dir string) (unlock func()) {
	tb.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return func() { f.Close() }
}

func run(tb testing.TB, args ...string) {
	tb.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		tb.Fatal(fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out))
	}
}

// Npcap makes it look as if Npcap was installed: Wine's own wpcap.dll, which captures by this system's libpcap, lies where Npcap's would.
func (p *Prefix) Npcap() {
	p.tb.Helper()
	system := p.Path(`C:\windows\system32`)
	run(p.tb, "mkdir", filepath.Join(system, "Npcap"))
	run(p.tb, "cp", filepath.Join(system, "wpcap.dll"), filepath.Join(system, "Npcap"))
}

// kill ends a process of this Windows as a crash would, by a part of its command line.
func (p *Prefix) kill(part string) {
	p.tb.Helper()
	killed := 0
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range processes {
		line, _ := os.ReadFile(proc + "/cmdline")
		env, _ := os.ReadFile(proc + "/environ")
		pid, err := strconv.Atoi(filepath.Base(proc))
		if err == nil && bytes.Contains(line, []byte(part)) && bytes.Contains(env, []byte("WINEPREFIX="+p.dir+"\x00")) {
			killed++
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if killed == 0 {
		p.tb.Fatalf("no process %s runs", part)
	}
}
