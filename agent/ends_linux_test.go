package agent

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// inside calls f in the peer's namespace: the sockets that f makes, in its own goroutine, are the peer's.
func (p peer) inside(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	enter := func(ns *os.File) {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Fatal(err)
		}
	}
	namespace := func(name string) *os.File {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	home, away := namespace("/proc/thread-self/ns/net"), namespace("/proc/"+p.pid+"/ns/net")
	defer home.Close()
	defer away.Close()
	enter(away)
	defer enter(home)
	f()
}

// connect makes a connection to a new server at host, on an ephemeral port; at and from make the sockets of its ends.
func connect(t *testing.T, host string, at, from func(func())) (client, server net.Conn) {
	t.Helper()
	var l net.Listener
	var err error
	at(func() { l, err = net.Listen("tcp", net.JoinHostPort(host, "0")) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	from(func() { client, err = net.DialTimeout("tcp", l.Addr().String(), 5*time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// Connections that are older than the agent, between ports that tell nothing, have their client as source: the one that
// runs here and the one that runs elsewhere, whoever speaks first.
func TestClientOfAnOldConnection(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	here := func(f func()) { f() }
	there := func(f func()) { p.inside(t, f) }
	type old struct {
		name           string
		client, server net.Conn
	}
	var all []old
	add := func(link, host string, at, from func(func())) {
		for range 2 { // the client speaks first, then the server
			c, s := connect(t, host, at, from)
			all = append(all, old{fmt.Sprintf("%s 6 %s %s", link, plain(c), plain(s)), c, s})
		}
	}
	add("lo", "127.0.0.1", here, here)
	add("va", "10.1.0.1", here, there)
	add("va", "10.1.0.2", there, here)
	add("va", "fd00:1::1", here, there)
	add("va", "fd00:1::2", there, here)

	r := start(t, nil)
	r.meters(5*time.Second, "lo", "va")
	for i, o := range all {
		ends := []net.Conn{o.client, o.server}
		say(t, ends[i%2], ends[1-i%2])
		say(t, ends[1-i%2], ends[i%2])
	}
	r.end()
	got, _ := r.spooled()
	for _, o := range all {
		if s := got[o.name]; s.spkts == 0 || s.dpkts == 0 {
			t.Errorf("%s: %+v in %v", o.name, s, got)
		}
	}
}

// plain returns the local end of c as flowName writes it.
func plain(c net.Conn) string {
	a := c.LocalAddr().(*net.TCPAddr).AddrPort()
	return fmt.Sprintf("%s:%d", a.Addr().Unmap(), a.Port())
}

func say(t *testing.T, from, to net.Conn) {
	t.Helper()
	if _, err := from.Write(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
}

// Which ports the host listens on is looked at anew with each status record, also when nothing else changes.
func TestNewListenerIsKnown(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	newPeer(t).link(t, "va", 1)
	r := start(t, func(c *Config) { c.MARInterval = 200 * time.Millisecond })
	r.meters(5*time.Second, "lo", "va")
	stream, err := OpenFlows(t.Context(), r.c.State)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	records := argus.NewReader(stream)
	status := func(n int) {
		for n > 0 {
			rec, err := records.Next()
			if err != nil {
				t.Fatal(err)
			}
			if rec.Kind == argus.KindManagement && rec.Cause == flow.CauseStatus {
				n--
			}
		}
	}
	status(5) // what the new interface brought about is over
	l, err := net.Listen("tcp", "10.1.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	status(2) // the first one may have been on its way
	segment(t, "va", port, 60999)
	r.end()
	got, _ := r.spooled()
	if s := got[fmt.Sprintf("va 6 10.1.0.2:60999 10.1.0.1:%d", port)]; s.dpkts != 1 {
		t.Errorf("the source of a connection to a new listener: %v", got)
	}
}

// segment sends data from port from of 10.1.0.1 to port to of 10.1.0.2, in a frame that nobody takes.
func segment(t *testing.T, dev string, from, to uint16) {
	t.Helper()
	inject(t, dev, tcpFrame(t, from, to))
}

// tcpFrame is a frame with a segment that has data.
func tcpFrame(t *testing.T, from, to uint16) []byte {
	t.Helper()
	eth := layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ip := layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IP{10, 1, 0, 1}, DstIP: net.IP{10, 1, 0, 2}}
	tcp := layers.TCP{SrcPort: layers.TCPPort(from), DstPort: layers.TCPPort(to), ACK: true, PSH: true, Seq: 1000, Ack: 2000, Window: 1000}
	b := gopacket.NewSerializeBuffer()
	if err := tcp.SetNetworkLayerForChecksum(&ip); err != nil {
		t.Fatal(err)
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, options, &eth, &ip, &tcp, gopacket.Payload("hello")); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// inject sends a frame out of an interface as it is.
func inject(t *testing.T, dev string, frame []byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	in, err := net.InterfaceByName(dev)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: in.Index}); err != nil {
		t.Fatal(err)
	}
}
