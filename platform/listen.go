package platform

import (
	"fmt"
	"net"
	"net/netip"
	"sort"
)

// Listeners are this host's own addresses and the TCP sockets on which it listened when it was asked. They never change.
type Listeners struct {
	ports   [1 << 16 / 64]uint64 // one bit a port
	addrs   map[netip.Addr]struct{}
	sockets []Listener
}

// Listener is a TCP socket that awaits connections.
type Listener struct {
	Addr  netip.AddrPort // an unspecified address stands for all; [::] mostly for those of IPv4 too
	UID   uint32         // the user that made it
	Inode uint64         // its number in the system
}

// Listening asks for the listeners in the network namespace of the process, on whichever of the host's addresses they
// listen. On Linux it asks sock_diag(7), elsewhere the error wraps errors.ErrUnsupported.
func Listening() (*Listeners, error) {
	l := &Listeners{addrs: make(map[netip.Addr]struct{}), sockets: []Listener{}}
	if err := l.readSockets(); err != nil {
		return nil, fmt.Errorf("listening ports: %w", err)
	}
	sort.Slice(l.sockets, func(i, j int) bool { // a third of the code of slices.SortFunc
		a, b := &l.sockets[i], &l.sockets[j]
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c < 0
		}
		return a.Inode < b.Inode
	})
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

// Sockets returns the listeners by address, of one address by inode; nil when l is. The caller must not change them.
func (l *Listeners) Sockets() []Listener {
	if l == nil {
		return nil
	}
	return l.sockets
}

// maxSockets bounds what is kept of each listener; of those beyond it only the port is known.
const maxSockets = 4096

func (l *Listeners) add(s Listener) {
	port := s.Addr.Port()
	l.ports[port/64] |= 1 << (port % 64)
	if len(l.sockets) < maxSockets {
		l.sockets = append(l.sockets, s)
	}
}
