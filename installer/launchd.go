package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// label is the name of the service, and of its package's receipt.
const label = "org.argus-endpoint.agent"

// unfinished is the file in the state folder that an installation leaves which was broken off: the service may not run as it should.
const unfinished = "unfinished-installation"

// How long a service may take to end (ExitTimeOut of the plist) and to begin, and how often is looked.
const (
	launchdPatience = 15 * time.Second
	launchdLook     = 100 * time.Millisecond
)

// launchd makes a daemon of launchd (launchd.plist(5)) by launchctl(1). What it needs of the system is given to it: the rest runs on every one.
type launchd struct {
	program, plist, state string // where they belong
	root                  string // of what a package has installed
	text                  string // of the plist
	output                func(ctx context.Context, program string, args ...string) (string, error)
	configure             func() (restart bool, err error)          // Options.configure
	own                   func(path string, mode fs.FileMode) error // makes it root's, of this mode: somebody may have put it there by hand
	loose                 func(path string) (dir string)            // the folder above path that others than root can change, "" for none
	pause                 func(ctx context.Context, d time.Duration) error
}

// install makes or renews the service. The Installer has put a package's program and plist in place: what runs then is the version before it.
func (l *launchd) install(ctx context.Context, o *Options) error {
	before := ""
	if !o.Packaged {
		var err error
		if before, err = o.refuseNewer(ctx, l.program); err != nil {
			return err
		}
	}
	if dir := l.loose(l.program); dir != "" {
		o.Note("found that others than root can change " + dir + ": whoever can may run any program as root in the place of " + l.program)
	}
	if err := l.folder(o); err != nil {
		return err
	}
	mark := filepath.Join(l.state, unfinished)
	_, err := os.Lstat(mark)
	changed := err == nil || o.Packaged
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return fmt.Errorf("the folder of the state: %w", err)
	}
	if !o.Packaged {
		replaced, err := l.copy(o, before)
		if err != nil {
			return err
		}
		changed = changed || replaced
	}
	configured, err := l.configure()
	if err == nil {
		err = l.begin(ctx, o, changed || configured)
	}
	if err != nil {
		return err
	}
	return os.Remove(mark)
}

// folder makes the folder of the state.
func (l *launchd) folder(o *Options) error {
	err := os.Mkdir(l.state, 0o700)
	switch {
	case err == nil:
		o.Note("created the folder " + l.state + ", which only root can enter")
	case errors.Is(err, fs.ErrExist):
		err = l.own(l.state, 0o700)
	}
	if err != nil {
		err = fmt.Errorf("the folder of the state: %w", err)
	}
	return err
}

// begin has the service run as it is now: anew where something has changed.
func (l *launchd) begin(ctx context.Context, o *Options, changed bool) error {
	runs := l.loaded(ctx)
	if runs && !changed {
		return nil
	}
	done := "started it"
	if runs {
		done = "restarted it"
		if err := l.stop(ctx); err != nil {
			return err
		}
	}
	if err := l.start(ctx); err != nil {
		return err
	}
	o.Note(done)
	return nil
}

// copy puts program and plist in place, before being the version that is there.
func (l *launchd) copy(o *Options, before string) (changed bool, err error) {
	from, err := o.source()
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(l.program), 0o755); err != nil {
		return false, fmt.Errorf("create the folder of the program: %w", err)
	}
	replaced, err := copyProgram(from, l.program)
	if err == nil {
		err = l.own(l.program, 0o755)
	}
	if err != nil {
		return false, err
	}
	switch {
	case replaced && before != "":
		o.Note(fmt.Sprintf("replaced version %s by %s: %s", before, o.Version, l.program))
	case replaced:
		o.Note(fmt.Sprintf("copied the program, version %s, to %s", o.Version, l.program))
	}
	registered, err := writeText(l.plist, l.text, 0o644)
	if err == nil {
		err = l.own(l.plist, 0o644) // or launchd refuses it
	}
	if err != nil {
		return false, err
	}
	if registered {
		o.Note("made it a service of launchd that starts with the system: " + l.plist)
	}
	return replaced || registered, nil
}

// start has launchd load the plist, whose RunAtLoad starts the service, and waits until it runs. Who has disabled it before wants it now.
func (l *launchd) start(ctx context.Context) error {
	if l.disabled(ctx) {
		if _, err := l.output(ctx, "launchctl", "enable", "system/"+label); err != nil {
			return err
		}
	}
	if _, err := l.output(ctx, "launchctl", "bootstrap", "system", l.plist); err != nil {
		return fmt.Errorf("%w; see: log show --last 5m --predicate 'eventMessage contains %q'", err, label)
	}
	var s State
	ok, err := l.wait(ctx, func() bool { s = l.service(ctx); return s.Running })
	if err == nil && !ok {
		err = fmt.Errorf("launchd does not start the service (%s); see %s/argus-endpoint.log", s.Detail, l.state)
	}
	return err
}

