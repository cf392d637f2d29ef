package agent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// factWorld is a world of facts with a clock of its own.
type factWorld struct {
	*facts
	t      *testing.T
	clock  time.Time
	owners map[uint64]platform.Process
	failed error
	walks  int
	events []Event
}

func newFactWorld(t *testing.T) *factWorld {
	w := &factWorld{t: t, clock: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), owners: map[uint64]platform.Process{}}
	w.facts = newFacts(func(e Event) { w.events = append(w.events, e) })
	w.now = func() time.Time { return w.clock }
	w.walk = func([]platform.Listener) (map[uint64]platform.Process, error) {
		w.walks++
		return w.owners, w.failed
	}
	return w
}

// want looks a minute later, and compares what is told.
func (w *factWorld) want(sockets []platform.Listener, texts ...string) {
	w.t.Helper()
	w.clock = w.clock.Add(time.Minute)
	w.events = nil
	w.look(sockets, true)
	var got []string
	for _, e := range w.events {
		got = append(got, e.Kind+" "+e.Text)
		if !strings.HasPrefix(e.Text, e.Change+": ") || (e.Interface != nil) != (e.Kind == kindInterface) || (e.Process != nil) != (e.Kind == kindListener) {
			w.t.Errorf("%+v", e)
		}
	}
	if !slices.Equal(got, texts) {
		w.t.Errorf("told:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(texts, "\n"))
	}
}

func listener(at string, uid uint32, inode uint64) platform.Listener {
	return platform.Listener{Addr: netip.MustParseAddrPort(at), UID: uid, Inode: inode}
}

func TestFactsOfInterfaces(t *testing.T) {
	w := newFactWorld(t)
	lo := platform.Interface{Index: 1, Name: "lo", Kind: "loopback", MTU: 65536, Up: true, Running: true, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}}
	eth := platform.Interface{Index: 2, Name: "enp0s31f6", Kind: "ethernet", MTU: 1500, MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 1}, Up: true, Master: 3}
	br := platform.Interface{Index: 3, Name: "br0", Kind: "bridge", MTU: 1500}
	w.network([]platform.Interface{lo, eth, br}, map[int]string{1: "lo"})
	w.want(nil, "interface present: lo (loopback), mtu 65536, up, 127.0.0.1/8",
		"interface present: enp0s31f6 (ethernet), 52:54:00:00:00:01, mtu 1500, up, no carrier", "interface present: br0 (bridge), mtu 1500, down")
	if v := w.events[1].Interface; v.Master != "br0" || v.MAC != "52:54:00:00:00:01" || w.events[0].Interface.Short != "lo" {
		t.Errorf("%+v %+v", w.events[0].Interface, v)
	}
	w.want(nil)
	eth.Running, eth.Addrs = true, []netip.Prefix{netip.MustParsePrefix("fd00::1/64"), netip.MustParsePrefix("10.0.0.5/24")}
	tun := platform.Interface{Index: 9, Name: "tun0", Kind: "tun", MTU: 1400, Up: true, Running: true}
	w.network([]platform.Interface{lo, eth, tun}, nil)
	w.want(nil, "interface changed: lo (loopback), mtu 65536, up, 127.0.0.1/8", // it is metered no more
		"interface changed: enp0s31f6 (ethernet), 52:54:00:00:00:01, mtu 1500, up, 10.0.0.5/24, fd00::1/64",
		"interface appeared: tun0 (tun), mtu 1400, up", "interface gone: br0 (bridge), mtu 1500, down")
	eth.Addrs[0], eth.Addrs[1] = eth.Addrs[1], eth.Addrs[0] // the system has no order
	w.network([]platform.Interface{lo, eth, tun}, nil)
	w.want(nil)
	eth.Name = "lan"
	w.network([]platform.Interface{lo, eth, tun}, nil)
	w.want(nil, "interface appeared: lan (ethernet), 52:54:00:00:00:01, mtu 1500, up, 10.0.0.5/24, fd00::1/64",
		"interface gone: enp0s31f6 (ethernet), 52:54:00:00:00:01, mtu 1500, up, 10.0.0.5/24, fd00::1/64")
	w.network([]platform.Interface{lo}, nil)
	w.clock = w.clock.Add(factsAgain)
	w.want(nil, "interface present: lo (loopback), mtu 65536, up, 127.0.0.1/8")
}

