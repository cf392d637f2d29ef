package installer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	displayName = "Argus Endpoint"
	description = "Tells what this host says to the network, as Argus flow records."

	forgiveAfter = 60 * 60          // seconds without a failure
	stopPatience = 20 * time.Second // the service itself takes five
)

// restartAfter are the pauses after the first failures; the last one holds for all that follow.
var restartAfter = []time.Duration{2 * time.Second, 10 * time.Second, time.Minute}

// entry is the service manager's entry of the program, by which it is installed and removed.
func entry(program string) (service.Service, error) {
	return service.New(nil, &service.Config{
		Name: name, DisplayName: displayName, Description: description, Executable: program, Arguments: []string{"run"},
	})
}

// withService opens the service with these rights. An error that wraps ERROR_SERVICE_DOES_NOT_EXIST tells that there is none.
func withService(rights uint32, f func(*mgr.Service) error) error {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return fmt.Errorf("connect to the service manager: %w", err)
	}
	defer windows.CloseServiceHandle(m)
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	h, err := windows.OpenService(m, text, rights)
	if err != nil {
		return fmt.Errorf("open the service %s: %w", name, err)
	}
	s := &mgr.Service{Name: name, Handle: h}
	defer s.Close()
	return f(s)
}

// register makes the service, or lets the one that is there run this program at every start of the system.
func register(program string) (changed string, err error) {
	want := windows.EscapeArg(program) + " run" // quoted where it has spaces: else C:\Program.exe would be run
	err = withService(windows.SERVICE_ALL_ACCESS, func(s *mgr.Service) error {
		command, kind, err := config(s)
		if err != nil || command == want && kind == mgr.StartAutomatic {
			return err
		}
		changed = "corrected the service " + name
		return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, mgr.StartAutomatic, windows.SERVICE_NO_CHANGE,
			windows.StringToUTF16Ptr(want), nil, nil, nil, nil, nil, nil)
	})
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		changed = "installed the service " + name
		var e service.Service
		if e, err = entry(program); err == nil {
			err = e.Install()
		}
	}
	if err != nil {
		return "", fmt.Errorf("install the service: %w", err)
	}
	return changed, nil
}

// config returns what the service runs, and when. mgr.Service.Config also asks for what not every Windows has.
func config(s *mgr.Service) (command string, startType uint32, err error) {
	b := make([]byte, 8<<10) // as large as it may be
	c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&b[0]))
	var needed uint32
	if err := windows.QueryServiceConfig(s.Handle, c, uint32(len(b)), &needed); err != nil {
		return "", 0, fmt.Errorf("query the service %s: %w", name, err)
	}
	return windows.UTF16PtrToString(c.BinaryPathName), c.StartType, nil
}

// harden sets what a service is to have beside its program. Not every Windows has all of it, and the service works without.
func harden() error {
	return withService(windows.SERVICE_ALL_ACCESS, func(s *mgr.Service) error {
		var restart []mgr.RecoveryAction
		for _, d := range restartAfter {
			restart = append(restart, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: d})
		}
		var refused []error
		for _, err := range []error{
			s.SetRecoveryActions(restart, forgiveAfter),
			s.SetRecoveryActionsOnNonCrashFailures(true),
			ownSID(s), leastPrivileges(s),
		} {
			if !errors.Is(err, windows.ERROR_INVALID_LEVEL) { // a system that does not know of it
				refused = append(refused, err)
			}
		}
		return errors.Join(refused...)
	})
}

// ownSID puts NT SERVICE\argus-endpoint into the token of the process. It is not made a restricted one: that could write only where
// this SID or everybody may, and a session of ETW, Npcap's device and raw sockets name neither.
func ownSID(s *mgr.Service) error {
	kind := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED) // the one field of SERVICE_SID_INFO
	return windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_SERVICE_SID_INFO, (*byte)(unsafe.Pointer(&kind)))
}

// leastPrivileges takes the privileges of LocalSystem away: to debug, to load drivers, to take ownership, to act as others. What
// the agent captures by asks for SYSTEM or Administrators, not for a privilege.
func leastPrivileges(s *mgr.Service) error {
	list := windows.StringToUTF16("SeChangeNotifyPrivilege")
	list = append(list, 0) // a list ends with an empty string
	info := struct{ privileges *uint16 }{&list[0]}
	return windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, (*byte)(unsafe.Pointer(&info)))
}

// start starts the service and waits until it runs.
func start(ctx context.Context) (changed bool, err error) {
	err = withService(windows.SERVICE_START|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		now, err := s.Query()
		if err != nil || now.State == svc.Running {
			return err
		}
		if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return err
		}
		changed = true
		return await(ctx, s, svc.Running)
	})
	if err != nil {
		return changed, fmt.Errorf("start the service: %w (the event log and argus-endpoint.log in the state folder say why)", err)
	}
	return changed, nil
}

// stop stops the service, if there is one, and waits until its process has ended.
func stop(ctx context.Context) (changed bool, err error) {
	err = withService(windows.SERVICE_STOP|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		now, err := s.Query()
		if err != nil || now.State == svc.Stopped {
			return err
		}
		process, perr := windows.OpenProcess(windows.SYNCHRONIZE, false, now.ProcessId)
		if perr == nil {
			defer windows.CloseHandle(process)
		}
		if err := await(ctx, s, svc.Running, svc.Stopped); err != nil { // one that starts, or stops already, takes no commands
			return err
		}
		if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return err
		}
		changed = true
		err = await(ctx, s, svc.Stopped)
		if err == nil && perr == nil {
			_, err = windows.WaitForSingleObject(process, uint32(stopPatience.Milliseconds()))
		}
		return err
	})
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return false, nil
	}
	if err != nil {
		return changed, fmt.Errorf("stop the service: %w", err)
	}
	return changed, nil
}

// await waits until the service is in one of the states. Started, it may end at once.
func await(ctx context.Context, s *mgr.Service, want ...svc.State) error {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		now, err := s.Query()
		switch {
		case err != nil || slices.Contains(want, now.State):
			return err
		case now.State == svc.Stopped:
			return fmt.Errorf("it ended at once (exit code %d)", max(now.Win32ExitCode, now.ServiceSpecificExitCode))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it is not done within %s", stopPatience)
		case <-t.C:
		}
	}
}

// deregister removes the service, and the program from the sources of the event log.
func deregister() (gone bool, err error) {
	e, err := entry("")
	if err != nil {
		return false, err
	}
	if _, err := e.Status(); errors.Is(err, service.ErrNotInstalled) {
		return false, nil
	}
	if err := e.Uninstall(); err != nil {
		return false, fmt.Errorf("remove the service: %w", err)
	}
	return true, nil
}
