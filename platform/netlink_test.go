package platform

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"
	"testing"
)

func attr(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(nlAttrLen+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, padded(len(b))-len(b))...)
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func message(kind, flags uint16, seq uint32, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	b := u32(uint32(nlHeaderLen + len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	return append(append(append(b, u32(seq)...), u32(0)...), body...)
}

func link(hardware uint16, index, flags uint32, attrs ...[]byte) []byte {
	body := []byte{0, 0}
	body = append(binary.NativeEndian.AppendUint16(body, hardware), u32(index)...)
	body = append(append(body, u32(flags)...), u32(0)...)
	return message(rtmNewLink, 0, 1, append([][]byte{body}, attrs...)...)
}

func kind(s string) []byte {
	return attr(iflaLinkInfo|0x8000, attr(iflaInfoKind, []byte(s+"\x00")))
}

func addr(family, bits byte, index uint32, attrs ...[]byte) []byte {
	return message(rtmNewAddr, 0, 1, append([][]byte{{family, bits, 0, 0}, u32(index)}, attrs...)...)
}

func TestParseLink(t *testing.T) {
	name := func(s string) []byte { return attr(iflaName, []byte(s+"\x00")) }
	for _, c := range []struct {
		what string
		in   []byte
		want Interface
	}{
		{"loopback", link(772, 1, 0x49, name("lo"), attr(iflaMTU, u32(65536))),
			Interface{Index: 1, Name: "lo", Kind: "loopback", MTU: 65536, Up: true, Running: true}},
		{"bridge port", link(1, 5, 0x1, name("eth0"), attr(iflaMaster, u32(9))),
			Interface{Index: 5, Name: "eth0", Kind: "ethernet", Up: true, Master: 9}},
		{"vlan", link(1, 6, 0x41, name("eth0.5"), attr(iflaLink, u32(5)), kind("vlan")),
			Interface{Index: 6, Name: "eth0.5", Kind: "vlan", Up: true, Running: true, Parent: 5}},
		{"vlan of another namespace", link(1, 6, 0x41, name("v"), attr(iflaLink, u32(5)), attr(iflaLinkNS, u32(0)), kind("vlan")),
			Interface{Index: 6, Name: "v", Kind: "vlan", Up: true, Running: true}},
		{"veth", link(1, 7, 0, name("veth0"), attr(iflaLink, u32(8)), kind("veth")),
			Interface{Index: 7, Name: "veth0", Kind: "veth"}},
		{"wireguard", link(65534, 8, 0x41, name("wg0"), kind("wireguard")),
			Interface{Index: 8, Name: "wg0", Kind: "tunnel", Up: true, Running: true}},
		{"unknown hardware", link(4711, 9, 0, name("x")), Interface{Index: 9, Name: "x", Kind: "arphrd-4711"}},
	} {
		var got []Interface
		done, err := parseDump(c.in, 1, func(m nlMessage) {
			if in, ok := parseLink(m); ok {
				got = append(got, in)
			}
		})
		if done || err != nil || len(got) != 1 || got[0].Name != c.want.Name || got[0].Kind != c.want.Kind ||
			got[0].Index != c.want.Index || got[0].Up != c.want.Up || got[0].Running != c.want.Running ||
			got[0].Master != c.want.Master || got[0].Parent != c.want.Parent || got[0].MTU != c.want.MTU {
			t.Errorf("%s: %+v %v %v, want %+v", c.what, got, done, err, c.want)
		}
	}
}

func TestParseAddr(t *testing.T) {
	four, six := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fe80::1")
	for _, c := range []struct {
		in   []byte
		want string
	}{
		{addr(afInet, 24, 3, attr(ifaAddress, four.AsSlice()), attr(ifaLocal, four.AsSlice())), "10.1.2.3/24"},
		{addr(afInet, 32, 3, attr(ifaAddress, []byte{10, 9, 9, 9}), attr(ifaLocal, four.AsSlice())), "10.1.2.3/32"},
		{addr(afInet, 32, 3, attr(ifaLocal, four.AsSlice()), attr(ifaAddress, []byte{10, 9, 9, 9})), "10.1.2.3/32"},
		{addr(afInet6, 64, 3, attr(ifaAddress, six.AsSlice())), "fe80::1/64"},
		{addr(afInet, 24, 3, attr(ifaAddress, six.AsSlice())), ""},
		{addr(afInet, 33, 3, attr(ifaAddress, four.AsSlice())), ""},
		{addr(afInet, 24, 3), ""},
	} {
		for m, err := range nlMessages(c.in) {
			index, p, ok := parseAddr(m)
			if err != nil || ok != (c.want != "") || ok && (index != 3 || p.String() != c.want) {
				t.Errorf("%d %s %v %v, want %q", index, p, ok, err, c.want)
			}
		}
	}
}

// listener is a struct inet_diag_msg.
func listener(state byte, port uint16) []byte {
	b := make([]byte, inetDiagLen)
	b[0], b[1], b[4], b[5] = afInet, state, byte(port>>8), byte(port)
	copy(b[8:], []byte{10, 0, 0, 7})
	binary.NativeEndian.PutUint32(b[64:], 1000)
	binary.NativeEndian.PutUint32(b[68:], 77)
	return b
}

func TestParseListener(t *testing.T) {
	for _, c := range []struct {
		what string
		in   []byte
		want uint16
		ok   bool
	}{
		{"a listener", message(sockDiagByFamily, 0, 1, listener(tcpListen, 8080)), 8080, true},
		{"with attributes", message(sockDiagByFamily, 0, 1, listener(tcpListen, 65535), attr(8, []byte{0})), 65535, true},
		{"a connection", message(sockDiagByFamily, 0, 1, listener(1, 8080)), 0, false},
		{"cut", message(sockDiagByFamily, 0, 1, listener(tcpListen, 8080)[:inetDiagLen-1]), 0, false},
		{"of another kind", message(rtmNewLink, 0, 1, listener(tcpListen, 8080)), 0, false},
	} {
		for m, err := range nlMessages(c.in) {
			want := Listener{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 7}), c.want), 1000, 77}
			if l, ok := parseListener(m); err != nil || ok != c.ok || ok && l != want {
				t.Errorf("%s: %+v %v %v", c.what, l, ok, err)
			}
		}
	}
}

