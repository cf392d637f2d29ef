//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// tuple names a flow of one host as the programs print it.
type tuple struct{ monitor, proto, saddr, sport, daddr, dport string }

// counts are a flow's sums over all its records: packets, frame octets and payload octets each way.
type counts struct{ spkts, dpkts, sbytes, dbytes, sapp, dapp uint64 }

// line is one object of --json output, as far as the tests look at it.
type line struct {
	SrcID                                    string
	Proto                                    string
	Saddr, Daddr                             string
	Sport, Dport                             any
	Seq                                      uint64
	Spkts, Dpkts, Sbytes, Dbytes             uint64
	Sappbytes, Dappbytes, Sipbytes, Dipbytes uint64
}

func parse(t *testing.T, output string) []line {
	t.Helper()
	var lines []line
	for d := json.NewDecoder(strings.NewReader(output)); ; {
		var l line
		if err := d.Decode(&l); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatalf("not JSON lines: %v", err)
		}
		lines = append(lines, l)
	}
}

func sum(lines []line) map[tuple]counts {
	sums := map[tuple]counts{}
	for _, l := range lines {
		monitor, _, _ := strings.Cut(l.SrcID, "/")
		k := tuple{monitor: monitor, proto: l.Proto, saddr: l.Saddr, daddr: l.Daddr}
		if l.Proto == "tcp" || l.Proto == "udp" {
			k.sport, k.dport = port(l.Sport), port(l.Dport)
		}
		c := sums[k]
		sums[k] = counts{c.spkts + l.Spkts, c.dpkts + l.Dpkts, c.sbytes + l.Sbytes, c.dbytes + l.Dbytes, c.sapp + l.Sappbytes, c.dapp + l.Dappbytes}
	}
	return sums
}

func port(p any) string {
	if n, ok := p.(float64); ok {
		return fmt.Sprint(int(n))
	}
	return ""
}

// injected sends traffic of every kind from host ns over dev and returns what each host must report of it.
// n sets it apart from other calls.
func (l *lab) injected(ns, dev string, n byte, monitors ...string) map[tuple]counts {
	l.t.Helper()
	a4, b4 := netip.AddrFrom4([4]byte{192, 0, 2, n}), netip.AddrFrom4([4]byte{198, 51, 100, n})
	a6, b6 := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x:a", n)), netip.MustParseAddr(fmt.Sprintf("2001:db8::%x:b", n))
	end := netip.AddrPortFrom
	var frames [][]byte
	want := map[tuple]counts{}
	expect := func(proto string, a, b netip.Addr, sport, dport string, c counts) {
		for _, m := range monitors {
			want[tuple{m, proto, a.String(), sport, b.String(), dport}] = c
		}
	}

	frames = append(frames, tcpConversation(end(a4, 40000), end(b4, 443), 5)...)
	expect("tcp", a4, b4, "40000", "443", counts{10, 7, 10*54 + 100, 7*54 + 5000, 100, 5000})
	frames = append(frames, tcpConversation(end(a6, 40001), end(b6, 22), 1)...)
	expect("tcp", a6, b6, "40001", "22", counts{6, 3, 6*74 + 100, 3*74 + 1000, 100, 1000})
	for range 7 {
		frames = append(frames, udpFrame(0, end(a4, 5000), end(b4, 53), 30), udpFrame(1, end(a4, 5000), end(b4, 53), 130))
	}
	expect("udp", a4, b4, "5000", "53", counts{7, 7, 7 * 72, 7 * 172, 210, 910})
	for range 3 {
		frames = append(frames, udpFrame(0, end(a6, 5001), end(b6, 514), 200))
	}
	expect("udp", a6, b6, "5001", "514", counts{3, 0, 3 * 262, 0, 600, 0})
	echo := []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g'}
	reply := append([]byte{0}, echo[1:]...)
	frames = append(frames, ipFrame(0, 1, a4, b4, echo), ipFrame(1, 1, b4, a4, reply))
	expect("icmp", a4, b4, "", "", counts{1, 1, 46, 46, 12, 12})
	frames = append(frames, arpFrame(0, 1, a4, b4), arpFrame(1, 2, b4, a4))
	expect("arp", a4, b4, "", "", counts{1, 1, 60, 60, 28, 28})
	l.inject(ns, dev, frames...)
	return want
}

// udpEcho sends n datagrams of size octets from one host to another, which sends each back.
func (l *lab) udpEcho(from, to string, server netip.AddrPort, n, size int) netip.AddrPort {
	l.t.Helper()
	var s, c *net.UDPConn
	l.inside(to, func() (err error) { s, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(server)); return })
	defer s.Close()
	l.inside(from, func() (err error) { c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server)); return })
	defer c.Close()
	buf := make([]byte, size)
	for range n {
		c.Write(buf)
		s.SetReadDeadline(time.Now().Add(20 * time.Second))
		m, peer, err := s.ReadFromUDPAddrPort(buf)
		if err != nil {
			l.t.Fatal(err)
		}
		s.WriteToUDPAddrPort(buf[:m], peer)
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(buf); err != nil {
			l.t.Fatal(err)
		}
	}
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// tcpTransfer sends size octets from one host to another over a real connection and closes it.
func (l *lab) tcpTransfer(from, to string, server netip.AddrPort, size int) netip.AddrPort {
	l.t.Helper()
	var s net.Listener
	var c net.Conn
	l.inside(to, func() (err error) { s, err = net.Listen("tcp", server.String()); return })
	defer s.Close()
	received := make(chan int64)
	go func() {
		conn, err := s.Accept()
		if err != nil {
			received <- -1
			return
		}
		n, _ := io.Copy(io.Discard, conn)
		conn.Close()
		received <- n
	}()
	l.inside(from, func() (err error) { c, err = net.Dial("tcp", server.String()); return })
	local := netip.MustParseAddrPort(c.LocalAddr().String())
	c.Write(make([]byte, size))
	c.Close()
	if n := <-received; n != int64(size) {
		l.t.Fatalf("%d of %d octets arrived", n, size)
	}
	return local
}

// await asks the collector until it has exactly the flows that are wanted, and reports the difference if it never does.
func (l *lab) await(col, state string, want map[tuple]counts, within time.Duration) {
	l.t.Helper()
	var got map[tuple]counts
	same := func() bool {
		got = sum(parse(l.t, l.run(col, "argus-collector", "flows", "--state", state, "--json")))
		for k, w := range want {
			if got[k] != w {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(within); !same(); {
		if time.Now().After(deadline) {
			for k, w := range want {
				if got[k] != w {
					l.t.Errorf("%+v\n got  %+v\n want %+v", k, got[k], w)
				}
			}
			l.t.FailNow()
		}
		<-time.After(250 * time.Millisecond)
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }
