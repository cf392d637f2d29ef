package platform

import (
	"net"
	"net/netip"
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