// stop has launchd end and forget the service, and waits until it has.
func (l *launchd) stop(ctx context.Context) error {
	_, err := l.output(ctx, "launchctl", "bootout", "system/"+label)
	gone, werr := l.wait(ctx, func() bool { return !l.loaded(ctx) })
	switch {
	case gone:
		return nil // bootout may say that the end is in progress
	case werr != nil:
		return werr
	case err != nil:
		return err
	}
	return fmt.Errorf("launchd has not ended the service within %s: kill it, then try again", launchdPatience)
}

// wait looks until done, or for launchdPatience.
func (l *launchd) wait(ctx context.Context, done func() bool) (bool, error) {
	for range launchdPatience / launchdLook {
		ok := done()
		if err := ctx.Err(); err != nil { // whoever was asked has not answered
			return false, err
		}
		if ok {
			return true, nil
		}
		if err := l.pause(ctx, launchdLook); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (l *launchd) loaded(ctx context.Context) bool {
	_, err := l.output(ctx, "launchctl", "print", "system/"+label)
	return err == nil
}

// disabled tells whether an administrator has: launchctl disable system/LABEL.
func (l *launchd) disabled(ctx context.Context) bool {
	out, _ := l.output(ctx, "launchctl", "print-disabled", "system")
	for line := range strings.Lines(out) {
		if name, is, ok := strings.Cut(strings.TrimSpace(line), " => "); ok && name == `"`+label+`"` {
			return is == "disabled" || is == "true" // as before macOS 12
		}
	}
	return false
}

// service returns what launchd says of the service: Running and Detail.
func (l *launchd) service(ctx context.Context) (s State) {
	out, err := l.output(ctx, "launchctl", "print", "system/"+label)
	if err != nil {
		s.Detail = "not loaded"
		return s
	}
	var words []string
	for line := range strings.Lines(out) {
		key, value, ok := strings.Cut(line, " = ")
		if !ok || strings.HasPrefix(key, "\t\t") { // of a part of it
			continue
		}
		value = strings.TrimSpace(value)
		switch key = strings.TrimSpace(key); key {
		case "state":
			s.Running = value == "running"
			words = append(words, value)
		case "pid", "runs", "last exit code":
			words = append(words, key+" "+value)
		}
	}
	s.Detail = strings.Join(words, ", ")
	return s
}

// status returns what is installed.
func (l *launchd) status(ctx context.Context) (State, error) {
	s := l.service(ctx)
	s.Manager = "launchd"
	if _, err := os.Stat(l.plist); err != nil {
		return s, nil
	}
	s.Program, s.Enabled = l.program, !l.disabled(ctx)
	if l.packaged(ctx) {
		s.Package = "pkg"
	}
	var err error
	s.Version, err = versionOf(ctx, l.program)
	return s, err
}

// packaged tells whether the Installer has a receipt.
func (l *launchd) packaged(ctx context.Context) bool {
	_, err := l.output(ctx, "pkgutil", "--pkg-info", label)
	return err == nil
}

// uninstall removes the service and what is installed: a package of macOS has no other way.
func (l *launchd) uninstall(ctx context.Context, o *Options, purge bool) error {
	if l.loaded(ctx) {
		if err := l.stop(ctx); err != nil {
			return err
		}
		o.Note("stopped the service and removed it from launchd")
	}
	packaged := l.packaged(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if packaged {
		if err := l.unpack(ctx, o); err != nil {
			return err
		}
	}
	if err := o.remove(l.plist, l.program); err != nil {
		return err
	}
	if !purge {
		return nil
	}
	return o.remove(l.state)
}

// unpack removes what a package has installed, by its receipt, and the receipt: files and folders that have our name. Others may have put
// something into the folders: those stay.
func (l *launchd) unpack(ctx context.Context, o *Options) error {
	list, err := l.output(ctx, "pkgutil", "--files", label)
	if err != nil {
		return err
	}
	paths := strings.Split(strings.TrimSpace(list), "\n")
	slices.Sort(paths)
	for _, path := range slices.Backward(paths) { // what is in a folder before the folder
		if filepath.IsLocal(path) && strings.Contains(path, name) {
			_ = os.Remove(filepath.Join(l.root, path))
		}
	}
	if _, err := l.output(ctx, "pkgutil", "--forget", label); err != nil {
		return err
	}
	o.Note("removed what the package had installed, and its receipt")
	return nil
}
