package installer

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed files/argus-endpoint.service
var serviceUnit string

//go:embed files/argus-endpoint-token.path
var tokenPath string

//go:embed files/argus-endpoint-token.service
var tokenService string

const (
	unit    = name + ".service"
	unitDir = "/etc/systemd/system"
)

var units = []struct{ name, text string }{{unit, serviceUnit}, {name + "-token.path", tokenPath}, {name + "-token.service", tokenService}}

type systemd struct{}

func (systemd) name() string { return "systemd" }

func (systemd) register(ctx context.Context, program string) (changed bool, err error) {
	for _, u := range units {
		wrote, err := writeText(filepath.Join(unitDir, u.name), strings.ReplaceAll(u.text, packagedProgram+" ", program+" "), 0o644)
		if err != nil {
			return false, err
		}
		changed = changed || wrote
	}
	if (systemd{}).state().Enabled {
		return changed, nil
	}
	return true, systemctl(ctx, "enable", "--quiet", unit)
}

func (s systemd) deregister(ctx context.Context) (changed bool, err error) {
	_, err = os.Lstat(filepath.Join(unitDir, unit))
	if errors.Is(err, fs.ErrNotExist) && !s.state().Running {
		return false, nil
	}
	if err := systemctl(ctx, "disable", "--quiet", "--now", unit); err != nil {
		return false, err
	}
	for _, u := range units {
		_ = os.Remove(filepath.Join(unitDir, u.name))
		sweep(filepath.Join(unitDir, u.name))
	}
	_ = systemctl(ctx, "reset-failed", unit) // an error when nothing has failed
	return true, systemctl(ctx, "daemon-reload")
}

func (systemd) start(ctx context.Context) error   { return begin(ctx, "start") }
func (systemd) restart(ctx context.Context) error { return begin(ctx, "restart") }
func (systemd) stop(ctx context.Context) error    { return systemctl(ctx, "stop", unit) }

// begin starts the service. systemctl waits until it says that it meters.
func begin(ctx context.Context, how string) error {
	err := systemctl(ctx, "daemon-reload") // whoever wrote the units may have been broken off
	if err == nil {
		err = systemctl(ctx, how, unit)
	}
	if err == nil {
		return nil
	}
	said, _ := output(ctx, "journalctl", "-q", "-o", "cat", "--since=-1min", "-u", unit)
	last := ""
	for line := range strings.Lines(said) {
		if words, ok := strings.CutPrefix(line, name+": "); ok { // the program's
			last = strings.TrimSpace(words)
		}
	}
	if last == "" {
		return fmt.Errorf("%w; see journalctl -u %s", err, name)
	}
	return fmt.Errorf("the service does not start: %s (the rest: journalctl -u %s)", last, name)
}

func (systemd) state() (s State) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := output(ctx, "systemctl", "show", "-p", "LoadState,ActiveState,SubState,UnitFileState,ExecStart,NRestarts", unit)
	if err != nil {
		s.Detail = err.Error()
		return s
	}
	is := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		is[key] = value
	}
	if is["LoadState"] != "loaded" {
		return s
	}
	_, path, _ := strings.Cut(is["ExecStart"], "path=")
	path, _, _ = strings.Cut(path, " ;")
	s.Program, s.Enabled, s.Running = path, is["UnitFileState"] == "enabled", is["ActiveState"] == "active"
	s.Detail = is["ActiveState"] + " (" + is["SubState"] + ")"
	if n := is["NRestarts"]; n != "" && n != "0" {
		s.Detail += ", restarted " + n + " times"
	}
	return s
}

func systemctl(ctx context.Context, args ...string) error {
	_, err := output(ctx, "systemctl", args...)
	return err
}
