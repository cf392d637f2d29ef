package capture

import (
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/flow"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

func TestKernelAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"6.2.0": true, "6.18.44-x": true, "10.0": true, "6.1.0-18-amd64": false, "5.99": false, "": false, "linux": false,
	} {
		if kernelAtLeast(release, 6, 2) != want {
			t.Errorf("%q: not %v", release, want)
		}
	}
}

// peerNamespace moves device vb to a second network namespace and gives both ends an address: 10.7.0.1 on va, 10.7.0.2 on
// vb. What is given to the function that it returns runs over there.
func peerNamespace(t *testing.T) (there func(func())) {
	t.Helper()
	jobs, tid := make(chan func()), make(chan int)
	go func() {
		runtime.LockOSThread() // never unlocked: thread and namespace end with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
		}
		tid <- unix.Gettid()
		for job := range jobs {
			job()
		}
	}()
	t.Cleanup(func() { close(jobs) })
	there = func(f func()) {
		done := make(chan struct{})
		jobs <- func() { defer close(done); f() }
		if <-done; t.Failed() {
			t.FailNow()
		}
	}
	netns.IP(t, "link set vb netns %d", <-tid)
	netns.IP(t, "addr add 10.7.0.1/24 dev va")
	there(func() {
		netns.IP(t, "addr add 10.7.0.2/24 dev vb")
		netns.IP(t, "link set vb up")
	})
	return there
}

// kernelCounter reads a counter of this thread's network namespace.
func kernelCounter(t *testing.T, proto, name string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		switch {
		case words[0] != proto+":":
		case names == nil:
			names = words
		default:
			for i, n := range names {
				if n == name {
					v, _ := strconv.Atoi(words[i])
					return v
				}
			}
		}
	}
	t.Fatalf("no counter %s %s", proto, name)
	return 0
}

// needSegmentSizes skips on kernels whose rings do not tell them.
func needSegmentSizes(t *testing.T, s Source) {
	t.Helper()
	if !s.(*ring).from.vnet {
		t.Skip("this kernel does not tell the size of segments")
	}
}

// TestRingTCPSegments sends a megabyte through segmentation offload: the ring sees super-frames, and the packets that
// they stand for are as many as the kernels at both ends say that they sent.
func TestRingTCPSegments(t *testing.T) {
	inNamespace(t)
	a, _ := veth(t)
	s := openRing(t, a)
	needSegmentSizes(t, s)
	there := peerNamespace(t)
	const size = 1 << 20
	var l net.Listener
	got := make(chan int64)
	there(func() {
		var err error
		if l, err = net.Listen("tcp4", "10.7.0.2:7000"); err != nil {
			t.Error(err)
		}
	})
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			got <- 0
			return
		}
		n, _ := io.Copy(io.Discard, c)
		c.Close()
		got <- n
	}()
	c, err := net.Dial("tcp4", "10.7.0.2:7000")
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{}) // the ring is read meanwhile: a small one is full after 0.4 s, with however little
	go func() {
		defer close(sent)
		if _, err := c.Write(make([]byte, size)); err != nil {
			t.Error(err)
		}
		c.Close()
		if n := <-got; n != size {
			t.Errorf("%d octets arrived", n)
		}
		l.Close()
	}()
	var packets, answers, frames, super int
	count := func(f *Frame, p *flow.Packet, data []byte) {
		switch {
		case !p.IsTCP():
			return
		case p.SrcPort == 7000:
			answers += int(p.Segments)
			return
		}
		frames++
		packets += int(p.Segments)
		if p.Segments > 1 {
			super++
			if p.Has&flow.HasSegments == 0 || f.GSOSize == 0 || f.Length < 1515 {
				t.Errorf("%d segments of %d octets each in %d octets, has %#x", p.Segments, f.GSOSize, f.Length, p.Has)
			}
		}
	}
	for under := true; under; {
		select {
		case <-sent:
			under = false
		default:
		}
		drain(t, s, count)
	}
	if t.Failed() {
		return
	}
	segments := func() int { return kernelCounter(t, "Tcp", "OutSegs") + kernelCounter(t, "Tcp", "RetransSegs") } // the first are without the second
	outgoing, answered := segments(), 0
	there(func() { answered = segments() })
	if packets != outgoing || answers != answered || super == 0 {
		st, err := s.Stats()
		t.Errorf("%d packets in %d frames, %d of them super-frames, %d packets back; the kernels sent %d and %d; %+v, %v",
			packets, frames, super, answers, outgoing, answered, st, err)
	}
	t.Logf("measured: %d frames stand for %d packets, the kernel sent %d", frames, packets, outgoing)
}

// TestRingUDPSegments sends datagrams with the UDP_SEGMENT option, which kernels before 6.2 could not describe.
func TestRingUDPSegments(t *testing.T) {
	inNamespace(t)
	a, _ := veth(t)
	s := openRing(t, a)
	needSegmentSizes(t, s)
	there := peerNamespace(t)
	var sink net.PacketConn
	there(func() {
		var err error
		if sink, err = net.ListenPacket("udp4", "10.7.0.2:7001"); err != nil {
			t.Error(err)
		}
	})
	defer sink.Close()
	c, err := net.Dial("udp4", "10.7.0.2:7001")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 1000) })
	if err != nil {
		t.Skipf("no UDP_SEGMENT here: %v", err)
	}
	const writes = 5
	for range writes {
		if _, err := c.Write(make([]byte, 9500)); err != nil {
			t.Fatal(err)
		}
	}
	received := 0 // before the ring is looked at: the neighbour is found, and the carrier noticed, in their own time
	sink.SetReadDeadline(time.Now().Add(5 * time.Second))
	for buf := make([]byte, 2000); received < 10*writes; received++ {
		if _, _, err := sink.ReadFrom(buf); err != nil {
			break
		}
	}
	packets, frames := 0, 0
	drain(t, s, func(f *Frame, p *flow.Packet, data []byte) {
		if p.Proto == flow.ProtoUDP && p.DstPort == 7001 {
			frames++
			packets += int(p.Segments)
		}
	})
	if frames != writes || packets != 10*writes || received != packets {
		t.Errorf("%d frames, %d packets, %d datagrams received; want %d, %d, %d", frames, packets, received, writes, 10*writes, 10*writes)
	}
}
