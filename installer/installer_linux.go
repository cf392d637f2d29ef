package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	packagedProgram = "/usr/bin/" + name
	ownProgram      = "/usr/local/bin/" + name
)

// manager is a service manager of this system.
type manager interface {
	name() string
	// register makes a service of the program and has the system start it, and tells whether anything of that was new.
	register(ctx context.Context, program string) (changed bool, err error)
	deregister(ctx context.Context) (changed bool, err error) // the service does not run any more
	start(ctx context.Context) error                          // waits until the service is ready, or has failed
	restart(ctx context.Context) error
	stop(ctx context.Context) error
	state() State // Program, Enabled, Running and Detail
}

func install(ctx context.Context, o Options) error {
	asSystem()
	if o.Packaged {
		if err := o.account(ctx); err != nil {
			return err
		}
		_, err := o.configure()
		return err
	}
	m, err := prepare(ctx, "installing")
	if err != nil {
		return err
	}
	before, err := o.refuseNewer(ctx, ownProgram)
	if err != nil {
		return err
	}
	_, none := os.Lstat(unfinishedMark)
	if err := errors.Join(os.MkdirAll(filepath.Dir(unfinishedMark), 0o755), os.WriteFile(unfinishedMark, nil, 0o600)); err != nil {
		return fmt.Errorf("note that an installation begins: %w", err)
	}
	changed, err := o.change(ctx, m, before)
	if err != nil {
		return err
	}
	if err := o.begin(ctx, m, changed || none == nil); err != nil {
		return err
	}
	return os.Remove(unfinishedMark)
}

// unfinishedMark is there from the first change of an installation to the service's start: what runs after one that was broken off
// is not what is installed. It is root's, and a start of the system needs it no more.
var unfinishedMark = filepath.Join(platform.DefaultDirs().Handed, unfinished)

// change makes user, configuration, program and service what they are to be, before being the version that is there, and tells
// whether what runs has to start anew.
func (o *Options) change(ctx context.Context, m manager, before string) (changed bool, err error) {
	if err := o.account(ctx); err != nil {
		return false, err
	}
	configured, err := o.configure()
	if err != nil {
		return false, err
	}
	replaced, err := o.place(before)
	if err != nil {
		return false, err
	}
	registered, err := m.register(ctx, ownProgram)
	if err != nil {
		return false, err
	}
	switch {
	case registered && before != "":
		o.Note("renewed the service of " + m.name())
	case registered:
		o.Note("made it a service of " + m.name() + " that starts with the system")
	}
	return replaced || registered || configured, nil
}

// asSystem has what is made and run here be what it is at a start of the system, whoever's shell this came from: su keeps the path of a
// user, in which useradd is not found, and a umask may close the program and its configuration to the service.
func asSystem() {
	unix.Umask(0o022)
	_ = os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:"+os.Getenv("PATH"))
}

// place puts the program where it belongs, before being the version that is there, and tells whether it is another one now.
func (o *Options) place(before string) (replaced bool, err error) {
	from, err := o.source()
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(ownProgram), 0o755); err != nil {
		return false, fmt.Errorf("create the folder of the program: %w", err)
	}
	if replaced, err = copyProgram(from, ownProgram); err == nil {
		err = errors.Join(os.Chown(ownProgram, 0, 0), os.Chmod(ownProgram, 0o755)) // of one, too, that somebody has put there by hand
	}
	switch {
	case err != nil:
		return false, err
	case replaced && before != "":
		o.Note(fmt.Sprintf("replaced version %s by %s: %s", before, o.Version, ownProgram))
	case replaced:
		o.Note(fmt.Sprintf("copied the program, version %s, to %s", o.Version, ownProgram))
	}
	return replaced, nil
}

// begin has the service run as it is now: anew where something has changed.
func (o *Options) begin(ctx context.Context, m manager, changed bool) error {
	step, done := m.start, "started it"
	if m.state().Running {
		step, done = m.restart, "restarted it"
		if !changed {
			return nil
		}
	}
	if err := step(ctx); err != nil {
		return err
	}
	o.Note(done)
	return nil
}

func uninstall(ctx context.Context, o Options, purge bool) error {
	asSystem()
	if o.Packaged {
		return o.leave(ctx, purge)
	}
	m, err := prepare(ctx, "removing")
	if err != nil {
		return err
	}
	gone, err := m.deregister(ctx)
	if err != nil {
		return err
	}
	if gone {
		o.Note("stopped the service and removed it from " + m.name())
	}
	if err := o.remove(ownProgram); err != nil {
		return err
	}
	return o.leave(ctx, purge)
}

// leave removes what is neither program nor service.
func (o *Options) leave(ctx context.Context, purge bool) error {
	dirs := platform.DefaultDirs()
	if err := o.remove(dirs.Handed); err != nil || !purge {
		return err
	}
	if err := o.remove(dirs.State, dirs.Config); err != nil {
		return err
	}
	return o.removeAccount(ctx)
}

// prepare returns the service manager, or an error that says why there is nothing to do here.
func prepare(ctx context.Context, doing string) (manager, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%s a service needs root: run it with sudo: %w", doing, fs.ErrPermission)
	}
	if p := packageOf(ctx, packagedProgram); p != nil {
		return nil, fmt.Errorf("%s comes with the %s package %s: %s", packagedProgram, p.format, p.name, p.advice(doing))
	}
	m := findManager()
	if m == nil {
		return nil, fmt.Errorf("neither systemd nor OpenRC nor System V scripts run here: have whatever starts programs on this system run `%s run`: %w",
			name, errors.ErrUnsupported)
	}
	return m, nil
}

func status() (State, error) {
	m := findManager()
	if m == nil {
		return State{}, nil
	}
	s := m.state()
	s.Manager = m.name()
	if s.Program == "" {
		return s, nil
	}
	ctx := context.Background()
	if p := packageOf(ctx, s.Program); p != nil {
		s.Package = p.format
	}
	var err error
	s.Version, err = versionOf(ctx, s.Program)
	if err != nil {
		return s, err
	}
	return s, nil
}
