package store

import (
	"bytes"
	"net"
	"net/netip"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// names makes each text once, however many rows have it. What peers sent becomes valid UTF-8.
type names struct {
	texts     map[string]string
	addresses map[address]string
	macs      map[[6]byte]string
}

type address struct {
	family flow.Family
	bytes  [16]byte
}

func newNames() *names {
	return &names{texts: map[string]string{}, addresses: map[address]string{}, macs: map[[6]byte]string{}}
}

func (n *names) text(b []byte) string {
	t, ok := n.texts[string(b)]
	if !ok {
		t = strings.ToValidUTF8(string(b), "\uFFFD")
		n.texts[string(b)] = t
	}
	return t
}

func (n *names) history(h *flow.History) string {
	b, _, _ := bytes.Cut(h[:], []byte{0})
	return n.text(b)
}

func (n *names) mac(m [6]byte) string {
	t, ok := n.macs[m]
	if !ok {
		t = net.HardwareAddr(m[:]).String()
		n.macs[m] = t
	}
	return t
}

func (n *names) address(family flow.Family, b *[16]byte) string {
	a := address{family, *b}
	t, ok := n.addresses[a]
	if ok {
		return t
	}
	switch family {
	case flow.FamilyIPv4, flow.FamilyARP:
		t = netip.AddrFrom4([4]byte(b[:4])).String()
	case flow.FamilyIPv6:
		t = netip.AddrFrom16(*b).String()
	case flow.FamilyEthernet, flow.FamilyRARP:
		t = net.HardwareAddr(b[:6]).String()
	}
	n.addresses[a] = t
	return t
}

func parseAddress(s string, b *[16]byte) {
	if a, err := netip.ParseAddr(s); err == nil {
		copy(b[:], a.AsSlice())
		return
	}
	parseMAC(s, b[:6])
}

func parseMAC(s string, b []byte) {
	if m, err := net.ParseMAC(s); err == nil && len(m) == len(b) {
		copy(b, m)
	}
}
