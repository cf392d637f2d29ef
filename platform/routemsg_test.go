package platform

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// routeMsg lays a message of macOS's routing socket out.
type routeMsg struct {
	kind      byte
	header    int
	index     uint16
	flags     uint32
	typ       byte // of the interface
	addrs     map[int][]byte
	counts    [10]uint64
	mtu, drop uint32
}

func (m routeMsg) bytes() []byte {
	ne := binary.NativeEndian
	b := make([]byte, m.header)
	b[2], b[3] = rtmVersion, m.kind
	ne.PutUint32(b[ifMsgFlags:], m.flags)
	ne.PutUint16(b[rtmIndex:], m.index)
	if m.header == ifMsg2Len {
		b[ifData] = m.typ
		ne.PutUint32(b[ifMsgDrops:], m.drop)
		ne.PutUint32(b[ifDataMTU:], m.mtu)
		for i, n := range m.counts {
			ne.PutUint64(b[ifDataCounts+8*i:], n)
		}
	}
	for i := range rtaxPlaces {
		a, ok := m.addrs[i]
		if !ok {
			continue
		}
		ne.PutUint32(b[rtmAddrs:], ne.Uint32(b[rtmAddrs:])|1<<i)
		b = append(b, a...)
		if len(a) == 0 {
			b = append(b, 0, 0, 0, 0)
		}
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	ne.PutUint16(b, uint16(len(b)))
	return b
}

func linkAddr(name string, mac ...byte) []byte {
	b := append([]byte{0, macLink, 0, 0, 6, byte(len(name)), byte(len(mac)), 0}, name...)
	b = append(b, mac...)
	b = append(b, make([]byte, max(0, 20-len(b)))...)
	b[0] = byte(len(b))
	return b
}

func ifInfo(index uint16, typ byte, flags uint32, link []byte) routeMsg {
	return routeMsg{kind: rtmIfInfo2, header: ifMsg2Len, index: index, typ: typ, flags: flags, mtu: 1500, drop: 9,
		counts: [10]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, addrs: map[int][]byte{rtaxLink: link}}
}

func addrOf(index uint16, family byte, mask, addr string) routeMsg {
	m := routeMsg{kind: rtmMacAddr, header: ifaMsgLen, index: index, addrs: map[int][]byte{rtaxAddress: []byte(addr)}}
	m.addrs[rtaxAddress][0], m.addrs[rtaxAddress][1] = byte(len(addr)), family
	if mask != "" {
		m.addrs[rtaxMask] = []byte(mask)
		m.addrs[rtaxMask][0] = byte(len(mask))
	}
	return m
}

// in4 and in6 are socket addresses but for length and family.
func in4(a ...byte) string { return "\x00\x00\x00\x00" + string(a) + strings.Repeat("\x00", 12-len(a)) }
func in6(a ...byte) string {
	return strings.Repeat("\x00", 8) + string(a) + strings.Repeat("\x00", 20-len(a))
}

// rib is what a Mac with a Wi-Fi, a VPN, a shared bridge and a VLAN lists.
func rib() []byte {
	const up, running = 1, 0x40
	return slices.Concat(
		ifInfo(1, 0x18, up|running, linkAddr("lo0")).bytes(),
		addrOf(1, macInet, "\x05\x00\x00\x00\xff", in4(127, 0, 0, 1)).bytes(), // a mask without its zeros
		addrOf(1, macIPv6, in6(255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255), in6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)).bytes(),
		ifInfo(4, 0x06, up|running, linkAddr("en0", 2, 3, 4, 5, 6, 7)).bytes(),
		routeMsg{kind: 0x13, header: 20}.bytes(), // RTM_NEWMADDR2
		addrOf(4, macIPv6, in6(255, 255, 255, 255, 255, 255, 255, 255), in6(0xfe, 0x80, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)).bytes(),
		addrOf(4, macInet, "\x07\x00\x00\x00\xff\xff\xff", in4(192, 0, 2, 7)).bytes(),
		addrOf(9, macInet, "", in4(192, 0, 2, 8)).bytes(), // of an interface that is not in the list
		addrOf(4, macInet, "\x08\x00\x00\x00\xff\x00\xff\x00", in4(192, 0, 2, 9)).bytes(),
		addrOf(4, macInet, "\x08\x00\x00\x00\xff\xff\xff\xf1", in4(192, 0, 2, 10)).bytes(), // a mask with a hole
		ifInfo(5, 0x06, running, linkAddr("awdl0", 2, 3, 4, 5, 6, 8)).bytes(),
		ifInfo(6, 0xd1, up|running, linkAddr("bridge100", 2, 3, 4, 5, 6, 9)).bytes(),
		ifInfo(7, 0x01, up|running, linkAddr("utun3")).bytes(),
		addrOf(7, macInet, "\x00\x00\x00\x00", in4(10, 0, 0, 1)).bytes(),
		ifInfo(8, 0x87, up|running, linkAddr("vlan0", 2, 3, 4, 5, 6, 7)).bytes(),
		ifInfo(10, 0xf5, up, linkAddr("pflog0")).bytes(),
		ifInfo(11, 0x37, up, linkAddr("gif0")).bytes(),
		ifInfo(12, 0x06, up, linkAddr("llw0")).bytes(),
	)
}

