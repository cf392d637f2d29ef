package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
	if err := o.account(ctx); err != nil {
		return err
	}
	configured, err := o.configure()
	if err != nil {
		return err
	}
	replaced, err := o.place(before)
	if err != nil {
		return err
	}
	registered, err := m.register(ctx, ownProgram)
	if err != nil {
		return err
	}
	switch {
	case registered && before != "":
		o.Note("renewed the service of " + m.name())
	case registered:
		o.Note("made it a service of " + m.name() + " that starts with the system")
	}
	return o.begin(ctx, m, replaced || registered || configured)
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
	replaced, err = copyProgram(from, ownProgram)
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
		return nil, fmt.Errorf("neither systemd nor OpenRC nor System V scripts are here: have whatever starts programs on this system run `%s run`: %w",
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
