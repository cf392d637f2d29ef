package main

import (
	"errors"
	"fmt"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/installer"
)

// service tells whether the agent comes back with the system, and whether the one that runs is the one that is installed. running
// is nil when none answers.
func (d *doctor) service(running *agent.Status) {
	s, err := installer.Status()
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	if err != nil {
		d.bad("service", err.Error(), "install it again: argus-endpoint install, or the package")
		return
	}
	text := serviceText(&s)
	logs := map[string]string{
		"systemd": "journalctl -u argus-endpoint", "launchd": "/var/log/argus-endpoint.log", "windows": "the event log", "openrc": "/var/log/argus-endpoint.log",
		"sysv": "/var/log/argus-endpoint.log",
	}[s.Manager]
	switch {
	case s.Program == "":
		d.ok("service", text)
	case !s.Running:
		d.bad("service", text, "start it; why it ended is in "+logs)
	case !s.Enabled:
		d.bad("service", text, "have it start with the system: argus-endpoint install, or systemctl enable argus-endpoint")
	case running != nil && running.Version != s.Version:
		d.bad("service", fmt.Sprintf("version %s is installed, %s runs", s.Version, running.Version), "restart it")
	default:
		d.ok("service", text)
	}
}
