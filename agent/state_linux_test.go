package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// kinds are those of the events in the spool.
func (r *running) kinds() (kinds []string) {
	for _, e := range r.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// metersOn sends datagrams and waits until they are counted: whatever is the matter with the disk, capture goes on.
func (r *running) metersOn(n int) *Status {
	r.t.Helper()
	s, err := ReadStatus(r.t.Context(), r.c.State)
	if err != nil {
		r.t.Fatal(err)
	}
	before := s.Totals.Metered
	udp(r.t, "10.1.0.2:4000", n, 100)
	await.Event(r.t, 5*time.Second, "capture goes on", func() bool {
		s, err = ReadStatus(r.t.Context(), r.c.State)
		return err == nil && s.Totals.Metered >= before+uint64(n)
	})
	return s
}

func (r *running) spoolIs(degraded bool) {
	r.t.Helper()
	await.Event(r.t, 15*time.Second, "the spool notices", func() bool {
		s, err := ReadStatus(r.t.Context(), r.c.State)
		return err == nil && (s.Spool.Degraded != "") == degraded && len(s.Interfaces) > 0
	})
}

// immutable makes a folder and what is in it read-only for everybody, root too, also where files are open (chattr(1), +i).
func immutable(t *testing.T, dir string, on bool) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, dir) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS) // ext4 keeps others there that may not be cleared
		if flags &^= unix.STATX_ATTR_IMMUTABLE; on {                      // the same bit as FS_IMMUTABLE_FL
			flags |= unix.STATX_ATTR_IMMUTABLE
		}
		if err == nil {
			err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
		}
		f.Close()
		if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s: %v", dir, err)
			}
			t.Skipf("the file system of %s has no immutable files", dir)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Fault 8: a spool folder that becomes read-only: capture goes on, records wait in memory, and status says so; when it can be
// written again they are all there. (A file system with open files is not remounted by hand: it turns read-only by itself, after an
// error. Files that may not be changed refuse what it would.)
func TestSpoolReadOnly(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	r := start(t, func(c *Config) { c.MARInterval, c.StatusInterval = 200*time.Millisecond, time.Second })
	r.meters(5*time.Second, "lo", "va")
	r.metersOn(5)
	dir := filepath.Join(r.c.State, spoolDir)
	immutable(t, dir, true)
	t.Cleanup(func() { immutable(t, dir, false) })
	r.spoolIs(true)
	r.metersOn(7)
	immutable(t, dir, false)
	r.spoolIs(false)
	s := r.metersOn(9)
	await.Event(t, 5*time.Second, "two more status records", func() bool {
		now, err := ReadStatus(t.Context(), r.c.State)
		return err == nil && now.Totals.Reports >= s.Totals.Reports+6
	})
	if s.Totals.Discarded != 0 || s.Totals.Lost != 0 {
		t.Errorf("records were lost: %+v", s.Totals)
	}
	r.end()
	got, kinds := r.left()
	sum := uint64(0)
	for _, k := range got {
		sum += k
	}
	if sum != 5+7+9 {
		t.Errorf("%d datagrams in the records: %v", sum, got)
	}
	if !slices.Equal(kinds, []string{"spool-degraded", "spool-recovered"}) {
		t.Errorf("events %v", kinds)
	}
}

// Fault 8: a state folder that is deleted is made anew, with its lock and its socket; nothing that was in the spool is lost but what
// was deleted with it, which is counted.
func TestStateFolderDeleted(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	r := start(t, func(c *Config) { c.MARInterval, c.StatusInterval = 200*time.Millisecond, time.Second })
	r.meters(5*time.Second, "lo", "va")
	r.metersOn(5)
	if err := os.RemoveAll(r.c.State); err != nil {
		t.Fatal(err)
	}
	await.Event(t, 15*time.Second, "the agent answers in a new folder", func() bool {
		_, err := ReadStatus(t.Context(), r.c.State)
		return err == nil
	})
	await.Event(t, 15*time.Second, "the spool has a file again", func() bool {
		files, err := filepath.Glob(filepath.Join(r.c.State, spoolDir, "*.seg"))
		return err == nil && len(files) > 0
	})
	r.spoolIs(false)
	r.metersOn(7)
	if i, err := os.Stat(r.c.State); err != nil || i.Mode().Perm() != statePerm {
		t.Errorf("the new folder: %v %v", i, err)
	}
	if _, err := os.Stat(filepath.Join(r.c.State, lockFile)); err != nil {
		t.Error(err)
	}
	if err := New(r.c, "test", zap.NewNop()).Run(t.Context()); exitCode(err) != 3 {
		t.Errorf("a second agent on the new folder: %v", err)
	}
	r.end()
	got, _ := r.left()
	seven := slices.ContainsFunc(got, func(n uint64) bool { return n == 7 })
	if !seven {
		t.Errorf("the flow after it is not in the new spool: %v", got)
	}
}

