package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// running is an agent under test.
type running struct {
	t    *testing.T
	c    Config
	stop context.CancelFunc
	done chan error

	reports  []kept  // from the spool, once spooled was called
	events   []Event // likewise
	facts    []Event // likewise, those that tell facts
	loose    bool    // the spool's numbers may begin anywhere
	received uint64  // the sum of its management records
}

// stateDir returns a folder whose socket's path is short enough for a unix socket.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, change func(*Config)) *running {
	t.Helper()
	return startAgent(t, change, nil)
}

// startAgent starts an agent that was changed beyond its configuration.
func startAgent(t *testing.T, change func(*Config), also func(*Agent)) *running {
	t.Helper()
	c := DefaultConfig()
	c.State = stateDir(t)
	c.MonitorID = "5d9f3b52-7c1e-4a8e-9f10-2b3c4d5e6f70"
	if change != nil {
		change(&c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{t: t, c: c, stop: cancel, done: make(chan error, 1)}
	log := zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	agent := New(c, "test", log)
	if also != nil {
		also(agent)
	}
	go func() { r.done <- agent.Run(ctx) }()
	t.Cleanup(cancel)
	await.Event(t, 5*time.Second, "the agent answers", func() bool {
		_, err := ReadStatus(t.Context(), c.State)
		return err == nil
	})
	return r
}

// meters waits until exactly these interfaces are metered.
func (r *running) meters(within time.Duration, names ...string) *Status {
	r.t.Helper()
	var s *Status
	await.Event(r.t, within, "metered are "+strings.Join(names, ", "), func() bool {
		s, _ = ReadStatus(r.t.Context(), r.c.State)
		var got []string
		for _, in := range s.Interfaces {
			if in.Metered {
				got = append(got, in.Name)
			}
		}
		return strings.Join(got, ",") == strings.Join(names, ",")
	})
	return s
}

// end stops the agent, which must take less than five seconds: a busy machine is late at times.
func (r *running) end() {
	r.t.Helper()
	began := time.Now()
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("Run: %v", err)
		}
		if d := time.Since(began); d > 5*time.Second {
			r.t.Errorf("Run took %s to end", d)
		}
	case <-time.After(10 * time.Second):
		r.t.Fatal("Run does not end")
	}
}

// sum is what the records of one flow add up to.
type sum struct{ spkts, dpkts, sbytes, dbytes, records uint64 }

// spooled returns the flows in the spool by "inf proto src:port dst:port", and the causes of the management records.
func (r *running) spooled() (flows map[string]sum, mars []flow.Cause) {
	r.t.Helper()
	sp, err := spool.Open(r.c.State+"/spool", spool.Options{Host: r.c.MonitorID})
	if err != nil {
		r.t.Fatal(err)
	}
	defer sp.Close()
	flows = map[string]sum{}
	next := uint32(1)
	for {
		b, ok := sp.Lease(1<<20, 1<<16)
		if !ok {
			return flows, mars
		}
		for rec, err := range argus.Records(b.Records) {
			if err != nil {
				r.t.Fatal(err)
			}
			if rec.Sequence != next && !r.loose {
				r.t.Fatalf("record %d has sequence %d", next, rec.Sequence)
			}
			next++
			switch rec.Kind {
			case argus.KindManagement:
				mars = append(mars, rec.Cause)
				r.received += rec.Management.Packets
			case argus.KindEvent:
				r.keepReport(r.t, &rec.Event)
			case argus.KindFlow:
				key := fmt.Sprintf("%s %s", rec.InterfaceName(), flowName(&rec.Flow))
				s := flows[key]
				s.spkts += rec.Flow.Side[0].Packets
				s.dpkts += rec.Flow.Side[1].Packets
				s.sbytes += rec.Flow.Side[0].Bytes
				s.dbytes += rec.Flow.Side[1].Bytes
				s.records++
				flows[key] = s
			}
		}
	}
}

