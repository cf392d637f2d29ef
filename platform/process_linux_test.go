package platform

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The process of a listener is found, with what tells it from others; that of a socket that is nobody's is not.
func TestOwners(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := netip.MustParseAddrPort(l.Addr().String())
	listening, err := Listening()
	if err != nil {
		t.Fatal(err)
	}
	var mine Listener
	for _, s := range listening.Sockets() {
		if s.Addr == at {
			mine = s
		}
	}
	if mine.Inode == 0 || mine.UID != uint32(os.Getuid()) {
		t.Fatalf("%+v of %+v", mine, listening.Sockets())
	}
	owners, err := Owners([]Listener{mine, {Inode: 1<<63 + 1}})
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := owners[mine.Inode]
	if len(owners) != 1 || p.PID != os.Getpid() || p.Program != program || p.Name == "" || len(p.Name) > 15 {
		t.Errorf("%+v", owners)
	}
	if age := time.Since(p.Started); age < 0 || age > time.Hour {
		t.Errorf("started %s ago", age)
	}
}

// Of processes that share a listener the first one is told, and looking ends after so many open files.
func TestOwnersOfOneSocket(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	child := exec.Command("sleep", "600")
	child.ExtraFiles = []*os.File{f}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	var info unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &info); err != nil {
		t.Fatal(err)
	}
	owners, err := Owners([]Listener{{Inode: info.Ino}})
	if first := min(os.Getpid(), child.Process.Pid); err != nil || owners[info.Ino].PID != first {
		t.Errorf("%+v, %v, want %d", owners, err, first)
	}
	s := search{wanted: map[uint64]bool{info.Ino: true}, found: map[uint64]Process{}, files: maxFiles}
	if s.all([]int{os.Getpid()}); len(s.found) != 0 {
		t.Errorf("looked on behind %d files: %+v", maxFiles, s.found)
	}
}

func TestSocketInode(t *testing.T) {
	for link, want := range map[string]uint64{
		"socket:[12345]": 12345, "socket:[18446744073709551615]": 1<<64 - 1, "socket:[": 0, "socket:[]": 0, "socket:[1": 0, "socket:[x]": 0,
		"socket:[18446744073709551616]": 0, "pipe:[5]": 0, "/dev/null": 0, "": 0,
	} {
		if got, ok := socketInode([]byte(link)); ok != (want != 0) || ok && got != want {
			t.Errorf("%q: %d %v", link, got, ok)
		}
	}
}

func TestStartTicks(t *testing.T) {
	const fields = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 250 20 21"
	for stat, want := range map[string]time.Duration{
		"7 (sh)" + fields: 2500 * time.Millisecond, "7 (a) b (c)" + fields: 2500 * time.Millisecond, "7 (a) (b))" + fields: 2500 * time.Millisecond,
		"": -1, "7 (sh) S": -1, "7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 -5": -1, "7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99999999999999999999": -1,
	} {
		got, ok := startTicks([]byte(stat))
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %s %v", stat, got, ok)
		}
	}
}

// FuzzProc holds that nothing a process can put into its entries of /proc makes their readers fail or give times out of range.
func FuzzProc(f *testing.F) {
	f.Add([]byte("socket:[12345]"))
	f.Add([]byte("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 250 20 21"))
	f.Fuzz(func(t *testing.T, b []byte) {
		socketInode(b)
		if after, ok := startTicks(b); ok && after < 0 {
			t.Errorf("began %s after the boot", after)
		}
	})
}

// Of any number of listeners so many are kept, and all ports are known.
func TestManyListeners(t *testing.T) {
	var l Listeners
	for port := range uint16(10_000) {
		l.add(Listener{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), port)})
	}
	if _, listens := l.Local(netip.MustParseAddr("127.0.0.1"), 9_999); !listens || len(l.Sockets()) != maxSockets {
		t.Errorf("%d kept, the last port listens: %v", len(l.Sockets()), listens)
	}
}
