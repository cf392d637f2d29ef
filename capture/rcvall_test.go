package capture

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestRawPackets(t *testing.T) {
	v4, v6 := ipv4(17, dgram), ipv6(17, dgram)
	from4, to4 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	from6 := netip.AddrFrom16([16]byte(ip6A))
	for name, c := range map[string]struct {
		packet   []byte
		local    netip.Addr
		ok, sent bool
	}{
		"sent":                        {v4, from4, true, true},
		"received":                    {v4, to4, true, false},
		"IPv6 with its header":        {v6, from6.WithZone("7"), true, true},
		"IPv6 without, as documented": {dgram, from6, false, false},
		"IPv6 payload like a header":  {append(bytes.Clone(v6), 0), from6, false, false},
		"of the other version":        {v4, from6, false, false},
		"short":                       {v4[:19], from4, false, false},
		"header too short":            {append([]byte{0x44}, v4[1:]...), from4, false, false},
		"nothing":                     {nil, from4, false, false},
	} {
		n, ok := rawNote(c.packet, c.local, 5)
		if ok != c.ok || n.outgoing != c.sent {
			t.Errorf("%s: %+v, %v", name, n, ok)
		}
		if ok && (n.at != 5 || n.link != LinkRaw || int(n.length) != len(c.packet)) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}
