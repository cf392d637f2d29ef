package platform

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

// Ports of IPv4 and IPv6 listeners are found, behind any number of connections; those of connections are none.
func TestListening(t *testing.T) {
	dial := func(l net.Listener) netip.AddrPort {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c.LocalAddr().(*net.TCPAddr).AddrPort()
	}
	var listeners, clients []netip.AddrPort
	for _, network := range []string{"tcp4", "tcp6", "tcp4", "tcp6"} {
		host := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network]
		l, err := net.Listen(network, host)
		if err != nil && network == "tcp6" {
			t.Logf("without IPv6: %v", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		listeners = append(listeners, l.Addr().(*net.TCPAddr).AddrPort())
		clients = append(clients, dial(l))
	}
	found, err := Listening()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range listeners {
		if here, listens := found.Local(a.Addr(), a.Port()); !here || !listens {
			t.Errorf("listener %s: here %v, listens %v", a, here, listens)
		}
	}
	for _, a := range clients {
		if here, listens := found.Local(a.Addr(), a.Port()); !here || listens {
			t.Errorf("client %s: here %v, listens %v", a, here, listens)
		}
	}
	if here, listens := found.Local(netip.MustParseAddr("192.0.2.1"), listeners[0].Port()); here || listens {
		t.Errorf("a foreign address: here %v, listens %v", here, listens)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if here, _ := found.Local(netip.MustParsePrefix(a.String()).Addr(), 1); !here {
			t.Errorf("%s is not here", a)
		}
	}
}

func TestListenersOfATable(t *testing.T) {
	const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	for _, c := range []struct {
		name, table string
		ports       int
		fails       bool
	}{
		{"empty", "", 0, false},
		{"heading alone", heading, 0, false},
		{"two listeners, then a connection", heading +
			"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n" +
			"   1: 00000000000000000000000000000000:FFFF 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000\n" +
			"   2: 0100007F:0277 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 1\n", 2, false},
		{"cut", heading + "   0: 00000000:0016 00000000:0000 0A\n   1: 0000", 1, false},
		{"no port", heading + "   0: 00000000 00000000:0000 0A\n", 0, true},
		{"a port beyond all", heading + "   0: 00000000:10016 00000000:0000 0A\n", 0, true},
		{"an endless line", heading + strings.Repeat("x", 1<<20), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l Listeners
			err := l.scan(strings.NewReader(c.table))
			n := 0
			for port := range 1 << 16 {
				if _, listens := l.Local(netip.MustParseAddr("127.0.0.1"), uint16(port)); listens {
					n++
				}
			}
			if n != c.ports || err != nil != c.fails {
				t.Errorf("%d ports, %v", n, err)
			}
		})
	}
}
