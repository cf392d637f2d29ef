package platform

import (
	"fmt"
	"net"
	"net/netip"
)

// Listeners are this host's own addresses and the TCP ports on which it listened when it was asked. They never change.
type Listeners struct {
	ports [1 << 16 / 64]uint64 // one bit a port
	addrs map[netip.Addr]struct{}
}

// Listening asks for the listeners in the network namespace of the process, on whichever of the host's addresses they
// listen. On Linux it asks sock_diag(7), elsewhere the error wraps errors.ErrUnsupported.
func Listening() (*Listeners, error) {
	l := &Listeners{addrs: make(map[netip.Addr]struct{})}
	if err := l.readPorts(); err != nil {
		return nil, fmt.Errorf("listening ports: %w", err)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("own addresses: %w", err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			l.addrs[p.Addr().WithZone("")] = struct{}{}
		}
	}
	return l, nil
}

// Local tells whether a, without a zone, is an address of this host, and then whether the host listens on a TCP port.
func (l *Listeners) Local(a netip.Addr, port uint16) (here, listens bool) {
	if _, own := l.addrs[a]; !own && !a.IsLoopback() {
		return false, false
	}
	return true, l.ports[port/64]&(1<<(port%64)) != 0
}

func (l *Listeners) add(port uint16) { l.ports[port/64] |= 1 << (port % 64) }
