package identify

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The vectors of the specification, each in both directions where there are two.
func TestCommunityID(t *testing.T) {
	for _, v := range []struct {
		proto        uint8
		src, dst     string
		sport, dport uint16
		want         string
		oneWay       bool
	}{
		{protoUDP, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", false},
		{protoTCP, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", false},
		{protoSCTP, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", false},
		{46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", false}, // RSVP
		{protoICMP, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", false},
		{protoICMPv6, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", false},
		{protoICMPv6, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=", true},
	} {
		src, dst := netip.MustParseAddr(v.src), netip.MustParseAddr(v.dst)
		got := string(AppendCommunityID(nil, 0, src, dst, v.proto, v.sport, v.dport))
		if got != v.want {
			t.Errorf("%s to %s, %d: %s, want %s", v.src, v.dst, v.proto, got, v.want)
		}
		sport, dport := v.dport, v.sport
		if other, ok := counterpart(v.proto, v.sport); ok && (v.proto == protoICMP || v.proto == protoICMPv6) {
			sport, dport = other, 0
		}
		if back := string(AppendCommunityID(nil, 0, dst, src, v.proto, sport, dport)); (back == got) == v.oneWay {
			t.Errorf("%s to %s, %d: %s back", v.dst, v.src, v.proto, back)
		}
	}
}

// TestCommunityIDBaselines holds all vectors of the specification's own baselines, of seeds 0 and 1.
func TestCommunityIDBaselines(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus", "oracle", "community-id")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the baselines are not beside the repository: %v", err)
	}
	vectors := 0
	for file, seed := range map[string]uint16{"baseline_deflt.json": 0, "baseline_nob64.json": 0, "baseline_seed1.json": 1} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		var list []struct {
			Proto        uint8
			Saddr, Daddr netip.Addr
			Sport, Dport uint16
			CommunityID  string
		}
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			got := string(AppendCommunityID(nil, seed, v.Saddr, v.Daddr, v.Proto, v.Sport, v.Dport))
			if strings.Contains(file, "nob64") {
				sum, err := base64.StdEncoding.DecodeString(got[2:])
				if err != nil {
					t.Fatal(err)
				}
				got = "1:" + hex.EncodeToString(sum)
			}
			if got != v.CommunityID {
				t.Errorf("%s %+v: %s", file, v, got)
			}
			vectors++
		}
	}
	if vectors < 60 {
		t.Errorf("only %d vectors", vectors)
	}
	t.Logf("%d vectors", vectors)
}

func TestCommunityIDAllocs(t *testing.T) {
	src, dst := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	b := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { b = AppendCommunityID(b[:0], 0, dst, src, protoTCP, 443, 50000) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
