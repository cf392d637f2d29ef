package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// ownProgram is where the program lies: only administrators may write there.
func ownProgram() (string, error) {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0)
	if err != nil {
		return "", fmt.Errorf("the folder of programs: %w", err)
	}
	return filepath.Join(dir, displayName, name+".exe"), nil
}

func install(ctx context.Context, o Options) error {
	program, err := prepare(&o, "installing")
	if err != nil {
		return err
	}
	if o.Packaged {
		if err := o.folder(); err != nil {
			return err
		}
		if _, err := o.configure(); err != nil {
			return err
		}
		if _, err := register(program); err != nil { // with its path in quotes, whoever entered it
			return err
		}
		return o.hardened()
	}
	from, err := o.source()
	if err != nil {
		return err
	}
	before, err := o.refuseNewer(ctx, program)
	if err != nil {
		return err
	}
	if err := o.folder(); err != nil {
		return err
	}
	mark := filepath.Join(platform.DefaultDirs().State, unfinished)
	_, none := os.Lstat(mark)
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return fmt.Errorf("note that an installation has begun: %w", err)
	}
	if err := o.change(ctx, from, program, before, none == nil); err != nil {
		return err
	}
	return os.Remove(mark)
}

// change changes what is not as it should be, and starts the service anew where it may run as it should not.
func (o *Options) change(ctx context.Context, from, program, before string, restart bool) error {
	configured, err := o.configure()
	if err != nil {
		return err
	}
	replaced, err := o.replace(ctx, from, program)
	if err != nil {
		return err
	}
	switch {
	case replaced && before != "":
		o.Note(fmt.Sprintf("replaced version %s by %s: %s", before, o.Version, program))
	case replaced:
		o.Note(fmt.Sprintf("copied the program, version %s, to %s", o.Version, program))
	}
	return o.serve(ctx, program, restart || configured)
}

// serve makes the program a service that runs.
func (o *Options) serve(ctx context.Context, program string, restart bool) error {
	changed, err := register(program)
	if err != nil {
		return err
	}
	if changed != "" {
		o.Note(changed)
	}
	if err := o.hardened(); err != nil {
		return err
	}
	if err := list(program, o.Version); err != nil {
		return err
	}
	if restart || changed != "" {
		if _, err := stop(ctx); err != nil {
			return err
		}
	}
	started, err := start(ctx)
	if started {
		o.Note("started it")
	}
	return err
}

// hardened notes what this Windows does not have: the service works without.
func (o *Options) hardened() error {
	err := harden()
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return fmt.Errorf("the service %s is to be registered by the package before this: %w", name, err)
	}
	if err != nil {
		o.Note("went on without what this Windows refused: " + strings.ReplaceAll(err.Error(), "\n", ", "))
	}
	return nil
}

// folder makes the folder of state and configuration.
func (o *Options) folder() error {
	dir := platform.DefaultDirs().State
	created, err := secureFolder(dir)
	if created {
		o.Note("created the folder " + dir)
	}
	return err
}

// replace puts the program in its place. One that runs may be renamed, but not written over.
func (o *Options) replace(ctx context.Context, from, to string) (replaced bool, err error) {
	if same, err := sameContent(from, to); same || err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false, fmt.Errorf("create the folder of the program: %w", err)
	}
	if _, err := stop(ctx); err != nil {
		return false, err
	}
	aside, err := setAside(to)
	if err != nil {
		return false, err
	}
	replaced, err = copyProgram(from, to)
	if err != nil && aside != "" {
		_ = os.Rename(aside, to)
	}
	if err == nil {
		discard(aside)
	}
	return replaced, err
}

// setAside renames a program that may be running, and returns its new name: "" when there is none.
func setAside(program string) (aside string, err error) {
	aside = program + ".old"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) { // that of the last time, which still runs
		aside = fmt.Sprintf("%s.%d.old", program, os.Getpid())
	}
	err = os.Rename(program, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("set the old program aside: %w", err)
	}
	return aside, nil
}

// discard removes a program that was set aside, if it still runs at the next start of the system.
func discard(aside string) {
	if aside == "" || os.Remove(aside) == nil {
		return
	}
	if path, err := windows.UTF16PtrFromString(aside); err == nil {
		_ = windows.MoveFileEx(path, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT)
	}
}

func uninstall(ctx context.Context, o Options, purge bool) error {
	program, err := prepare(&o, "removing")
	if err != nil {
		return err
	}
	if o.Packaged {
		_, err = stop(ctx) // Windows Installer goes on when the service has, its process maybe not
	} else {
		err = o.dismiss(ctx, program)
	}
	if err != nil || !purge {
		return err
	}
	return o.remove(platform.DefaultDirs().State)
}

// dismiss removes service and program.
func (o *Options) dismiss(ctx context.Context, program string) error {
	if _, err := stop(ctx); err != nil {
		return err
	}
	gone, err := deregister()
	if err != nil {
		return err
	}
	if gone {
		o.Note("stopped the service and removed it")
	}
	unlist()
	aside, err := setAside(program) // this may be what runs
	if err != nil {
		return err
	}
	if aside == "" {
		return nil
	}
	moved := filepath.Join(os.TempDir(), fmt.Sprintf("%s-%d.old", name, os.Getpid()))
	if os.Rename(aside, moved) == nil { // within the drive
		aside = moved
	}
	discard(aside)
	_ = os.Remove(filepath.Dir(program)) // unless something else is in it
	o.Note("removed " + program)
	return nil
}

// prepare returns where the program belongs, or why nothing can be done.
func prepare(o *Options, doing string) (program string, err error) {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return "", fmt.Errorf("%s a service needs an administrator: run it from a prompt that was started as one: %w", doing, fs.ErrPermission)
	}
	if p := packageName(); p != "" && !o.Packaged {
		return "", fmt.Errorf("%s was installed by its %s package: upgrade it with msiexec /i FILE.msi, remove it in the list of apps or with msiexec /x FILE.msi", displayName, p)
	}
	return ownProgram()
}

func status() (State, error) {
	s := State{Manager: "windows", Package: packageName()}
	err := withService(windows.SERVICE_QUERY_CONFIG|windows.SERVICE_QUERY_STATUS, func(h *mgr.Service) error {
		command, kind, err := config(h)
		if err != nil {
			return err
		}
		if words, err := windows.DecomposeCommandLine(command); err == nil && len(words) > 0 {
			s.Program = words[0]
		}
		s.Enabled = kind == mgr.StartAutomatic
		now, err := h.Query()
		s.Running = now.State == svc.Running
		if code := max(now.Win32ExitCode, now.ServiceSpecificExitCode); now.State == svc.Stopped && code != 0 {
			s.Detail = fmt.Sprintf("it ended with exit code %d: see the event log", code)
		}
		return err
	})
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return s, nil
	}
	s.Version, _ = versionOf(context.Background(), s.Program)
	return s, err
}