func TestFactsOfListeners(t *testing.T) {
	w := newFactWorld(t)
	ssh, web := listener("0.0.0.0:22", 0, 5), listener("[::1]:8080", 4242424, 7)
	w.owners[5] = platform.Process{PID: 812, Name: "sshd", Program: "/usr/sbin/sshd", Started: w.clock}
	w.want([]platform.Listener{ssh}, "listener present: sshd (pid 812, root) listens on 0.0.0.0:22")
	if p := w.events[0].Process; p.Program != "/usr/sbin/sshd" || !p.Started.Equal(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)) || p.User != "root" {
		t.Errorf("%+v", p)
	}
	for range 3 {
		w.want([]platform.Listener{ssh})
	}
	if w.walks != 1 || w.why() != "" {
		t.Errorf("%d walks while nothing changed; %q", w.walks, w.why())
	}
	w.want([]platform.Listener{ssh, web}, "listener appeared: a process of 4242424 listens on [::1]:8080")
	if why := w.why(); !strings.Contains(why, "1 of 2 listening sockets") {
		t.Error(why)
	}
	six := listener("[::]:22", 0, 6)
	again := listener("0.0.0.0:22", 0, 9) // SO_REUSEPORT
	w.owners[6], w.owners[9] = w.owners[5], w.owners[5]
	moved := w.owners[5]
	moved.Started = moved.Started.Add(10 * time.Millisecond) // the clock is not that exact
	w.want([]platform.Listener{ssh, again, six}, "listener changed: sshd (pid 812, root) listens on 0.0.0.0:22, [::]:22",
		"listener gone: a process of 4242424 listens on [::1]:8080")
	w.owners[5], w.owners[6] = moved, moved
	w.want([]platform.Listener{ssh, six}) // one of two sockets of an address is gone
	w.want(nil)                           // who listens could not be asked: what was known stays
	w.want([]platform.Listener{}, "listener gone: sshd (pid 812, root) listens on 0.0.0.0:22, [::]:22")
	w.failed = errors.New("no /proc today")
	w.want([]platform.Listener{ssh}) // and another try
	if why := w.why(); why != "no /proc today" {
		t.Error(why)
	}
	w.failed = fmt.Errorf("no: %w", errors.ErrUnsupported)
	w.owners = nil
	w.want([]platform.Listener{ssh}, "listener appeared: a process of root listens on 0.0.0.0:22")
	if why := w.why(); !strings.Contains(why, "no: ") {
		t.Error(why)
	}
}

// Looking for processes costs: who listens on another port all the time does not make it cost more than its share.
func TestFactsWalkSeldom(t *testing.T) {
	w := newFactWorld(t)
	w.walk = func([]platform.Listener) (map[uint64]platform.Process, error) {
		w.walks++
		for began := time.Now(); time.Since(began) < 3*time.Millisecond; {
		}
		return nil, nil
	}
	const steps = 300
	for i := range steps {
		w.clock = w.clock.Add(time.Second / 10)
		w.look([]platform.Listener{listener("0.0.0.0:22", 0, uint64(i))}, false)
	}
	if most := steps / 10 / 3; w.walks > most+1 || w.walks < 1 {
		t.Errorf("%d walks of 3 ms in %d s, want at most one in 3 s", w.walks, steps/10)
	}
}

// However many facts there are, few are told at once, and each of them in the end, once.
func TestFactsAreBounded(t *testing.T) {
	w := newFactWorld(t)
	var list []platform.Interface
	for i := range 3*factBurst + 7 {
		list = append(list, platform.Interface{Index: i + 1, Name: fmt.Sprintf("veth%d", i), Kind: "veth"})
	}
	w.network(list, nil)
	w.look(nil, false)
	w.look(nil, false) // the network changed again
	if len(w.events) != factBurst {
		t.Fatalf("%d told at once", len(w.events))
	}
	seen := map[string]int{}
	for range 4 {
		for _, e := range w.events {
			seen[e.Interface.Name]++
			if e.Change != factPresent {
				t.Fatalf("%+v", e)
			}
		}
		w.events = nil
		w.look(nil, true)
		if len(w.events) > factBurst {
			t.Fatalf("%d told at once", len(w.events))
		}
	}
	for _, in := range list {
		if seen[in.Name] != 1 {
			t.Errorf("%s was told %d times", in.Name, seen[in.Name])
		}
	}
	w.network(append(list, platform.Interface{Index: 999, Name: "late", Kind: "veth"}), nil)
	w.want(nil, "interface appeared: late (veth), mtu 0, down")
	for range 5 { // what was not told in quiet times is not told at once later
		w.want(nil)
	}
	w.network(nil, nil)
	w.look(nil, true)
	if len(w.events) != factBurst {
		t.Errorf("%d told at once", len(w.events))
	}
}

// What other programs choose, names and numbers of addresses, does not make a record too long or two lines of one.
func TestFactsOfHostileNames(t *testing.T) {
	w := newFactWorld(t)
	hostile := strings.Repeat("\"\\\n\xff\u2028\u202e", 2000)
	in := platform.Interface{Index: 1, Name: hostile, Kind: hostile}
	var sockets []platform.Listener
	for i := range 5000 {
		in.Addrs = append(in.Addrs, netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 1: byte(i), 2: byte(i >> 8), 15: 1}).WithZone(""), 128))
		sockets = append(sockets, listener(fmt.Sprintf("[fd00:1111:2222:3333:4444:5555:6666:7777]:%d", i+1), 0, uint64(i+1)))
		w.owners[uint64(i+1)] = platform.Process{PID: 1, Name: hostile, Program: hostile}
	}
	w.network([]platform.Interface{in}, map[int]string{1: "\"\"\"\""})
	w.look(sockets, true)
	if len(w.events) != 2 {
		t.Fatalf("%d events", len(w.events))
	}
	for _, e := range w.events {
		e.Text = clip(e.Text, longText)
		r := report{Version: hostile, Started: time.Now(), Event: &e}
		if text := string(r.text()); len(text) > 4096 || strings.ContainsAny(text, "\u202e\u2028") || strings.Contains(text, `\u2028`) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: %d octets", e.Kind, len(text))
		}
	}
	if p := w.events[1].Process; len(p.Listens) != maxFactList || p.More != 5000-maxFactList {
		t.Errorf("%d and %d more", len(p.Listens), p.More)
	}
}
