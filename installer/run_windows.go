package installer

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	progress = time.Second                                                 // between the signs of life of a service that starts or stops
	hint     = 10 * time.Second                                            // within which the service manager may expect one
	accepted = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPreShutdown // the latter comes first, and leaves more time
)

// run asks the service manager itself whether it has started this process: outside of a service it refuses at once. What session
// the process is in tells less: Wine's services are in that of the user.
func run(ctx context.Context, work func(context.Context, func(func() error)) error) error {
	s := &child{ctx: context.WithoutCancel(ctx), work: work}
	err := svc.Run(name, s)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return work(ctx, func(func() error) {})
	}
	return errors.Join(err, s.err)
}

// child is the work as the service manager's.
type child struct {
	ctx  context.Context // ends with the service only: what consoles are told, as that a user logs off, is not for it
	work func(context.Context, func(func() error)) error
	err  error // of the work
}

// Execute is svc.Handler. A work that fails ends the service with an exit code, which the manager takes for a failure.
func (s *child) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (specific bool, code uint32) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	now := svc.Status{State: svc.StartPending, WaitHint: uint32(hint.Milliseconds())}
	changes <- now
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		if _, err := secureFolder(platform.DefaultDirs().State); err != nil { // it may have been deleted, or never made
			done <- err
			return
		}
		var once sync.Once
		done <- s.work(ctx, func(func() error) { once.Do(func() { close(ready) }) })
	}()
	alive := time.NewTicker(progress)
	defer alive.Stop()
	for {
		select {
		case s.err = <-done:
			if s.err != nil {
				return true, 1
			}
			return false, 0
		case <-ready:
			ready = nil
			if now.State == svc.StartPending {
				now = svc.Status{State: svc.Running, Accepts: accepted}
				changes <- now
			}
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				changes <- now
			case svc.Stop, svc.Shutdown, svc.PreShutdown:
				cancel()
				now = svc.Status{State: svc.StopPending, WaitHint: uint32(hint.Milliseconds())}
				changes <- now
			}
		case <-alive.C:
			if now.State != svc.Running {
				now.CheckPoint++
				changes <- now
			}
		}
	}
}
