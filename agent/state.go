package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// What stands in the state folder besides the host ID that platform keeps.
const (
	lockFile    = "lock"       // locked while an agent runs; holds its pid
	runningFile = "running"    // there from start to orderly end: found at start, the last run was cut off
	socketFile  = "agent.sock" // where local readers connect
	identityDir = "identity"   // keys and certificates
	spoolDir    = "spool"
	privatePerm = 0o700
	statePerm   = 0o710 // the service's group reaches the socket
)

var errAnother = errors.New("another agent")

// state is the agent's folder, owned by this process alone.
type state struct {
	root    *os.Root
	lock    *os.File
	unclean bool // the last run did not end in order
}

// openState creates the folder where needed and takes it for this process. Another agent on it is an error that
// names its pid and ends the program with cli.ExitRunning.
func openState(dir string) (*state, error) {
	if err := os.MkdirAll(dir, statePerm); err != nil {
		return nil, fmt.Errorf("create the state folder: %w%s", err, remedy(err))
	}
	info, err := os.Lstat(dir)
	if err == nil {
		err = platform.CheckFolder(info)
	}
	if err != nil {
		return nil, fmt.Errorf("the state folder %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the state folder: %w%s", err, remedy(err))
	}
	s := &state{root: root}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(info, opened) {
		s.close(false)
		return nil, fmt.Errorf("the state folder %s is another one than a moment ago (%v)", dir, err)
	}
	if err := s.own(); err != nil {
		s.close(false)
		return nil, err
	}
	return s, nil
}

// remedy says what to do about an error of the state folder, in brackets.
func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return " (run as root, or give a folder of your own with --state)"
	case errors.Is(err, syscall.EROFS):
		return " (mount it read-write, or give a folder elsewhere with --state)"
	}
	return ""
}

// vanished tells whether the folder was deleted, or another one put in its place.
func (s *state) vanished() bool {
	ours, err := s.root.Stat(".")
	if err != nil {
		return false // who can tell?
	}
	now, err := os.Lstat(s.root.Name())
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(ours, now)
}

func (s *state) own() (err error) {
	s.lock, err = s.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("open the lock of the state folder %s: %w%s", s.root.Name(), err, remedy(err))
	}
	switch err := platform.TryLock(s.lock); {
	case errors.Is(err, platform.ErrLocked):
		pid, _ := io.ReadAll(io.LimitReader(s.lock, 32))
		return cli.Exit(cli.ExitRunning, fmt.Errorf("%w, pid %s, owns the state folder %s: stop it, or give this one another folder with --state",
			errAnother, strings.TrimSpace(string(pid)), s.root.Name()))
	case err != nil:
		return fmt.Errorf("lock the state folder: %w", err)
	}
	_ = s.lock.Truncate(0) // the pid is for people: on a full disk it is missing
	_, _ = s.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	_, err = s.root.Stat(runningFile)
	s.unclean = err == nil
	if err := platform.WriteFile(s.root, runningFile, nil, 0o600); err != nil {
		return fmt.Errorf("write to the state folder: %w", err)
	}
	for _, d := range []string{identityDir, spoolDir} {
		if err := s.private(d); err != nil {
			return err
		}
	}
	return nil
}

// private creates a folder that only the owner may enter.
func (s *state) private(name string) error {
	if err := s.root.Mkdir(name, privatePerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create the folder %s in the state folder: %w", name, err)
	}
	return nil
}

// setAside keeps the identity of another host away from this one, whose certificate would be a lie. The spool
// does the same with the other host's records.
func (s *state) setAside(h *platform.Host) error {
	err := s.root.Rename(identityDir, identityDir+"."+h.Previous.String())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set the other host's identity aside: %w", err)
	}
	if err := s.private(identityDir); err != nil {
		return err
	}
	return h.Adopt(s.root)
}

func (s *state) path(name string) string { return filepath.Join(s.root.Name(), name) }

// renew takes the folder anew that was deleted. Who this host is stays what it was.
func (s *state) renew(h *platform.Host) error {
	dir := s.root.Name()
	fresh, err := openState(dir)
	if err != nil {
		return err
	}
	_ = s.lock.Close()
	_ = s.root.Close()
	s.root, s.lock = fresh.root, fresh.lock
	_ = os.Chmod(dir, statePerm) // the spool may have been first
	return h.Adopt(s.root)
}

// close gives the folder back; in order means that nothing was left undone.
func (s *state) close(inOrder bool) {
	if inOrder {
		_ = s.root.Remove(runningFile)
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
	_ = s.root.Close()
}
