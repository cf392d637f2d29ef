//go:build linux

package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

const (
	probes    = 1_000_000
	probeRate = 100_000  // a second
	scanPeak  = 64 << 20 // octets resident, bar P5; measured 2026-11-22: 36 MB
)

// TestScanBesideATransfer sends a million SYNs to as many hosts past an agent that meters a long transfer at the same time:
// its memory is bounded, what it had to let go is counted, and of the transfer it misses nothing.
func TestScanBesideATransfer(t *testing.T) {
	l := newLab(t)
	a, b := l.host("a"), l.host("b")
	l.link(a, b, "lan0", 3)
	state := filepath.Join(l.dir, "a")
	agentA := l.start(a, "argus-endpoint", "run", "--state", state, "--interface", "lan0", "--monitor-id", monitorA,
		"--spool-size", "1G", "--log-level", "error")
	status := func() (s agent.Status) {
		if err := json.Unmarshal([]byte(l.run(a, "argus-endpoint", "status", "--state", state, "--json")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	await.Event(t, 5*time.Second, "lan0 is metered", func() bool {
		out, err := l.command(a, "argus-endpoint", "status", "--state", state, "--json").Output()
		return err == nil && strings.Contains(string(out), `"metering": true`)
	})

	tr := l.beginTransfer(a, b, netip.MustParseAddrPort("10.3.0.2:7002"))
	began := time.Now()
	l.scan(b, "lan0", probes)
	took := time.Since(began)
	want := tr.end(t)
	var s agent.Status
	await.Event(t, 10*time.Second, "the agent has seen the scan", func() bool {
		s = status()
		return s.Totals.Flows+s.Totals.RingDropped > probes // the frames of the transfer do not count
	})
	peak := resident(t, agentA.Process.Pid)
	agentA.stop(t)

	got := transferred(t, state, tr.local)
	misses(t, &s, got, want)
	if peak > scanPeak {
		t.Errorf("%d octets resident, the bar is %d", peak, scanPeak)
	}
	if s.Totals.Evicted < probes-uint64(s.FlowLimit)-s.Totals.RingDropped-1000 || s.Totals.FlowsOpen > s.FlowLimit {
		t.Errorf("%d flows evicted, %d of %d open", s.Totals.Evicted, s.Totals.FlowsOpen, s.FlowLimit)
	}
	if s.Totals.Captured != s.Totals.Metered+s.Totals.Unmetered || s.Interfaces[0].Panics != 0 {
		t.Errorf("the sums do not close: %+v", s.Totals)
	}
	t.Logf("measured: %d probes in %.1f s: %d evicted, limit %d, %d frames dropped by the kernel, peak %.1f MB resident; the transfer: %+v by the socket, %+v in records",
		probes, took.Seconds(), s.Totals.Evicted, s.FlowLimit, s.Totals.RingDropped, float64(peak)/1e6, want, got)
}

// misses checks that nothing is missing in the records but what the kernel had no room for, on a busy machine.
func misses(t *testing.T, s *agent.Status, got, want moved) {
	t.Helper()
	lost := int64(s.Totals.RingDropped) * 45  // segments of a super-frame
	for name, d := range map[string][2]int64{ // missing, and how many may
		"segments out": {int64(want.out - got.out), lost}, "segments in": {int64(want.in - got.in), lost},
		"octets": {int64(want.octets - got.octets), lost * 1448},
	} {
		if d[0] < 0 || d[0] > d[1] {
			t.Errorf("%s: %+v in records, %+v by the socket; %d frames dropped by the kernel", name, got, want, s.Totals.RingDropped)
		}
	}
}

// moved is what one end of a connection sent and received: segments, and octets of data sent.
type moved struct{ out, in, octets uint64 }

// transfer is a connection that sends until it is told to end.
type transfer struct {
	conn  *net.TCPConn
	local netip.AddrPort
	stop  chan struct{}
	sent  chan uint64
	done  chan error // of the receiving end
}

func (l *lab) beginTransfer(from, to string, server netip.AddrPort) *transfer {
	l.t.Helper()
	var s net.Listener
	var c net.Conn
	l.inside(to, func() (err error) { s, err = net.Listen("tcp", server.String()); return })
	l.t.Cleanup(func() { s.Close() })
	tr := &transfer{stop: make(chan struct{}), sent: make(chan uint64, 1), done: make(chan error, 1)}
	go func() {
		conn, err := s.Accept()
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
		}
		tr.done <- err
	}()
	l.inside(from, func() (err error) { c, err = net.Dial("tcp", server.String()); return })
	tr.conn, tr.local = c.(*net.TCPConn), netip.MustParseAddrPort(c.LocalAddr().String())
	go func() {
		n, block := uint64(0), make([]byte, 20_000)
		for tick := time.NewTicker(5 * time.Millisecond); ; { // 4 MB/s
			select {
			case <-tr.stop:
				tr.sent <- n
				return
			case <-tick.C:
				k, _ := c.Write(block)
				n += uint64(k)
			}
		}
	}()
	return tr
}

// end closes the connection in order and returns what the sending socket counted (tcp_info of Linux).
func (tr *transfer) end(t *testing.T) (m moved) {
	t.Helper()
	close(tr.stop)
	m.octets = <-tr.sent
	tr.conn.CloseWrite()
	if err := <-tr.done; err != nil {
		t.Fatal(err)
	}
	if _, err := tr.conn.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the other end does not close: %v", err)
	}
	raw, err := tr.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		var info *unix.TCPInfo
		if info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			m.out, m.in = uint64(info.Segs_out), uint64(info.Segs_in)
			m.octets += info.Bytes_retrans
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.conn.Close()
	return m
}

// scan sends the probes out of a device, each from one port of one host to a host of its own that does not exist.
func (l *lab) scan(ns, dev string, probes int) {
	l.t.Helper()
	l.sender(ns, dev, func(send func([]byte) error) error {
		end := netip.AddrPortFrom
		syn := tcpConversation(end(netip.MustParseAddr("192.0.2.1"), 40000), end(netip.MustParseAddr("172.16.0.0"), 22), 0)[0]
		began := time.Now()
		for n := range probes {
			binary.BigEndian.PutUint32(syn[30:], 172<<24|16<<16+uint32(n))
			if err := send(syn); err != nil {
				return err
			}
			if n%100 == 0 {
				time.Sleep(time.Duration(n)*time.Second/probeRate - time.Since(began))
			}
		}
		return nil
	})
}

// transferred returns what the records of the spool say of the connection of an end.
func transferred(t *testing.T, state string, local netip.AddrPort) (m moved) {
	t.Helper()
	sp, err := spool.Open(filepath.Join(state, "spool"), spool.Options{MaxBytes: 1 << 30, Host: monitorA})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	for {
		b, ok := sp.Lease(1<<20, 1<<16)
		if !ok {
			return m
		}
		for r, err := range argus.Records(b.Records) {
			if err != nil {
				t.Fatal(err)
			}
			if f := &r.Flow; r.Kind == argus.KindFlow && f.SrcPort == local.Port() && f.SrcAddr() == local.Addr() {
				m.out += f.Side[0].Packets
				m.in += f.Side[1].Packets
				m.octets += f.Side[0].Payload
			}
		}
	}
}

// resident returns the most memory that a process had, octets.
func resident(t *testing.T, pid int) (octets int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(rest, &octets); err != nil {
		t.Fatal(err)
	}
	return octets << 10
}
