package platform

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

func TestInterfacesAgreeWithIP(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	netns.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	netns.Run(t, "ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
	netns.Run(t, "ip", "link", "set", "va", "master", "br0", "mtu", "1400", "up")
	netns.Run(t, "ip", "tuntap", "add", "dev", "t0", "mode", "tun")
	netns.Run(t, "ip", "link", "add", "vx", "type", "vxlan", "id", "5", "remote", "10.0.0.2", "dev", "vb", "dstport", "4789")
	netns.Run(t, "ip", "link", "set", "vb", "up")
	netns.Run(t, "ip", "link", "set", "br0", "up")
	netns.Run(t, "ip", "addr", "add", "10.0.0.1/24", "dev", "br0")
	netns.Run(t, "ip", "addr", "add", "fd00::1/64", "dev", "vb", "nodad")

	var want []struct {
		Index  int    `json:"ifindex"`
		Name   string `json:"ifname"`
		MTU    int    `json:"mtu"`
		MAC    string `json:"address"`
		Link   string `json:"link"`
		Master string `json:"master"`
		Flags  []string
		Info   struct {
			Kind string `json:"info_kind"`
		} `json:"linkinfo"`
		Addrs []struct {
			Local string `json:"local"`
			Bits  int    `json:"prefixlen"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(netns.Run(t, "ip", "-d", "-j", "addr")), &want); err != nil {
		t.Fatal(err)
	}
	list, err := Interfaces()
	if err != nil || len(list) != len(want) || len(list) < 6 {
		t.Fatalf("%d interfaces of %d: %v", len(list), len(want), err)
	}
	names := map[int]string{}
	for _, in := range list {
		names[in.Index] = in.Name
	}
	kinds := map[string]string{"br0": "bridge", "va": "veth", "vb": "veth", "t0": "tun", "vx": "tunnel", "lo": "loopback"}
	for i, w := range want {
		in := list[i]
		flags := strings.Join(w.Flags, ",")
		if in.Index != w.Index || in.Name != w.Name || in.MTU != w.MTU || names[in.Master] != w.Master ||
			in.Up != strings.Contains(flags, "UP") || len(in.MAC) > 0 && in.MAC.String() != w.MAC && in.Kind != "loopback" {
			t.Errorf("%+v, ip says %+v", in, w)
		}
		if k := kinds[in.Name]; k != "" && in.Kind != k {
			t.Errorf("%s is a %s, not %s", in.Name, in.Kind, k)
		}
		var addrs, theirs []string
		for _, p := range in.Addrs {
			addrs = append(addrs, p.String())
		}
		for _, a := range w.Addrs {
			theirs = append(theirs, netip.PrefixFrom(netip.MustParseAddr(a.Local), a.Bits).String())
		}
		for _, a := range theirs {
			if !strings.Contains(strings.Join(addrs, " "), a) {
				t.Errorf("%s: %v lacks %s", in.Name, addrs, a)
			}
		}
	}
	meter := map[string]string{}
	for _, in := range list {
		meter[in.Name] = in.Reason
	}
	for name, reason := range map[string]string{"lo": "", "br0": "", "va": "port of br0", "vb": "", "t0": "down", "vx": "down"} {
		if meter[name] != reason {
			t.Errorf("%s: %q, want %q", name, meter[name], reason)
		}
	}
}

func TestWatchReportsLinkAddressAndRoute(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed := Watch(ctx)
	steps := []string{
		"ip link add va type veth peer name vb", "ip link set va up", "ip link set vb name vc", "ip link set vc up",
		"ip addr add 10.0.0.1/24 dev va", "ip addr add fd00::1/64 dev va", "ip route add 10.9.0.0/16 via 10.0.0.2", "ip link del va",
	}
	for _, s := range steps {
		for quiet := false; !quiet; { // IPv6 goes on talking for a while after a link came up
			select {
			case <-changed:
			case <-time.After(50 * time.Millisecond):
				quiet = true
			}
		}
		netns.Run(t, strings.Fields(s)...)
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: no notice within ten seconds", s)
		}
	}
	cancel()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case _, open := <-changed:
			if !open {
				return
			}
		case <-deadline:
			t.Fatal("the channel was not closed")
		}
	}
}
