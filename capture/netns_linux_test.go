package capture

import (
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// inNamespace moves the test's goroutine to a new network namespace, which ends with it.
func inNamespace(tb testing.TB) {
	tb.Helper()
	netns.NeedRoot(tb)
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Fatalf("no network namespaces here: %v", err)
	}
}

// veth makes a pair of interfaces without addresses, so that the kernel itself sends next to nothing.
func veth(tb testing.TB) (a, b *net.Interface) {
	tb.Helper()
	netns.IP(tb, "link add va type veth peer name vb")
	for _, name := range []string{"vb", "va"} { // the last one is ready to send at once, the other when its carrier is noticed
		os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0)
		netns.IP(tb, "link set %s up", name)
	}
	return device(tb, "va"), device(tb, "vb")
}

func device(tb testing.TB, name string) *net.Interface {
	tb.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

// sender sends frames out of an interface.
type sender struct {
	fd int
	to unix.SockaddrLinklayer
}

func newSender(tb testing.TB, i *net.Interface) *sender {
	tb.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	return &sender{fd: fd, to: unix.SockaddrLinklayer{Ifindex: i.Index}}
}

func (s *sender) send(tb testing.TB, frame []byte) {
	tb.Helper()
	if err := unix.Sendto(s.fd, frame, 0, &s.to); err != nil {
		tb.Fatal(err)
	}
}