// left returns the datagrams to 10.1.0.2:4000 of each flow in the spool, and the kinds of the events.
func (r *running) left() (datagrams []uint64, kinds []string) {
	r.t.Helper()
	r.loose = true
	flows, _ := r.spooled()
	for key, s := range flows {
		if len(key) > 20 && key[len(key)-14:] == " 10.1.0.2:4000" {
			datagrams = append(datagrams, s.spkts)
		}
	}
	return datagrams, r.kinds()
}

// A state folder on a disk that is mounted read-only is refused with the reason and what helps, which is not to be root.
func TestReadOnlyStateFolderIsRefused(t *testing.T) {
	netns.NeedRoot(t)
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m,mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	old := filepath.Join(disk, "old")
	s, err := openState(old)
	if err != nil {
		t.Fatal(err)
	}
	s.close(true)
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{old, filepath.Join(disk, "new")} {
		_, err := openState(dir)
		if err == nil || !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), dir) ||
			!strings.Contains(err.Error(), "mount it read-write") || strings.Contains(err.Error(), "as root") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// A start that is refused is no run that was cut off: the next one does not say so, unless it was so before.
func TestRefusedStartIsNoCrash(t *testing.T) {
	c := DefaultConfig()
	c.State = filepath.Join(t.TempDir(), "state")
	unclean := func() bool {
		_, err := os.Stat(filepath.Join(c.State, runningFile))
		return err == nil
	}
	c.CA = "no fingerprint"
	if err := New(c, "test", zap.NewNop()).Run(t.Context()); err == nil || unclean() {
		t.Errorf("%v, left as one that was killed: %v", err, unclean())
	}
	if err := os.WriteFile(filepath.Join(c.State, runningFile), nil, 0o600); err != nil { // it was killed before
		t.Fatal(err)
	}
	if err := New(c, "test", zap.NewNop()).Run(t.Context()); err == nil || !unclean() {
		t.Errorf("%v: the kill before is forgotten", err)
	}
}

// Fault 7: an agent starts on a disk that others have filled, and meters: what was in its spool makes room.
func TestStartOnAFullDisk(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	disk := stateDir(t) // short: it holds a unix socket
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=128k,mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	state := filepath.Join(disk, "s")
	start(t, func(c *Config) { c.State = state }).end()
	if err := os.WriteFile(filepath.Join(disk, "others"), make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	r := start(t, func(c *Config) { c.State = state })
	r.meters(5*time.Second, "lo", "va")
	if s := r.metersOn(5); s.Spool.Degraded == "" && s.Spool.Dropped == 0 || s.Totals.Lost != 0 {
		t.Errorf("spool %+v, totals %+v", s.Spool, s.Totals)
	}
}

// Fault 8: an agent whose spool cannot be written from the start says so at once, and not with its first report.
func TestStartWithASpoolThatCannotBeWritten(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	state := stateDir(t)
	dir := filepath.Join(state, spoolDir)
	if err := os.Mkdir(dir, privatePerm); err != nil {
		t.Fatal(err)
	}
	immutable(t, dir, true)
	t.Cleanup(func() { immutable(t, dir, false) })
	r := start(t, func(c *Config) { c.State = state })
	if s := r.meters(5*time.Second, "lo"); s.Spool.Degraded == "" || len(s.Events) != 1 || s.Events[0].Kind != "spool-degraded" {
		t.Errorf("spool %+v, events %+v", s.Spool, s.Events)
	}
}
