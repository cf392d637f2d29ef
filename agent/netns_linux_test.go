package agent

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// peer is a second network namespace, alive until the test ends.
type peer struct{ pid string }

func newPeer(t *testing.T) peer {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return peer{strconv.Itoa(cmd.Process.Pid)}
}

func (p peer) run(t *testing.T, line string, args ...any) string {
	t.Helper()
	return netns.Run(t, append([]string{"nsenter", "-n", "-t", p.pid}, strings.Fields(fmt.Sprintf(line, args...))...)...)
}

// link makes a veth pair between this namespace and the peer's, with addresses 10.N.0.1 and .2 and fd00:N::1 and ::2.
func (p peer) link(t *testing.T, name string, n int) {
	t.Helper()
	netns.IP(t, "link add %s type veth peer name %s netns %s", name, name, p.pid)
	netns.IP(t, "addr add 10.%d.0.1/24 dev %s", n, name)
	netns.IP(t, "addr add fd00:%d::1/64 dev %s nodad", n, name)
	netns.IP(t, "link set %s up", name)
	p.run(t, "ip addr add 10.%d.0.2/24 dev %s", n, name)
	p.run(t, "ip addr add fd00:%d::2/64 dev %s nodad", n, name)
	p.run(t, "ip link set %s up", name)
	carries(t, name)
	await.Event(t, 3*time.Second, name+" of the peer carries frames", func() bool {
		return strings.Contains(p.run(t, "ip -o link show dev %s", name), "state UP")
	})
}

// carries waits until what is sent out of an interface is not thrown away any more: the kernel may take a second after both ends are up.
func carries(t *testing.T, name string) {
	t.Helper()
	await.Event(t, 3*time.Second, name+" carries frames", func() bool {
		in, err := net.InterfaceByName(name)
		return err == nil && in.Flags&net.FlagRunning != 0
	})
}

var lastPort = 20_000 // of udp: a port that is given twice would make one flow of two

// udp sends n datagrams of size octets from a new socket and returns its port.
func udp(t *testing.T, to string, n, size int) uint16 {
	t.Helper()
	lastPort++
	c, err := (&net.Dialer{LocalAddr: &net.UDPAddr{Port: lastPort}}).Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for sent := 0; sent < n; {
		_, err := c.Write(make([]byte, size))
		if err == nil {
			sent++
		} else if !errors.Is(err, syscall.ECONNREFUSED) { // the answer to an earlier one; this one was not sent
			t.Fatal(err)
		}
	}
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// refused sends to a closed port until the answer comes.
func refused(t *testing.T, to string) {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	await.Event(t, 5*time.Second, to+" answers", func() bool {
		_, err := c.Write([]byte("x"))
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// echo sends n ICMP echo requests with 56 octets of data and waits for each reply.
func echo(t *testing.T, to string, n int) {
	t.Helper()
	c, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for seq := range n {
		m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: 77, Seq: seq, Data: make([]byte, 56)}}
		b, err := m.Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteTo(b, &net.IPAddr{IP: net.ParseIP(to)}); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		for buf := make([]byte, 1500); ; {
			k, _, err := c.ReadFrom(buf)
			if err != nil {
				t.Fatalf("no echo reply: %v", err)
			}
			if r, err := icmp.ParseMessage(1, buf[:k]); err == nil && r.Type == ipv4.ICMPTypeEchoReply {
				break
			}
		}
	}
}
