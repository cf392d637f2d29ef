//go:build linux

package wine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// cable is a pair of interfaces: what goes into one end comes out of the other, "va", where the program for Windows meters.
type cable struct {
	t  *testing.T
	fd int
	to *unix.SockaddrLinklayer
}

func newCable(t *testing.T) *cable {
	t.Helper()
	netns.IP(t, "link add va address 02:00:00:00:00:0a type veth peer name vb address 02:00:00:00:00:0b")
	for _, dev := range []string{"va", "vb"} {
		netns.IP(t, "link set %s up", dev)
	}
	netns.IP(t, "addr add 10.9.0.1/24 dev va")
	in, err := net.InterfaceByName("vb")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &cable{t, fd, &unix.SockaddrLinklayer{Ifindex: in.Index}}
}

// send sends a datagram between two hosts that nobody is.
func (c *cable) send(from, to netip.AddrPort, payload int) {
	c.t.Helper()
	udp := make([]byte, 8+payload)
	binary.BigEndian.PutUint16(udp, from.Port())
	binary.BigEndian.PutUint16(udp[2:], to.Port())
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	frame := []byte{2, 0, 0, 0, 0xaa, 2, 2, 0, 0, 0, 0xaa, 1}
	if from.Addr().Is4() {
		frame = append(frame, 8, 0, 0x45, 0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(20+len(udp)))
		frame = append(frame, 0, 0, 0, 0, 64, 17, 0, 0)
	} else {
		frame = append(frame, 0x86, 0xdd, 0x60, 0, 0, 0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(udp)))
		frame = append(frame, 17, 64)
	}
	frame = append(append(frame, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	if err := unix.Sendto(c.fd, append(frame, udp...), 0, c.to); err != nil {
		c.t.Fatal(err)
	}
}

// sums are packets and octets of a flow each way.
type sums struct{ Spkts, Dpkts, Sbytes, Dbytes uint64 }

// conversations sends one for each of 20 pairs of ends, the even ones of IPv4, and returns what the store must have of them.
func (c *cable) conversations(round byte) map[string]sums {
	want := map[string]sums{}
	for n := range 20 {
		a, b := netip.AddrFrom4([4]byte{192, 0, round, byte(n)}), netip.AddrFrom4([4]byte{198, 51, round, byte(n)})
		header := uint64(14 + 20 + 8)
		if n%2 == 1 {
			a, b = netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::a%d", round, n)), netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::b%d", round, n))
			header += 20
		}
		from, to := netip.AddrPortFrom(a, uint16(40000+n)), netip.AddrPortFrom(b, 5000)
		for range n + 1 {
			c.send(from, to, 100)
			c.send(to, from, 700) // longer than what is kept of a frame
			c.send(to, from, 30)
		}
		k := uint64(n + 1)
		want[from.String()+" "+to.String()] = sums{k, 2 * k, k * (header + 100), k * (2*header + 730)}
	}
	return want
}

// flows returns what the collector has of the hosts of conversations.
func (s *site) flows() map[string]sums {
	got := map[string]sums{}
	for _, f := range lines[struct {
		sums
		Proto, Saddr, Daddr string
		Sport, Dport        any
	}](s.tb, s.ask("flows", "--json")) {
		a, err := netip.ParseAddr(f.Saddr)
		if f.Proto != "udp" || err != nil || f.Dport != 5000.0 {
			continue
		}
		b, _ := netip.ParseAddr(f.Daddr)
		key := fmt.Sprintf("%s %s", netip.AddrPortFrom(a, uint16(f.Sport.(float64))), netip.AddrPortFrom(b, 5000))
		g := got[key]
		got[key] = sums{g.Spkts + f.Spkts, g.Dpkts + f.Dpkts, g.Sbytes + f.Sbytes, g.Dbytes + f.Dbytes}
	}
	return got
}

// await asks the collector until it has exactly the flows that are wanted.
func (s *site) await(want map[string]sums) {
	s.tb.Helper()
	var got map[string]sums
	deadline := time.After(30 * time.Second)
	for {
		if got = s.flows(); maps.Equal(got, want) {
			return
		}
		select {
		case <-deadline:
			for key, w := range want {
				if got[key] != w {
					s.tb.Errorf("%s: %+v, want %+v", key, got[key], w)
				}
			}
			s.tb.Fatalf("%d flows in the store, want %d", len(got), len(want))
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// npcap makes an installation of Npcap of the system's own wpcap.dll, which brings the frames of this system's interfaces.
func (p *Prefix) npcap() {
	p.tb.Helper()
	dir := p.Path(`C:\windows\system32\Npcap`)
	lib, err := os.ReadFile(p.Path(`C:\windows\system32\wpcap.dll`))
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "wpcap.dll"), lib, 0o755)
	}
	if err != nil {
		p.tb.Fatal(err)
	}
}

// console is argus-endpoint running in a console.
type console struct {
	p   *Prefix
	exe string
	log *os.File
}

const consoleState = `C:\state`

func (p *Prefix) console(exe string, args ...string) *console {
	p.tb.Helper()
	log, err := os.Create(filepath.Join(p.tb.TempDir(), "agent.log"))
	if err != nil {
		p.tb.Fatal(err)
	}
	p.Start(log, append([]string{exe, "run", "--state", consoleState, "--batch-interval", "1", "--flow-status-interval", "1"}, args...)...)
	p.tb.Cleanup(func() {
		if p.tb.Failed() {
			p.tb.Log(contents(log))
		}
		log.Close()
	})
	return &console{p, exe, log}
}

