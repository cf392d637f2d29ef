package installer

import "context"

const name = "argus-endpoint" // of the program, the service, its user and group

// Options say what to install and how. The zero value installs the program that runs.
type Options struct {
	Token     string            // enrolment token, kept in the token file of the configuration's folder; empty: what is there stays
	Collector string            // host:port, kept in the configuration file; empty: what is there stays
	Program   string            // the file to install; empty: the one that runs
	Version   string            // of that file
	Downgrade bool              // also over a newer version
	Packaged  bool              // a package has put the program in place and made the service: only folders, token and configuration are our part; on macOS its start too
	Note      func(step string) // is told each thing that was done, in the past tense: "created the user argus-endpoint"
}

// Install makes the program a service that runs now and after every start of the system. It copies it to where the system's
// administrator keeps programs, makes user, folders, token file and service. Over an older version it replaces the program and
// starts it anew: state, configuration and token stay. What is as it should be is left alone and not noted: a second run notes
// nothing. An error says what to do: without rights, over a newer version, over what a package manager owns.
func Install(ctx context.Context, o Options) error { return install(ctx, o.complete()) }

// Uninstall stops the service and removes it and the program. With purge also the state, the configuration and the user: nothing
// is left. What a package manager owns it refuses to remove, and says what to run; macOS has none: what
// its Installer has put there is removed.
func Uninstall(ctx context.Context, o Options, purge bool) error {
	return uninstall(ctx, o.complete(), purge)
}

func (o Options) complete() Options {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return o
}

// State is what the system knows of the service.
type State struct {
	Manager string `json:"manager"`           // "systemd", "openrc", "sysv", "windows", "launchd"; empty: none that this package knows
	Program string `json:"program,omitempty"` // the file that the service runs; empty: no service is installed
	Version string `json:"version,omitempty"` // what that file says of itself
	Package string `json:"package,omitempty"` // what owns the file: "deb", "rpm", "apk", "msi", "pkg"; empty: Install, or nobody
	Enabled bool   `json:"enabled"`           // the system starts it
	Running bool   `json:"running"`
	Detail  string `json:"detail,omitempty"` // what the manager says beside it
}

// Status returns what the system knows of the service. It needs no rights.
func Status() (State, error) { return status() }

// Run does the work as whoever started the process expects it. A service manager is told when the work is ready and when it
// stops; ctx ends when the manager wants it to. In the foreground Run is work(ctx, ready).
//
// The work calls ready once, when it does what it is for, with a function that tells whether it still does: nil while every part
// of it moves, else what hangs. The manager's watchdog (sd_watchdog_enabled(3)), where there is one, is fed only while it returns
// nil; it must not be called after the work has returned.
func Run(ctx context.Context, work func(ctx context.Context, ready func(alive func() error)) error) error {
	return run(ctx, work)
}
