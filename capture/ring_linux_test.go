package capture

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/flow"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

func openRing(tb testing.TB, i *net.Interface) Source {
	tb.Helper()
	s, err := Open(i.Name, i.Index, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// drain decodes what comes until nothing has for half a second.
func drain(tb testing.TB, s Source, each func(f *Frame, p *flow.Packet, data []byte)) {
	tb.Helper()
	var d Decoder
	var f Frame
	var p flow.Packet
	for {
		data, err := s.Next(&f, 500*time.Millisecond)
		if errors.Is(err, ErrTimeout) {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		d.Decode(data, &f, &p)
		each(&f, &p, data)
	}
}

func TestRingCounts(t *testing.T) {
	inNamespace(t)
	a, b := veth(t)
	in, out := openRing(t, b), openRing(t, a)
	tx := newSender(t, a)
	const n = 700 // fit in the small ring, at the full snap length
	frame := ethernet(etherIPv4, ipv4(flow.ProtoUDP, udp(1000, 53, make([]byte, 900))))
	before := time.Now()
	for range n {
		tx.send(t, frame)
	}
	received, sent := 0, 0
	drain(t, in, func(f *Frame, p *flow.Packet, data []byte) {
		if f.Outgoing || f.Length != len(frame) || len(data) != defaultSnapLen || f.CaptureLength != len(data) {
			t.Fatalf("outgoing %v, %d octets, %d captured, %d lent", f.Outgoing, f.Length, f.CaptureLength, len(data))
		}
		if f.InterfaceIndex != b.Index || f.Timestamp.Before(before.Add(-time.Second)) || f.Timestamp.After(time.Now().Add(time.Second)) {
			t.Fatalf("interface %d, time %v", f.InterfaceIndex, f.Timestamp)
		}
		if p.PayloadLen != 900 || p.SrcPort != 1000 || p.DstPort != 53 {
			t.Fatalf("decoded %+v", p)
		}
		received++
	})
	drain(t, out, func(f *Frame, p *flow.Packet, data []byte) {
		if !f.Outgoing {
			t.Fatal("a frame that was sent is not marked outgoing")
		}
		sent++
	})
	if received != n || sent != n {
		t.Errorf("%d frames in and %d out, want %d", received, sent, n)
	}
	if s, err := in.Stats(); err != nil || s != (Stats{Received: n, Method: "ring"}) {
		t.Errorf("stats %+v, %v", s, err)
	}
}

// TestRingOverrun fills a ring that nobody reads: what was not delivered must have been counted, over several reads.
func TestRingOverrun(t *testing.T) {
	inNamespace(t)
	a, b := veth(t)
	s, err := Open(b.Name, b.Index, Options{Ring: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tx := newSender(t, a)
	const n = 4000
	frame := ethernet(etherIPv4, ipv4(flow.ProtoUDP, udp(1, 2, make([]byte, 900))))
	for i := range n {
		tx.send(t, frame)
		if i%1000 == 0 {
			if _, err := s.Stats(); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := 0
	drain(t, s, func(*Frame, *flow.Packet, []byte) { got++ })
	st, err := s.Stats()
	if err != nil || st.Dropped == 0 || st.Received != uint64(got) || st.Received+st.Dropped != n {
		t.Errorf("%d sent, %d lent, stats %+v, %v", n, got, st, err)
	}
}

func TestRingVLAN(t *testing.T) {
	inNamespace(t)
	a, b := veth(t)
	s := openRing(t, b)
	tx := newSender(t, a)
	inner := ipv4(flow.ProtoUDP, udp(5, 6, make([]byte, 100)))
	one := ethernet(etherVLAN, vlan(0x2064, etherIPv4), inner)
	two := ethernet(etherQinQ, vlan(10, etherVLAN), vlan(20, etherIPv4), inner)
	tx.send(t, one)
	tx.send(t, two)
	var tci []uint16
	var tpid []uint16
	var lengths []uint32
	drain(t, s, func(f *Frame, p *flow.Packet, data []byte) {
		if !f.HasVLAN || p.Has&flow.HasVLAN == 0 || p.SrcPort != 5 {
			t.Errorf("frame %+v, packet %+v", f, p)
		}
		tci, tpid, lengths = append(tci, p.VLAN), append(tpid, f.VLANTPID), append(lengths, p.FrameLen)
	})
	if len(tci) != 2 || tci[0] != 0x2064 || tci[1] != 20 {
		t.Errorf("tags %x, want 2064 and, the innermost, 14", tci)
	}
	if len(tpid) != 2 || tpid[0] != etherVLAN || tpid[1] != etherQinQ {
		t.Errorf("tag types %x", tpid)
	}
	if len(lengths) != 2 || int(lengths[0]) != len(one) || int(lengths[1]) != len(two) {
		t.Errorf("lengths %d, want %d and %d", lengths, len(one), len(two))
	}
}

func TestRingLoopbackOnce(t *testing.T) {
	inNamespace(t)
	netns.IP(t, "link set lo up")
	s := openRing(t, device(t, "lo"))
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 10 {
		if _, err := c.WriteTo([]byte("hello"), c.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	drain(t, s, func(f *Frame, p *flow.Packet, data []byte) {
		if p.Proto == flow.ProtoUDP && p.PayloadLen == 5 {
			n++
		}
	})
	if n != 10 {
		t.Errorf("10 datagrams over loopback were seen %d times", n)
	}
}

func TestRingTun(t *testing.T) {
	inNamespace(t)
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("no tun devices here: %v", err)
	}
	netns.IP(t, "tuntap add dev t0 mode tun")
	netns.IP(t, "addr add 10.9.0.1/24 dev t0")
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ifr, _ := unix.NewIfreq("t0")
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		t.Fatal(err)
	}
	netns.IP(t, "link set t0 up")
	s := openRing(t, device(t, "t0"))
	if _, err := unix.Write(fd, ipv4(flow.ProtoUDP, udp(7, 8, []byte("in")))); err != nil {
		t.Fatal(err)
	}
	n := 0
	drain(t, s, func(f *Frame, p *flow.Packet, data []byte) {
		if f.Link != LinkRaw {
			t.Errorf("link type %d", f.Link)
		}
		if p.Family == flow.FamilyIPv4 && p.SrcPort == 7 && p.Has&flow.HasMAC == 0 {
			n++
		}
	})
	if n != 1 {
		t.Errorf("seen %d times", n)
	}
}

// TestRingInterfaceGone removes an interface with frames still in the ring: they come first, then an error that says so.
func TestRingInterfaceGone(t *testing.T) {
	for _, how := range []string{"link del va", "link set vb down"} {
		t.Run(how, func(t *testing.T) {
			inNamespace(t)
			a, b := veth(t)
			s := openRing(t, b)
			newSender(t, a).send(t, ethernet(0x88b5, make([]byte, 50)))
			netns.IP(t, "%s", how)
			var f Frame
			frames := 0
			for start := time.Now(); ; {
				_, err := s.Next(&f, time.Second)
				if err == nil {
					frames++
				} else if !errors.Is(err, ErrTimeout) {
					if !errors.Is(err, ErrInterfaceDown) || !strings.Contains(err.Error(), "vb") {
						t.Errorf("error %v", err)
					}
					break
				}
				if time.Since(start) > 5*time.Second {
					t.Fatal("the removal went unnoticed")
				}
			}
			if frames != 1 {
				t.Errorf("%d frames before the error, want 1", frames)
			}
			if _, err := s.Next(&f, time.Millisecond); !errors.Is(err, ErrInterfaceDown) {
				t.Errorf("the error does not stay: %v", err)
			}
			if _, err := Open(b.Name, b.Index, Options{}); !errors.Is(err, ErrInterfaceDown) {
				t.Errorf("opened: %v", err)
			}
		})
	}
}

func TestRingTimeout(t *testing.T) {
	inNamespace(t)
	_, b := veth(t)
	s := openRing(t, b)
	var f Frame
	for _, wait := range []time.Duration{-1, 0, 50 * time.Millisecond} {
		start := time.Now()
		if _, err := s.Next(&f, wait); !errors.Is(err, ErrTimeout) {
			t.Fatalf("wait %v: %v", wait, err)
		}
		if d := time.Since(start); d < wait || d > wait+time.Second {
			t.Errorf("a wait of %v took %v", wait, d)
		}
	}
}

// TestRingClose closes from another goroutine while Next waits, and while a frame is lent.
// TestRingInterrupt ends a wait of a minute, whether it has begun or not, and only one.
func TestRingInterrupt(t *testing.T) {
	inNamespace(t)
	_, b := veth(t)
	s := openRing(t, b)
	var f Frame
	for range 100 {
		go s.Interrupt()
		if _, err := s.Next(&f, time.Minute); err != ErrTimeout {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if _, err := s.Next(&f, 50*time.Millisecond); err != ErrTimeout || time.Since(began) < 50*time.Millisecond {
		t.Errorf("the wait after an interrupted one took %v: %v", time.Since(began), err)
	}
}

func TestRingClose(t *testing.T) {
	inNamespace(t)
	a, b := veth(t)
	s := openRing(t, b)
	newSender(t, a).send(t, ethernet(0x88b5, make([]byte, 50)))
	var f Frame
	data, err := s.Next(&f, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	go func() { s.Close() }()
	sum := byte(0)
	for {
		for _, c := range data { // must not fault once the ring is gone
			sum += c
		}
		if data, err = s.Next(&f, time.Minute); err != nil {
			break
		}
	}
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if st, err := s.Stats(); err != nil || st.Received != 1 {
		t.Errorf("stats after Close: %+v, %v", st, err)
	}
}

// TestRingCloseGivesBack opens and closes many times the memory that could be locked at once.
func TestRingCloseGivesBack(t *testing.T) {
	inNamespace(t)
	_, b := veth(t)
	fds := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(e)
	}
	before := fds()
	for range 50 {
		s, err := Open(b.Name, b.Index, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	if after := fds(); after > before+2 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil && strings.Contains(string(maps), "socket:") {
		t.Error("a ring is still mapped")
	}
}

func TestOpenUnprivileged(t *testing.T) {
	inNamespace(t)
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&hdr, &none[0]); err != nil { // this thread only, which ends with the test
		t.Fatal(err)
	}
	_, err := Open("eth0", 1, Options{})
	if !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
		t.Errorf("error %v", err)
	}
}

func TestOpenMissing(t *testing.T) {
	inNamespace(t)
	for _, index := range []int{0, -1, 9999} {
		if _, err := Open("gone0", index, Options{}); !errors.Is(err, ErrInterfaceDown) || !strings.Contains(err.Error(), "gone0") {
			t.Errorf("index %d: %v", index, err)
		}
	}
}
