package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeMac plays launchctl and pkgutil, and a launchd that takes its time.
type fakeMac struct {
	t        *testing.T
	l        *launchd
	o        Options
	calls    []string
	notes    []string
	loaded   bool
	running  bool
	disabled bool
	receipt  []string // files of the package, nil for none
	slow     int      // how often it is asked for before what it has been told is done
	wants    bool
	broken   bool // the service does not start
	restart  bool // what configure answers
	loose    string

	disabledIs string // by which launchd says so
}

// newFakeMac has a program to install that says what version it is.
func newFakeMac(t *testing.T) *fakeMac {
	dir := t.TempDir()
	m := &fakeMac{t: t}
	m.l = &launchd{
		program: dir + "/usr/local/bin/argus-endpoint", plist: dir + "/Library/LaunchDaemons/" + label + ".plist",
		state: dir + "/Library/Application Support/argus-endpoint", root: dir, text: plist(t),
		output: m.output, configure: func() (bool, error) { return m.restart, nil },
		own: os.Chmod, loose: func(string) string { return m.loose }, pause: func(context.Context, time.Duration) error { return nil },
	}
	for _, d := range []string{filepath.Dir(m.l.plist), filepath.Dir(m.l.state), dir + "/new"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.o = Options{Program: dir + "/new/argus-endpoint", Note: func(s string) { m.notes = append(m.notes, strings.ReplaceAll(s, dir, "")) }}
	m.release("1.0.0")
	return m
}

// plist is the text that is installed.
func plist(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("files/" + label + ".plist")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// release makes the program to install another version.
func (m *fakeMac) release(version string) {
	m.t.Helper()
	if err := os.WriteFile(m.o.Program, []byte("#!/bin/sh\necho argus-endpoint "+version+", test\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
	m.o.Version = version
}

func (m *fakeMac) output(ctx context.Context, program string, args ...string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	call := strings.ReplaceAll(strings.Join(append([]string{program}, args...), " "), m.l.root, "")
	if n := len(m.calls); n == 0 || m.calls[n-1] != call {
		m.calls = append(m.calls, call)
	}
	failed := fmt.Errorf("%s: exit status 113", call)
	switch strings.Join(args[:min(2, len(args))], " ") {
	case "print system/" + label:
		if m.slow--; m.slow < 0 {
			m.loaded = m.wants
			m.running = m.wants && !m.broken
		}
		if !m.loaded {
			return "", failed
		}
		return m.printed(), nil
	case "print-disabled system":
		is := "enabled"
		if m.disabled {
			is = m.disabledIs
		}
		return "\tdisabled services = {\n\t\t\"com.example.x\" => disabled\n\t\t\"" + label + "\" => " + is + "\n\t}\n", nil
	case "enable system/" + label:
		m.disabled = false
	case "bootstrap system":
		if _, err := os.Stat(m.l.plist); err != nil || m.loaded || m.disabled {
			return "", fmt.Errorf("Bootstrap failed: 5: Input/output error: %w", errors.Join(err, failed))
		}
		m.loaded, m.wants, m.slow = true, true, 3
	case "bootout system/" + label:
		m.wants, m.slow = false, 3
		return "", fmt.Errorf("Boot-out failed: 36: Operation now in progress: %w", failed)
	case "--pkg-info " + label:
		if m.receipt == nil {
			return "", failed
		}
	case "--files " + label:
		return strings.Join(m.receipt, "\n") + "\n", nil
	case "--forget " + label:
		m.receipt = nil
	default:
		m.t.Errorf("called %s", call)
	}
	return "", nil
}

// printed is what launchctl print says of a service.
func (m *fakeMac) printed() string {
	if !m.running {
		return "system/" + label + " = {\n\tactive count = 0\n\tstate = spawn scheduled\n\n\truns = 4\n\tlast exit code = 1\n\n\tendpoints = {\n\t\tstate = running\n\t}\n}\n"
	}
	return "system/" + label + " = {\n\tactive count = 1\n\tpath = " + m.l.plist + "\n\tstate = running\n\n\tprogram = x\n\truns = 1\n\tpid = 501\n}\n"
}

// expect compares what was called and noted since the last time.
func (m *fakeMac) expect(what string, calls, notes []string) {
	m.t.Helper()
	if !slices.Equal(m.calls, calls) {
		m.t.Errorf("%s: called\n\t%s\nwant\n\t%s", what, strings.Join(m.calls, "\n\t"), strings.Join(calls, "\n\t"))
	}
	if !slices.Equal(m.notes, notes) {
		m.t.Errorf("%s: noted\n\t%s\nwant\n\t%s", what, strings.Join(m.notes, "\n\t"), strings.Join(notes, "\n\t"))
	}
	m.calls, m.notes = nil, nil
}

func (m *fakeMac) install() {
	m.t.Helper()
	if err := m.l.install(m.t.Context(), &m.o); err != nil {
		m.t.Fatal(err)
	}
}

const (
	callPrint     = "launchctl print system/" + label
	callDisabled  = "launchctl print-disabled system"
	callBootstrap = "launchctl bootstrap system /Library/LaunchDaemons/" + label + ".plist"
	callBootout   = "launchctl bootout system/" + label
	callReceipt   = "pkgutil --pkg-info " + label
)

// TestLaunchdLife installs, does so again, upgrades, is refused to go back, and uninstalls twice.
func TestLaunchdLife(t *testing.T) {
	m := newFakeMac(t)
	m.install()
	m.expect("first", []string{callPrint, callDisabled, callBootstrap, callPrint}, []string{
		"created the folder /Library/Application Support/argus-endpoint, which only root can enter",
		"copied the program, version 1.0.0, to /usr/local/bin/argus-endpoint",
		"made it a service of launchd that starts with the system: /Library/LaunchDaemons/" + label + ".plist",
		"started it",
	})
	for path, want := range map[string]os.FileMode{m.l.program: 0o755, m.l.plist: 0o644, m.l.state: 0o700 | os.ModeDir} {
		if i, err := os.Stat(path); err != nil || i.Mode() != want {
			t.Errorf("%s: %v, %v", path, i.Mode(), err)
		}
	}
	m.install()
	m.expect("again", []string{callPrint}, nil)
	s, err := m.l.status(t.Context())
	if want := (State{Manager: "launchd", Program: m.l.program, Version: "1.0.0", Enabled: true, Running: true, Detail: "running, runs 1, pid 501"}); err != nil || s != want {
		t.Errorf("status %+v, %v", s, err)
	}
	m.expect("status", []string{callPrint, callDisabled, callReceipt}, nil)
	if err := os.WriteFile(m.l.state+"/spool", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.release("1.1.0")
	m.install()
	m.expect("upgrade", []string{callPrint, callBootout, callPrint, callDisabled, callBootstrap, callPrint},
		[]string{"replaced version 1.0.0 by 1.1.0: /usr/local/bin/argus-endpoint", "restarted it"})
	m.release("1.0.0")
	if err := m.l.install(t.Context(), &m.o); err == nil || !strings.Contains(err.Error(), "--downgrade") {
		t.Errorf("going back: %v", err)
	}
	m.expect("refused", nil, nil)
	for _, calls := range [][]string{{callPrint, callBootout, callPrint, callReceipt}, {callPrint, callReceipt}} {
		if err := m.l.uninstall(t.Context(), &m.o, false); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(m.calls, calls) {
			t.Errorf("uninstall: %q", m.calls)
		}
		m.calls = nil
	}
	if _, err := os.Stat(m.l.state + "/spool"); err != nil {
		t.Errorf("the state is lost: %v", err)
	}
	if err := m.l.uninstall(t.Context(), &m.o, true); err != nil {
		t.Fatal(err)
	}
	m.left(nil)
}

// left compares the files that are left.
func (m *fakeMac) left(want []string) {
	m.t.Helper()
	var got []string
	for _, top := range []string{"usr", "Library"} {
		_ = filepath.WalkDir(filepath.Join(m.l.root, top), func(path string, d os.DirEntry, _ error) error {
			if rel, _ := filepath.Rel(m.l.root, path); strings.Contains(rel, "argus") || d != nil && !d.IsDir() {
				got = append(got, rel)
			}
			return nil
		})
	}
	if !slices.Equal(got, want) {
		m.t.Errorf("left: %q", got)
	}
}

// TestLaunchdPackage is what the script of the pkg does, and how the package goes again.
func TestLaunchdPackage(t *testing.T) {
	m := newFakeMac(t)
	m.install()
	m.expect("bare", []string{callPrint, callDisabled, callBootstrap, callPrint}, m.notes)
	m.receipt = []string{"usr", "usr/local", "usr/local/bin", "usr/local/bin/argus-endpoint", "Library", "Library/LaunchDaemons",
		"Library/LaunchDaemons/" + label + ".plist", "usr/local/share", "usr/local/share/doc", "usr/local/share/doc/argus-endpoint",
		"usr/local/share/doc/argus-endpoint/copyright", "usr/local/share/zsh", "usr/local/share/zsh/_argus-endpoint", "usr/local/share/zsh/other",
		"../argus-endpoint-outside"}
	for _, f := range []string{"usr/local/share/doc/argus-endpoint/copyright", "usr/local/share/zsh/_argus-endpoint", "usr/local/share/zsh/other", "../argus-endpoint-outside"} {
		path := filepath.Join(m.l.root, f)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	m.o.Packaged = true
	m.install()
	m.expect("pkg over it", []string{callPrint, callBootout, callPrint, callDisabled, callBootstrap, callPrint}, []string{"restarted it"})
	if s, err := m.l.status(t.Context()); err != nil || s.Package != "pkg" {
		t.Errorf("status %+v, %v", s, err)
	}
	m.calls = nil
	if err := m.l.uninstall(t.Context(), &m.o, true); err != nil {
		t.Fatal(err)
	}
	m.expect("uninstall", []string{callPrint, callBootout, callPrint, callReceipt, "pkgutil --files " + label, "pkgutil --forget " + label},
		[]string{"stopped the service and removed it from launchd", "removed what the package had installed, and its receipt",
			"removed /Library/Application Support/argus-endpoint"})
	m.left([]string{"usr/local/share/zsh/other"})
	if _, err := os.Stat(filepath.Join(m.l.root, "../argus-endpoint-outside")); err != nil {
		t.Errorf("a receipt that goes up: %v", err)
	}
}

// TestLaunchdFolderIsThere: that of a token which was dropped before is closed.
func TestLaunchdFolderIsThere(t *testing.T) {
	m := newFakeMac(t)
	if err := os.Mkdir(m.l.state, 0o755); err != nil {
		t.Fatal(err)
	}
	m.install()
	if i, err := os.Stat(m.l.state); err != nil || i.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
}

func TestLaunchdConfiguredAnew(t *testing.T) {
	m := newFakeMac(t)
	m.install()
	m.calls, m.notes, m.restart = nil, nil, true
	m.install()
	m.expect("another collector", []string{callPrint, callBootout, callPrint, callDisabled, callBootstrap, callPrint}, []string{"restarted it"})
}

// TestLaunchdBrokenOff has an upgrade that ends before the service is started anew: the next one does that, the one after it nothing.
func TestLaunchdBrokenOff(t *testing.T) {
	m := newFakeMac(t)
	m.install()
	m.release("1.1.0")
	ctx, kill := context.WithCancel(t.Context())
	m.l.configure = func() (bool, error) { kill(); return false, ctx.Err() }
	if err := m.l.install(ctx, &m.o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	m.calls, m.notes = nil, nil
	m.l.configure = func() (bool, error) { return false, nil }
	m.install()
	m.expect("after one that was broken off", []string{callPrint, callBootout, callPrint, callDisabled, callBootstrap, callPrint}, []string{"restarted it"})
	m.install()
	m.expect("again", []string{callPrint}, nil)
}

// TestLaunchdByHand: of a program and a plist that are there, of the same content, others get no right to change them.
func TestLaunchdByHand(t *testing.T) {
	m := newFakeMac(t)
	m.install()
	for _, path := range []string{m.l.program, m.l.plist} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	m.install()
	for path, want := range map[string]os.FileMode{m.l.program: 0o755, m.l.plist: 0o644} {
		if i, err := os.Stat(path); err != nil || i.Mode() != want {
			t.Errorf("%s: %v, %v", path, i.Mode(), err)
		}
	}
}

// TestLaunchdUninstallBrokenOff: nothing is removed of a service that may run, when the user does not wait until it has ended.
func TestLaunchdUninstallBrokenOff(t *testing.T) {
	for when := range 3 { // before it, in the middle of a wait, and while launchctl is asked
		m := newFakeMac(t)
		m.install()
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		m.notes = nil
		switch when {
		case 0:
			kill()
		case 1:
			m.l.pause = func(context.Context, time.Duration) error { kill(); return nil }
		case 2:
			m.l.output = func(ctx context.Context, program string, args ...string) (string, error) {
				if args[0] == "bootout" {
					defer kill()
				}
				return m.output(ctx, program, args...)
			}
		}
		if err := m.l.uninstall(ctx, &m.o, true); !errors.Is(err, context.Canceled) || len(m.notes) > 0 {
			t.Errorf("%d: %v, noted %q", when, err, m.notes)
		}
		for _, path := range []string{m.l.program, m.l.plist, m.l.state} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%d: %v", when, err)
			}
		}
	}
}

// TestLaunchdLooseFolder: a program that a user may replace, and that root runs, is worth a word each time.
func TestLaunchdLooseFolder(t *testing.T) {
	m := newFakeMac(t)
	m.loose = "/usr/local/bin"
	for range 2 {
		m.notes = nil
		m.install()
		if !slices.ContainsFunc(m.notes, func(s string) bool { return strings.Contains(s, "others than root can change /usr/local/bin") }) {
			t.Errorf("noted %q", m.notes)
		}
	}
}

// TestLaunchdDisabled has an administrator who disabled the service, which leaves a mark in launchd that nobody else makes.
func TestLaunchdDisabled(t *testing.T) {
	for _, is := range []string{"disabled", "true"} { // before macOS 12 it was the latter
		m := newFakeMac(t)
		m.disabled, m.disabledIs = true, is
		m.install()
		if want := "launchctl enable system/" + label; !slices.Contains(m.calls, want) {
			t.Errorf("%s: called %q", is, m.calls)
		}
	}
}

// TestLaunchdDoesNotStart has a program that ends at once, and one that does not end.
func TestLaunchdDoesNotStart(t *testing.T) {
	m := newFakeMac(t)
	m.broken = true
	err := m.l.install(t.Context(), &m.o)
	if err == nil || !strings.Contains(err.Error(), "spawn scheduled, runs 4, last exit code 1") || !strings.Contains(err.Error(), "argus-endpoint.log") {
		t.Errorf("it does not start: %v", err)
	}
	m.slow = 1 << 30
	m.l.pause = func(context.Context, time.Duration) error { m.slow = 1 << 30; return nil }
	if err := m.l.uninstall(t.Context(), &m.o, true); err == nil {
		t.Error("it does not end, and nobody says so")
	}
	if _, err := os.Stat(m.l.program); err != nil {
		t.Errorf("the program of a service that runs was removed: %v", err)
	}
}