func TestParseDumpEnds(t *testing.T) {
	ignore := func(nlMessage) {}
	if done, err := parseDump(message(nlDone, 0, 1, u32(0)), 1, ignore); !done || err != nil {
		t.Error("done:", done, err)
	}
	refused := int32(-int32(syscall.EPERM))
	if _, err := parseDump(message(nlError, 0, 1, u32(uint32(refused))), 1, ignore); !errors.Is(err, syscall.EPERM) {
		t.Error("error message:", err)
	}
	if done, err := parseDump(message(nlError, 0, 1, u32(0)), 1, ignore); !done || err != nil {
		t.Error("acknowledgement:", done, err)
	}
	if _, err := parseDump(message(rtmNewLink, nlIntr, 1, u32(0)), 1, ignore); !errors.Is(err, errInterrupted) {
		t.Error("interrupted dump:", err)
	}
	if done, err := parseDump(message(nlDone, 0, 7, u32(0)), 1, ignore); done || err != nil {
		t.Error("another request's answer:", done, err)
	}
	for _, b := range [][]byte{{1}, u32(0), append(u32(15), make([]byte, 12)...), append(u32(1<<31), make([]byte, 12)...)} {
		if _, err := parseDump(b, 1, ignore); !errors.Is(err, errNetlink) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func TestChooseMetersTheRoots(t *testing.T) {
	list := []Interface{
		{Index: 1, Name: "lo", Kind: "loopback", Up: true},
		{Index: 2, Name: "br0", Kind: "bridge", Up: true},
		{Index: 3, Name: "eth0", Kind: "ethernet", Up: true, Master: 2},
		{Index: 4, Name: "br0.7", Kind: "vlan", Up: true, Parent: 2},
		{Index: 5, Name: "mgmt", Kind: "vrf", Up: true},
		{Index: 6, Name: "eth1", Kind: "ethernet", Up: true, Master: 5},
		{Index: 7, Name: "wg0", Kind: "tunnel", Up: true, Parent: 6},
		{Index: 8, Name: "mv0", Kind: "macvlan", Up: true, Parent: 6},
		{Index: 9, Name: "eth2", Kind: "ethernet"},
		{Index: 10, Name: "mv1", Kind: "macvlan", Up: true}, // its parent is in another namespace
		{Index: 11, Name: "ovs-system", Kind: "openvswitch", Up: true},
		{Index: 12, Name: "tap0", Kind: "tun", Up: true, Master: 11},
	}
	choose(list)
	want := map[string]string{
		"eth0": "port of br0", "br0.7": "VLAN of br0: its parent shows the tag", "mgmt": "a VRF: its ports are metered",
		"mv0": "macvlan of eth1: its parent shows its frames", "eth2": "down", "ovs-system": "the switch's own device: its ports are metered",
	}
	for _, in := range list {
		if in.Reason != want[in.Name] || in.Meter != (want[in.Name] == "") {
			t.Errorf("%s: meter %v, %q; want %q", in.Name, in.Meter, in.Reason, want[in.Name])
		}
	}
}

// FuzzNetlink holds that no datagram makes the parser read beyond it, loop or yield an unnamed interface.
func FuzzNetlink(f *testing.F) {
	f.Add(link(1, 6, 0x41, attr(iflaName, []byte("eth0\x00")), attr(iflaLink, u32(5)), attr(iflaAddress, make([]byte, 6)), kind("vlan")))
	f.Add(link(1, 6, 0x41, attr(iflaStats64, make([]byte, 25*8))))
	f.Add(addr(afInet, 24, 3, attr(ifaAddress, []byte{10, 1, 2, 3})))
	f.Add(message(sockDiagByFamily, 0, 1, listener(tcpListen, 22)))
	f.Add(append(message(nlError, 0, 1, u32(0)), message(nlDone, 2, 1, u32(0))...))
	f.Add(message(16, 0, 1, []byte{1, 2, 0, 0}, attr(ctrlFamilyID, []byte{28, 0}), attr(nl80211AttrIndex, u32(3))))
	f.Fuzz(func(t *testing.T, b []byte) {
		messages := 0
		_, _ = parseDump(b, 1, func(m nlMessage) {
			messages++
			if in, ok := parseLink(m); ok && (in.Index <= 0 || in.Name == "" || in.Kind == "" || len(in.Name) > len(b)) {
				t.Errorf("%+v", in)
			}
			if _, p, ok := parseAddr(m); ok && !p.IsValid() {
				t.Error(p)
			}
			parseTraffic(m)
			parseFamily(m)
			parseWireless(m)
			parseListener(m)
		})
		if messages > len(b)/nlHeaderLen {
			t.Errorf("%d messages in %d octets", messages, len(b))
		}
	})
}