func flowName(r *flow.Record) string {
	if r.Family == flow.FamilyARP {
		return fmt.Sprintf("arp %s %s", r.SrcAddr(), r.DstAddr())
	}
	if r.Proto == flow.ProtoICMP || r.Proto == flow.ProtoICMPv6 {
		return fmt.Sprintf("icmp %s %s", r.SrcAddr(), r.DstAddr())
	}
	return fmt.Sprintf("%d %s:%d %s:%d", r.Proto, r.SrcAddr(), r.SrcPort, r.DstAddr(), r.DstPort)
}

func TestEveryPacketIsInTheSpool(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	r := start(t, nil)
	r.meters(time.Second, "lo", "va")

	want := map[string]sum{}
	port := udp(t, "127.0.0.1:9", 25, 100) // port 9 is closed: 25 unreachables at most, each a flow of ICMP
	want[fmt.Sprintf("lo 17 127.0.0.1:%d 127.0.0.1:9", port)] = sum{25, 0, 25 * 142, 0, 1}
	port = udp(t, "10.1.0.2:4000", 10, 200)
	want[fmt.Sprintf("va 17 10.1.0.1:%d 10.1.0.2:4000", port)] = sum{10, 0, 10 * 242, 0, 1}
	refused(t, "[fd00:1::2]:4002") // the neighbours know each other from here on
	port = udp(t, "[fd00:1::2]:4001", 7, 50)
	want[fmt.Sprintf("va 17 fd00:1::1:%d fd00:1::2:4001", port)] = sum{7, 0, 7 * 112, 0, 1}
	echo(t, "10.1.0.2", 3)
	want["va icmp 10.1.0.1 10.1.0.2"] = sum{3, 3, 3 * 98, 3 * 98, 3} // a flow each

	l, err := net.Listen("tcp4", "10.1.0.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if c, err := l.Accept(); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	p.run(t, "bash -c exec<>/dev/tcp/10.1.0.1/5000")
	<-closed
	r.end()

	got, mars := r.spooled()
	for key, w := range want {
		if got[key] != w {
			t.Errorf("%s: %+v, want %+v", key, got[key], w)
		}
	}
	var tcp, arp sum
	for key, s := range got {
		if strings.HasPrefix(key, "va 6 10.1.0.2:") && strings.HasSuffix(key, " 10.1.0.1:5000") {
			tcp = s
		}
		if key == "va arp 10.1.0.1 10.1.0.2" || key == "va arp 10.1.0.2 10.1.0.1" {
			arp = s
		}
	}
	if tcp.spkts < 3 || tcp.dpkts < 2 { // SYN, ACK, FIN and SYN/ACK, FIN or more
		t.Errorf("TCP: %+v in %v", tcp, got)
	}
	if arp.spkts == 0 || arp.dpkts != arp.spkts {
		t.Errorf("ARP: %+v in %v", arp, got)
	}
	if fmt.Sprint(mars) != fmt.Sprint([]flow.Cause{flow.CauseStart, flow.CauseStop}) {
		t.Errorf("management records: %v", mars)
	}
}

func TestInterfacesComeAndGo(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	r := start(t, nil)
	r.meters(time.Second, "lo")
	p := newPeer(t)
	p.link(t, "va", 1)
	r.meters(time.Second, "lo", "va")
	a := udp(t, "10.1.0.2:4000", 5, 100)

	netns.IP(t, "link set va down") // a name can be changed only then
	netns.IP(t, "link set va name vb")
	netns.IP(t, "link set vb up")
	r.meters(time.Second, "lo", "vb")
	carries(t, "vb")
	b := udp(t, "10.1.0.2:4000", 6, 100)

	netns.IP(t, "link del vb")
	r.meters(time.Second, "lo")
	p.link(t, "va", 2)
	r.meters(time.Second, "lo", "va")
	c := udp(t, "10.2.0.2:4000", 7, 100)
	var s *Status
	await.Event(t, 2*time.Second, "status counts the frames, also of interfaces that went away", func() bool {
		s, _ = ReadStatus(t.Context(), r.c.State)
		i := slices.IndexFunc(s.Interfaces, func(i InterfaceStatus) bool { return i.Name == "va" })
		return i >= 0 && s.Interfaces[i].Captured >= 7+2 && s.Totals.Captured >= 18 // with ARP
	})
	r.end()

	got, _ := r.spooled()
	for key, n := range map[string]uint64{
		fmt.Sprintf("va 17 10.1.0.1:%d 10.1.0.2:4000", a): 5,
		fmt.Sprintf("vb 17 10.1.0.1:%d 10.1.0.2:4000", b): 6,
		fmt.Sprintf("va 17 10.2.0.1:%d 10.2.0.2:4000", c): 7,
	} {
		if got[key].spkts != n {
			t.Errorf("%s: %+v, want %d packets; %v", key, got[key], n, got)
		}
	}
	if s.Totals.Captured != s.Totals.Metered+s.Totals.Unmetered {
		t.Errorf("the sums do not close: %+v", s.Totals)
	}
}

func TestFlapsLeakNothing(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	flaps := 500
	if testing.Short() {
		flaps = 50
	}
	r := start(t, nil)
	p := newPeer(t)
	p.link(t, "va", 1)
	r.meters(time.Second, "lo", "va")
	descriptors := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(d)
	}
	fds, goroutines := descriptors(), runtime.NumGoroutine()
	began := time.Now()
	for range flaps {
		netns.IP(t, "link set va down")
		netns.IP(t, "link set va up")
	}
	t.Logf("measured: %d flaps in %s", flaps, time.Since(began))
	carries(t, "va")
	r.meters(time.Second, "lo", "va")
	await.Event(t, 3*time.Second, "descriptors and goroutines are as before", func() bool {
		return descriptors() <= fds && runtime.NumGoroutine() <= goroutines
	})
	port := udp(t, "10.1.0.2:4000", 5, 100)
	r.end()
	got, _ := r.spooled()
	if s := got[fmt.Sprintf("va 17 10.1.0.1:%d 10.1.0.2:4000", port)]; s.spkts != 5 {
		t.Errorf("after the flaps: %+v", s)
	}
}

