package platform

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxFiles    = 1 << 16 // open files that a search looks at
	maxProcs    = 1 << 16 // processes
	filesAtOnce = 256
)

// search looks for the owners of sockets (proc(5)): /proc/PID/fd has a link "socket:[INODE]" for each.
type search struct {
	wanted map[uint64]bool
	found  map[uint64]Process
	files  int // looked at
}

func owners(sockets []Listener) (map[uint64]Process, error) {
	s := search{wanted: make(map[uint64]bool, len(sockets)), found: make(map[uint64]Process, len(sockets))}
	for _, l := range sockets {
		s.wanted[l.Inode] = true
	}
	pids, err := processes()
	if err != nil {
		return nil, fmt.Errorf("owners of sockets: %w", err)
	}
	s.all(pids)
	return s.found, nil
}

func (s *search) all(pids []int) {
	for _, pid := range pids {
		if len(s.wanted) == 0 || s.files >= maxFiles {
			return
		}
		s.process(pid)
	}
}

// processes returns the PIDs of all processes, in order.
func processes() (pids []int, err error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxProcs)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// process looks at the open files of one process, which may end meanwhile or be another user's.
func (s *search) process(pid int) {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return
	}
	defer dir.Close()
	var link [64]byte // longer ones are no sockets
	var owner Process
	for {
		names, err := dir.Readdirnames(filesAtOnce)
		s.files += len(names)
		for _, name := range names {
			n, err := unix.Readlinkat(int(dir.Fd()), name, link[:])
			if err != nil {
				continue
			}
			inode, ok := socketInode(link[:n])
			if !ok || !s.wanted[inode] {
				continue
			}
			if owner.PID == 0 {
				owner = readProcess(pid)
			}
			s.found[inode] = owner
			delete(s.wanted, inode)
		}
		if err != nil || s.files >= maxFiles || len(s.wanted) == 0 {
			return
		}
	}
}

// socketInode reads "socket:[INODE]".
func socketInode(link []byte) (uint64, bool) {
	text, ok := bytes.CutPrefix(link, []byte("socket:["))
	if !ok || len(text) < 2 || text[len(text)-1] != ']' {
		return 0, false
	}
	inode, err := strconv.ParseUint(string(text[:len(text)-1]), 10, 64)
	return inode, err == nil
}

func readProcess(pid int) Process {
	p := Process{PID: pid}
	dir := "/proc/" + strconv.Itoa(pid)
	if name, err := os.ReadFile(dir + "/comm"); err == nil {
		p.Name = strings.TrimSuffix(string(name), "\n")
	}
	p.Program, _ = os.Readlink(dir + "/exe")
	if stat, err := os.ReadFile(dir + "/stat"); err == nil {
		if after, ok := startTicks(stat); ok {
			p.Started = bootTime().Add(after)
		}
	}
	return p
}

// startTicks reads how long after the boot a process began from /proc/PID/stat: its 22nd field, hundredths of a second. The second
// field, in parentheses, may hold anything.
func startTicks(stat []byte) (time.Duration, bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, false
	}
	ticks, err := strconv.ParseInt(string(fields[19]), 10, 64)
	return time.Duration(ticks) * (time.Second / 100), err == nil && ticks >= 0 && ticks < 1<<40
}

// bootTime is when the system was started, to a hundredth of a second, so that it comes out the same each time while the clock is not set.
func bootTime() time.Time {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(up.Nano())).Round(10 * time.Millisecond)
}