// status returns what the agent says of va.
func (c *console) status() (va agent.InterfaceStatus) {
	c.p.tb.Helper()
	r := c.p.Try(c.exe, "status", "--json", "--state", consoleState)
	if r.Code != 0 {
		return va
	}
	var s agent.Status
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		c.p.tb.Fatalf("%v: %s", err, r.Stdout)
	}
	for _, in := range s.Interfaces {
		if in.Name == "va" {
			return in
		}
	}
	return va
}

func (c *console) awaitMeter(metered bool) {
	c.p.tb.Helper()
	await.Event(c.p.tb, 30*time.Second, fmt.Sprint("va is metered: ", metered), func() bool { return c.status().Metered == metered })
}

// TestCapture: the program for Windows meters a cable by wpcap.dll, enrols with a token at a collector of this system, and every flow is
// in the store with the counts that were sent, also after the interface was down.
func TestCapture(t *testing.T) {
	_, exe := Endpoint(t, "1.2.3")
	if !netns.Inside(t) {
		return
	}
	cable := newCable(t)
	p := New(t)
	p.npcap()
	site := newSite(t)
	c := p.console(exe, "--token", site.token(), "--interface", "va")
	c.awaitMeter(true)
	if st := c.status(); st.Method != "npcap" || st.Kind != "ethernet" {
		t.Errorf("%+v", st)
	}
	want := cable.conversations(1)
	site.await(want)
	if hosts := site.hosts(); len(hosts) != 1 || hosts[0].State != "up" || hosts[0].Version != "1.2.3" {
		t.Errorf("%+v", hosts)
	}

	netns.IP(t, "link set va down")
	c.awaitMeter(false)
	netns.IP(t, "link set va up")
	c.awaitMeter(true)
	maps.Copy(want, cable.conversations(2))
	site.await(want)
	if st := c.status(); st.RingDropped != 0 || st.Unmetered != 0 {
		t.Errorf("%+v", st)
	}
	c.drops(cable)
	t.Logf("measured: %d flows of two rounds in the store, each as it was sent", len(want))
}

// drops sends more to a program that does not run than there is room for: what was dropped and what was taken are all that was sent.
func (c *console) drops(cable *cable) {
	t := cable.t
	const sent = 40_000
	before, end := c.status(), netip.MustParseAddrPort("203.0.113.1:40000")
	whileStopped(t, "argus-endpoint", func() {
		for range sent {
			cable.send(end, end, 400)
		}
	})
	var st agent.InterfaceStatus
	await.Event(t, 30*time.Second, "all frames are accounted for", func() bool {
		st = c.status()
		return st.Captured+st.RingDropped >= before.Captured+before.RingDropped+sent
	})
	if n := st.Captured + st.RingDropped - before.Captured - before.RingDropped; n > sent+100 || st.RingDropped == 0 || st.Captured == before.Captured {
		t.Errorf("%d captured, %d dropped, %d sent", st.Captured, st.RingDropped, sent)
	}
	t.Logf("measured: %d frames sent to a stopped process: %d captured, %d dropped", sent, st.Captured-before.Captured, st.RingDropped)
}

// whileStopped stops the programs of this namespace whose command line has a word, and lets them go on after f.
func whileStopped(t *testing.T, word string, f func()) {
	t.Helper()
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range folders {
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if there, err := os.Readlink(filepath.Join(dir, "ns/net")); err == nil && there == here && bytes.Contains(line, []byte(word)) {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatal("no such program: ", word)
	}
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGSTOP)
		defer unix.Kill(pid, unix.SIGCONT)
	}
	f()
}

// TestCaptureRefused: Wine has neither Npcap, nor the driver of Windows' own capture, nor raw sockets. The error says of each why, and what
// to do; a library that others than administrators can change is not loaded.
func TestCaptureRefused(t *testing.T) {
	_, exe := Endpoint(t, "1.2.3")
	if !netns.Inside(t) {
		return
	}
	newCable(t)
	p := New(t)
	refused := func(says ...string) {
		t.Helper()
		r := p.Try(exe, "run", "--state", consoleState, "--interface", "va")
		for _, s := range says {
			if r.Code == 0 || !strings.Contains(r.Stderr, s) {
				t.Errorf("exit code %d, without %q: %s", r.Code, s, r.Stderr)
			}
		}
	}
	const others = "; ndis-etw: start the driver ndiscap: this Windows has no driver ndiscap"
	refused("npcap: it is not installed (https://npcap.com)", others, "; rcvall: raw socket for 10.9.0.1: winapi error #10043")

	p.npcap()
	for _, name := range []string{"", "wpcap.dll"} {
		path := filepath.Join(p.Path(`C:\windows\system32\Npcap`), name)
		for _, mode := range []os.FileMode{0o777, 0o755} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if mode == 0o777 {
				refused("S-1-1-0 may write to it", others)
			}
		}
	}
}

// TestCaptureUnit runs the tests of the package there: structures, callbacks, adapters, and all that has no system below it.
func TestCaptureUnit(t *testing.T) {
	unit := tests(t, "capture")
	if !netns.Inside(t) {
		return
	}
	newCable(t)
	p := New(t)
	p.npcap()
	out := p.Run(unit, "-test.v", "-test.run", "Trace|NpcapStops|Adapters|OneCaptor|DriverIsBound|Queue|NDIS|Pcap(Feed|Fails|Header)|Raw|FirstWay")
	for _, name := range []string{"TestTraceStructures", "TestTraceCallbacks", "TestNpcapStops", "TestAdapters", "TestOneCaptor", "TestDriverIsBound", "TestNDISSession", "TestQueueWaits"} {
		if !strings.Contains(out, "--- PASS: "+name) {
			t.Errorf("%s did not pass: %s", name, out)
		}
	}
}