func TestSecondAgentIsRefused(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	r := start(t, nil)
	err := New(r.c, "test", zap.NewNop()).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("the second agent says %v", err)
	}
	if code := exitCode(err); code != cli.ExitRunning {
		t.Errorf("exit code %d", code)
	}
	r.end()
	if _, err := ReadStatus(t.Context(), r.c.State); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}

func TestLiveFlowsAndSlowReaders(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	r := start(t, func(c *Config) { c.StatusInterval = time.Second; c.MARInterval = time.Second })
	r.meters(time.Second, "lo")
	stream, err := OpenFlows(t.Context(), r.c.State)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	slow, err := OpenFlows(t.Context(), r.c.State) // never read
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	port := udp(t, "127.0.0.1:9", 5, 100)
	in := argus.NewReader(stream)
	rec, err := in.Next()
	if err != nil || rec.Kind != argus.KindManagement || rec.Cause != flow.CauseStart {
		t.Fatalf("the stream does not begin with a START record: %+v %v", rec, err)
	}
	want := fmt.Sprintf("17 127.0.0.1:%d 127.0.0.1:9", port)
	found, status := false, false
	for end := time.Now().Add(10 * time.Second); (!found || !status) && time.Now().Before(end); {
		rec, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		status = status || rec.Kind == argus.KindManagement && rec.Cause == flow.CauseStatus
		found = found || rec.Kind == argus.KindFlow && flowName(&rec.Flow) == want && rec.Flow.Side[0].Packets == 5
	}
	if !found || !status {
		t.Errorf("flow seen: %v, status record seen: %v", found, status)
	}
	r.end() // also with a reader that does not read
}
