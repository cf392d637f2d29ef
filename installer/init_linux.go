package installer

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kardianos/service"
)

//go:embed files/argus-endpoint.openrc
var openrcScript string

//go:embed files/argus-endpoint.sysv
var sysvScript string

const (
	script  = "/etc/init.d/" + name
	initLog = "/var/log/" + name + ".log"
)

// findManager returns the service manager of this system, nil for none that is known.
func findManager() manager {
	is := func(path string) bool { _, err := os.Stat(path); return err == nil }
	switch {
	case is("/run/systemd/system"): // sd_booted(3)
		return systemd{}
	case is("/run/openrc"): // made by openrc sysinit
		return initScripts{system: "linux-openrc", called: "openrc", text: openrcScript, option: "OpenRCScript"}
	case is("/etc/init.d") && !willBeSystemd() && (found("update-rc.d") || found("chkconfig")):
		return initScripts{system: "unix-systemv", called: "sysv", text: sysvScript, option: "SysvScript"}
	}
	return nil
}

// willBeSystemd tells of an image that is only being made, in a chroot: systemd will start it.
func willBeSystemd() bool {
	init, err := filepath.EvalSymlinks("/sbin/init")
	return err == nil && filepath.Base(init) == "systemd"
}

// initScripts is a service manager that runs scripts of /etc/init.d. The scripts are ours: those of kardianos/service run as root, do
// not look whether a pid is another process's by now, and on System V start nothing again.
type initScripts struct {
	system string // of kardianos/service
	called string
	text   string
	option string // by which kardianos/service takes the text
}

func (i initScripts) name() string { return i.called }

// service returns what installs the script for the program.
func (i initScripts) service(program string) (service.Service, error) {
	c := &service.Config{
		Name: name, Executable: program,
		Option: service.KeyValue{i.option: strings.ReplaceAll(i.text, packagedProgram, program)},
	}
	for _, s := range service.AvailableSystems() {
		if s.String() == i.system {
			return s.New(nil, c)
		}
	}
	return nil, fmt.Errorf("%s: %w", i.called, errors.ErrUnsupported)
}

func (i initScripts) register(ctx context.Context, program string) (changed bool, err error) {
	want := strings.ReplaceAll(i.text, packagedProgram, program)
	if now, err := os.ReadFile(script); err == nil && string(now) == want && i.state().Enabled {
		return false, nil
	}
	s, err := i.service(program)
	if err != nil {
		return false, err
	}
	if err := os.Remove(script); err != nil && !errors.Is(err, fs.ErrNotExist) { // Install refuses to replace it
		return false, fmt.Errorf("replace the service's script: %w", err)
	}
	if err := s.Install(); err != nil {
		return true, fmt.Errorf("install the service's script: %w", err)
	}
	return true, i.link(ctx, true)
}

// link tells System V's own tools of the script: where the order of the start follows from what scripts say of themselves, the links
// that kardianos/service makes do not count.
func (i initScripts) link(ctx context.Context, there bool) (err error) {
	switch {
	case i.called == "openrc":
	case found("update-rc.d") && there:
		_, err = output(ctx, "update-rc.d", name, "defaults")
	case found("update-rc.d"):
		_, err = output(ctx, "update-rc.d", name, "remove")
	case there:
		_, err = output(ctx, "chkconfig", "--add", name)
	default:
		_, err = output(ctx, "chkconfig", "--del", name)
	}
	return err
}

func (i initScripts) deregister(ctx context.Context) (changed bool, err error) {
	now, err := os.ReadFile(script)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the service's script: %w", err)
	}
	if !strings.Contains(string(now), name) {
		return false, fmt.Errorf("%s is not ours", script)
	}
	if err := i.stop(ctx); err != nil {
		return false, err
	}
	s, err := i.service(ownProgram)
	if err != nil {
		return false, err
	}
	if i.called == "sysv" && !found("update-rc.d") { // chkconfig looks into the script
		err = i.link(ctx, false)
	}
	if err = errors.Join(err, s.Uninstall()); err != nil {
		return true, fmt.Errorf("remove the service's script: %w", err)
	}
	for _, log := range []string{initLog, initLog + ".1"} {
		_ = os.Remove(log)
	}
	if found("update-rc.d") {
		err = i.link(ctx, false)
	}
	return true, err
}

func (i initScripts) start(ctx context.Context) error   { return i.do(ctx, "start") }
func (i initScripts) restart(ctx context.Context) error { return i.do(ctx, "restart") }
func (i initScripts) stop(ctx context.Context) error    { return i.do(ctx, "stop") }

func (i initScripts) do(ctx context.Context, what string) error {
	if _, err := output(ctx, script, what); err != nil {
		return fmt.Errorf("%w; see %s", err, initLog)
	}
	return nil
}

func (i initScripts) state() (s State) {
	b, err := os.ReadFile(script)
	if err != nil {
		return s
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "program="); ok {
			s.Program = path
		}
	}
	_, err = output(context.Background(), script, "status")
	s.Running = err == nil
	s.Enabled = hasLink("/etc/rc2.d") || hasLink("/etc/runlevels")
	return s
}

// hasLink tells whether a run level in dir starts the service: S01NAME of System V, NAME of OpenRC.
func hasLink(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		starts := strings.HasSuffix(e.Name(), name) && !strings.HasPrefix(e.Name(), "K")
		return starts || e.IsDir() && hasLink(filepath.Join(dir, e.Name()))
	})
}