func TestParseRIB(t *testing.T) {
	list, traffic, err := parseRIB(rib())
	if err != nil {
		t.Fatal(err)
	}
	choose(list)
	var got []string
	for _, in := range list {
		got = append(got, fmt.Sprintf("%d %s %s %s mtu=%d %v %v %v %q", in.Index, in.Name, in.Kind, in.MAC, in.MTU, in.Up, in.Running, in.Addrs, in.Reason))
	}
	want := []string{
		`1 lo0 loopback  mtu=1500 true true [127.0.0.1/8 ::1/128] ""`,
		`4 en0 ethernet 02:03:04:05:06:07 mtu=1500 true true [fe80::9/64 192.0.2.7/24] ""`,
		`5 awdl0 awdl 02:03:04:05:06:08 mtu=1500 false true [] "down"`,
		`6 bridge100 bridge 02:03:04:05:06:09 mtu=1500 true true [] "a bridge: its ports are metered"`,
		`7 utun3 tun  mtu=1500 true true [10.0.0.1/0] ""`,
		`8 vlan0 vlan 02:03:04:05:06:07 mtu=1500 true true [] "a VLAN: its parent shows the tag"`,
		`10 pflog0 pflog  mtu=1500 true false [] "pflog carries no network traffic of its own"`,
		`11 gif0 tunnel  mtu=1500 true false [] ""`,
		`12 llw0 llw  mtu=1500 true false [] ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if want := (Traffic{RxPackets: 1, TxPackets: 3, RxBytes: 6, TxBytes: 7, RxDropped: 10, TxDropped: 9}); len(traffic) != 9 || traffic[4] != want {
		t.Errorf("%d counters, of en0 %+v, want %+v", len(traffic), traffic[4], want)
	}
}

// TestParseRIBNonsense has lists that no kernel makes: an error, or nothing of what makes no sense.
func TestParseRIBNonsense(t *testing.T) {
	en0 := ifInfo(4, 0x06, 1, linkAddr("en0", 2, 3, 4, 5, 6, 7)).bytes()
	change := func(at int, to byte) []byte {
		b := slices.Clone(en0)
		b[at] = to
		return b
	}
	for name, c := range map[string]struct {
		known int
		fails bool
		b     []byte
	}{
		"nothing":                 {0, false, nil},
		"cut in a header":         {0, true, append(slices.Clone(en0), 1, 2, 3)},
		"of no length":            {0, true, append(slices.Clone(en0), make([]byte, 20)...)},
		"longer than the list":    {0, true, en0[:100]},
		"of another version":      {0, false, change(2, 6)},
		"without a name":          {0, false, change(ifMsg2Len+5, 0)},
		"a name beyond its end":   {0, false, change(ifMsg2Len+5, 200)},
		"a MAC beyond its end":    {0, false, change(ifMsg2Len+6, 200)},
		"an address beyond it":    {0, false, change(ifMsg2Len, 200)},
		"no address":              {0, false, change(rtmAddrs, 0)},
		"a MAC of 8 octets":       {1, false, ifInfo(4, 0x90, 1, linkAddr("fw0", 1, 2, 3, 4, 5, 6, 7, 8)).bytes()},
		"an address that is cut":  {1, false, append(slices.Clone(en0), addrOf(4, macInet, "", "\x00\x00\x00\x00\x7f").bytes()...)},
		"an address of no length": {1, false, append(slices.Clone(en0), routeMsg{kind: rtmMacAddr, header: ifaMsgLen, index: 4, addrs: map[int][]byte{rtaxAddress: {}}}.bytes()...)},
	} {
		list, _, err := parseRIB(c.b)
		if len(list) != c.known || (err != nil) != c.fails {
			t.Errorf("%s: %d interfaces, %v", name, len(list), err)
		}
		for _, in := range list {
			if len(in.Addrs) > 0 || in.Name == "fw0" && in.MAC != nil {
				t.Errorf("%s: %+v", name, in)
			}
		}
	}
}

func TestChangesRoutes(t *testing.T) {
	route := func(kind byte, flags uint32) []byte {
		return routeMsg{kind: kind, header: 92, flags: flags}.bytes()
	}
	for name, c := range map[string]struct {
		want bool
		b    []byte
	}{
		"an address":             {true, addrOf(4, macInet, "", in4(1, 2, 3, 4)).bytes()},
		"an interface":           {true, routeMsg{kind: rtmIfInfo, header: 112}.bytes()},
		"a default route":        {true, route(rtmAdd, 0x803)},
		"a route taken away":     {true, route(rtmDelete, 0x3)},
		"an ARP entry":           {false, route(rtmAdd, 0x405)},
		"a cloned route":         {false, route(rtmDelete, 0x20005)},
		"no route for something": {false, route(0x7, 0)}, // RTM_MISS
		"the answer to a route":  {false, route(0x4, 3)},
		"one of two":             {true, append(route(0x7, 0), route(rtmChange, 3)...)},
		"nonsense":               {true, []byte{1, 0, 0}},
		"nothing":                {false, nil},
	} {
		if got := changesRoutes(c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestParseMedia(t *testing.T) {
	for _, c := range []struct {
		current, status      uint32
		wifi, carrier, known bool
	}{
		{0x80, 3, true, true, true}, // autoselect of IEEE 802.11
		{0x20 | 16, 3, false, true, true},
		{0x20, 1, false, false, true},
		{0x22, 0, false, false, false},
	} {
		b := make([]byte, mediaLen)
		binary.NativeEndian.PutUint32(b[mediaCurrent:], c.current)
		binary.NativeEndian.PutUint32(b[mediaStatus:], c.status)
		if wifi, carrier, known := parseMedia(b); wifi != c.wifi || carrier != c.carrier || known != c.known {
			t.Errorf("%+v: %v %v %v", c, wifi, carrier, known)
		}
	}
	if _, _, known := parseMedia(nil); known {
		t.Error("an interface without media")
	}
}

func FuzzRouteMessages(f *testing.F) {
	f.Add(rib())
	f.Add(addrOf(4, macIPv6, "", in6(0xfe, 0x80)).bytes())
	f.Add([]byte{4, 0, 5, rtmIfInfo2})
	f.Fuzz(func(t *testing.T, b []byte) {
		changesRoutes(b)
		list, traffic, err := parseRIB(b)
		if err != nil && (list != nil || traffic != nil) {
			t.Fatal("a list beside an error")
		}
		addrs := 0
		for _, in := range list {
			if in.Index <= 0 || in.Name == "" || in.Kind == "" && strings.TrimRight(in.Name, "0123456789") != "" {
				t.Errorf("%+v", in)
			}
			for _, p := range in.Addrs {
				if addrs++; !p.IsValid() {
					t.Errorf("%+v", in)
				}
			}
		}
		if len(list)*ifMsg2Len+addrs*ifaMsgLen > len(b) {
			t.Errorf("%d interfaces and %d addresses out of %d octets", len(list), addrs, len(b))
		}
	})
}
