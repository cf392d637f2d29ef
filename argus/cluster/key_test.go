package cluster

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// plain returns a record of a sensor of another kind: one packet each way, at second from.
func plain(proto uint8, src, dst string, sport, dport uint16, from int64) *argus.Record {
	r := &argus.Record{Kind: argus.KindFlow}
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	r.Flow.Family, r.Flow.Proto, r.Flow.SrcPort, r.Flow.DstPort = flow.FamilyIPv4, proto, sport, dport
	if s.Is6() {
		r.Flow.Family = flow.FamilyIPv6
	}
	copy(r.Flow.Src[:], s.AsSlice())
	copy(r.Flow.Dst[:], d.AsSlice())
	r.Flow.Side[0] = flow.Side{Packets: 1, Bytes: 100, First: from * 1e9, Last: from * 1e9, TTL: 64}
	r.Flow.Side[1] = flow.Side{Packets: 2, Bytes: 300, First: from*1e9 + 5e8, Last: from*1e9 + 1e9, TTL: 60}
	return r
}

// rowsOf adds records up by a key and returns what comes out, in words.
func rowsOf(t *testing.T, spec string, records ...*argus.Record) []string {
	t.Helper()
	k, err := ParseKey(spec)
	if err != nil {
		t.Fatal(err)
	}
	c := New(100, k)
	for _, r := range records {
		if c.Add(r) != nil {
			t.Errorf("%s: a record was given out", spec)
		}
	}
	var rows []string
	for r := range c.All() {
		f := &r.Flow
		rows = append(rows, strings.Join([]string{f.SrcAddr().String(), f.DstAddr().String(), itoa(f.Proto), itoa(f.SrcPort), itoa(f.DstPort),
			itoa(f.Side[0].Packets), itoa(f.Side[1].Packets), itoa(r.Added.Aggregate.Count)}, " "))
	}
	return rows
}

func itoa[N uint8 | uint16 | uint32 | uint64](n N) string {
	digits := []byte{}
	for {
		digits = append(digits, byte('0'+n%10))
		if n /= 10; n == 0 {
			slices.Reverse(digits)
			return string(digits)
		}
	}
}

func TestKeys(t *testing.T) {
	records := []*argus.Record{
		plain(17, "10.1.2.3", "10.9.9.9", 1000, 53, 0),
		plain(17, "10.1.2.4", "10.9.9.9", 1001, 53, 1),
		plain(6, "10.1.2.3", "10.8.9.9", 1000, 80, 2),
		plain(17, "10.9.9.9", "10.1.2.3", 53, 1000, 3),
	}
	for spec, want := range map[string][]string{
		"none":            {"10.0.0.0 10.0.0.0 0 0 0 4 8 4"},
		"saddr":           {"10.1.2.3 10.8.0.0 0 0 0 2 4 2", "10.1.2.4 10.9.9.9 17 1001 53 1 2 0", "10.9.9.9 10.1.2.3 17 53 1000 1 2 0"},
		"saddr/24":        {"10.1.2.0 10.8.0.0 0 0 0 3 6 3", "10.9.9.0 10.1.2.3 17 53 1000 1 2 0"},
		"saddr/255.0.0.0": {"10.0.0.0 10.0.0.0 0 0 0 4 8 4"},
		"proto":           {"10.0.0.0 10.0.0.0 17 0 0 3 6 3", "10.1.2.3 10.8.9.9 6 1000 80 1 2 0"},
		"daddr,dport":     {"10.1.2.0 10.9.9.9 17 0 53 2 4 2", "10.1.2.3 10.8.9.9 6 1000 80 1 2 0", "10.9.9.9 10.1.2.3 17 53 1000 1 2 0"},
		"matrix proto":    {"10.1.2.3 10.9.9.9 17 1000 53 3 3 2", "10.1.2.4 10.9.9.9 17 1001 53 1 2 0", "10.1.2.3 10.8.9.9 6 1000 80 1 2 0"},
		"matrix/8":        {"10.0.0.0 10.0.0.0 0 0 0 5 7 4"},
		"dport":           {"10.1.2.0 10.9.9.9 17 0 53 2 4 2", "10.1.2.3 10.8.9.9 6 1000 80 1 2 0", "10.9.9.9 10.1.2.3 17 53 1000 1 2 0"},
		"rmon saddr/8":    {"10.0.0.0 10.0.0.0 0 0 0 12 12 8"},
	} {
		if got := rowsOf(t, spec, records...); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", spec, got, want)
		}
	}
}

// TestPortsOfProtocols: a port is that of a protocol, whichever the version of IP.
func TestPortsOfProtocols(t *testing.T) {
	got := rowsOf(t, "dport", plain(17, "10.0.0.1", "10.0.0.2", 1, 53, 0), plain(6, "10.0.0.1", "10.0.0.2", 1, 53, 1), plain(17, "2001:db8::1", "2001:db8::2", 1, 53, 2))
	if want := []string{"0.0.0.0 0.0.0.0 17 1 53 2 4 2", "10.0.0.1 10.0.0.2 6 1 53 1 2 0"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestEchoes: the echoes of one ping are one flow, as with racluster, also when a sensor of another kind wrote each as its own.
func TestEchoes(t *testing.T) {
	got := rowsOf(t, "", plain(1, "10.0.0.1", "10.0.0.2", 77, 1, 0), plain(1, "10.0.0.1", "10.0.0.2", 77, 2, 1), plain(1, "10.0.0.1", "10.0.0.2", 78, 3, 2))
	if want := []string{"10.0.0.1 10.0.0.2 1 77 1 2 4 2", "10.0.0.1 10.0.0.2 1 78 3 1 2 0"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestCount(t *testing.T) {
	var c Count
	lldp := plain(0, "10.0.0.1", "10.0.0.2", 0, 0, 0)
	lldp.Flow.Family, lldp.Flow.Type = flow.FamilyEthernet, 0x88cc
	other := plain(0, "10.0.0.1", "10.0.0.2", 0, 0, 0)
	other.Flow.Family, other.Flow.Type = flow.FamilyEthernet, 0x8899
	for _, r := range []*argus.Record{plain(17, "10.0.0.1", "10.0.0.2", 1, 53, 0), plain(17, "10.0.0.3", "10.0.0.2", 1, 53, 0), lldp, other, {Kind: argus.KindManagement}} {
		c.Add(r)
	}
	if c.Other != 1 || c.Total != (Total{4, [2]uint64{4, 8}, [2]uint64{400, 1200}}) {
		t.Errorf("%+v", c)
	}
	var got []flow.Key
	for k, v := range c.Protocols() {
		got = append(got, k)
		if k.Proto == 17 && v != (Total{2, [2]uint64{2, 4}, [2]uint64{200, 600}}) {
			t.Errorf("UDP: %+v", v)
		}
	}
	if want := []flow.Key{{Family: flow.FamilyIPv4, Proto: 17}, {Family: flow.FamilyEthernet, Type: 0x8899}, {Family: flow.FamilyEthernet, Type: 0x88cc}}; !slices.Equal(got, want) {
		t.Errorf("protocols %+v", got)
	}
}

// TestKeyWords: every word keeps apart what differs only in it.
func TestKeyWords(t *testing.T) {
	for word, change := range map[string]func(*argus.Record){
		"srcid": func(r *argus.Record) { r.Monitor.Kind = 1 },
		"inf":   func(r *argus.Record) { r.Interface[0] = 'e' },
		"smac":  func(r *argus.Record) { r.Flow.SrcMAC[5] = 1 },
		"dmac":  func(r *argus.Record) { r.Flow.DstMAC[5] = 1 },
		"soui":  func(r *argus.Record) { r.Flow.SrcMAC[2] = 1 },
		"doui":  func(r *argus.Record) { r.Flow.DstMAC[2] = 1 },
		"smpls": func(r *argus.Record) { r.Flow.Side[0].HasMPLS = true },
		"dmpls": func(r *argus.Record) { r.Flow.Side[1].HasMPLS, r.Flow.Side[1].MPLS = true, 1<<12 },
		"svlan": func(r *argus.Record) { r.Flow.Side[0].HasVLAN = true },
		"dvlan": func(r *argus.Record) { r.Flow.Side[1].HasVLAN, r.Flow.Side[1].VLAN = true, 7 },
		"saddr": func(r *argus.Record) { r.Flow.Src[3]++ },
		"daddr": func(r *argus.Record) { r.Flow.Dst[3]++ },
		"proto": func(r *argus.Record) { r.Flow.Proto++ },
		"sport": func(r *argus.Record) { r.Flow.SrcPort++ },
		"dport": func(r *argus.Record) { r.Flow.DstPort++ },
		"stos":  func(r *argus.Record) { r.Flow.Side[0].TOS++ },
		"dtos":  func(r *argus.Record) { r.Flow.Side[1].TOS++ },
		"sttl":  func(r *argus.Record) { r.Flow.Side[0].TTL++ },
		"dttl":  func(r *argus.Record) { r.Flow.Side[1].TTL++ },
		"stcpb": func(r *argus.Record) { r.Flow.TCP.Side[0].Base++ },
		"dtcpb": func(r *argus.Record) { r.Flow.TCP.Side[1].Base++ },
		"inode": func(r *argus.Record) { r.Flow.ICMP = flow.ICMPReport{Family: flow.FamilyIPv4, From: [16]byte{1}} },
		"sco":   func(r *argus.Record) { r.Added.Country[0] = [2]byte{'D', 'E'} },
		"dco":   func(r *argus.Record) { r.Added.Country[1] = [2]byte{'D', 'E'} },
		"sas":   func(r *argus.Record) { r.Added.AS[0]++ },
		"das":   func(r *argus.Record) { r.Added.AS[1]++ },
		"ias":   func(r *argus.Record) { r.Added.AS[2]++ },
	} {
		one, other := plain(6, "10.0.0.1", "10.0.0.2", 1, 2, 0), plain(6, "10.0.0.1", "10.0.0.2", 1, 2, 1)
		if got := rowsOf(t, word, one, other); len(got) != 1 {
			t.Errorf("%s keeps apart what is the same: %q", word, got)
		}
		change(other)
		if got := rowsOf(t, word, one, other); len(got) != 2 {
			t.Errorf("%s merges what differs: %q", word, got)
		}
	}
}

func TestBadKeys(t *testing.T) {
	for spec, want := range map[string]string{
		"sadr":            "no key \"sadr\"",
		"saddr/33x":       "neither a prefix length",
		"saddr/0":         "neither a prefix length",
		"saddr/255.0.1.0": "is no netmask",
		"sport/8":         "only addresses",
		"rmon":            "another word",
		"rmon matrix":     "in one",
	} {
		if _, err := ParseKey(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
}

// TestAggregate: a merged record tells how long its records lasted, and the pauses between them.
func TestAggregate(t *testing.T) {
	c := New(10, Key{})
	for i, last := range []int64{4_530_000_000, 9_530_000_000, 13_050_000_000} {
		r := plain(17, "10.0.0.1", "10.0.0.2", 1, 2, 0)
		r.Flow.Side[0].First, r.Flow.Side[0].Last = []int64{0, 5_030_000_000, 10_030_000_000}[i], last
		r.Flow.Side[1] = flow.Side{}
		c.Add(r)
	}
	for r := range c.All() {
		a := r.Added.Aggregate
		near := func(v, w float64) bool { return v-w < 1e-6 && w-v < 1e-6 }
		if a.Count != 3 || !near(a.Active.Mean, 4.0166667) || !near(a.Active.StdDev, 0.70485617) || a.Active.Min != 3.02 || a.Active.Max != 4.53 || !near(a.Active.Sum, 12.05) ||
			a.Idle.N != 2 || !near(a.Idle.Mean, 0.5) {
			t.Errorf("%+v", a)
		}
		over := New(1, Key{}) // records at the same time have no pause between them
		over.Add(r)
		over.Add(r)
		for r := range over.All() {
			if b := r.Added.Aggregate; b.Idle.N != 4 {
				t.Errorf("at the same time: %+v", b)
			}
		}
		again := New(1, Key{}) // what was merged merges on
		again.Add(r)
		again.Add(r)
		for r := range again.All() {
			if b := r.Added.Aggregate; b.Count != 6 || !near(b.Active.Mean, a.Active.Mean) || !near(b.Active.StdDev, a.Active.StdDev) || !near(b.Active.Sum, 24.1) {
				t.Errorf("merged again: %+v", b)
			}
		}
	}
}

func TestExpireAndTop(t *testing.T) {
	c := New(10, Key{})
	for i := range 9 {
		r := plain(17, "10.0.0.1", "10.0.0.2", uint16(i), 53, int64(i))
		r.Flow.Side[0].Bytes = uint64((i * 5) % 9)
		c.Add(r)
	}
	order, err := ParseOrder("-sbytes", compareBytes)
	if err != nil {
		t.Fatal(err)
	}
	top := c.Top(3, order)
	if len(top) != 3 || top[0].Flow.Side[0].Bytes != 8 || top[1].Flow.Side[0].Bytes != 7 || top[2].Flow.Side[0].Bytes != 6 || c.Len() != 9 {
		t.Errorf("top of %d: %v", c.Len(), top)
	}
	same, err := ParseOrder("sttl", compareBytes)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range c.Top(9, same) { // equal ones stay in their order
		if int(r.Flow.SrcPort) != i {
			t.Errorf("place %d of equal ones has port %d", i, r.Flow.SrcPort)
		}
	}
	if n := len(c.Top(0, order)); n != 0 {
		t.Errorf("top 0 has %d", n)
	}
	if n := len(c.Top(1<<30, order)); n != 9 {
		t.Errorf("top of all has %d", n)
	}
	c.Expire(6e9)
	if c.Len() != 4 { // those of second 5 end at 6
		t.Errorf("%d are left", c.Len())
	}
	c.Add(plain(17, "10.0.0.1", "10.0.0.2", 0, 53, 20)) // it begins anew
	if c.Len() != 5 {
		t.Errorf("%d are held after one came back", c.Len())
	}
	for r := range c.All() {
		if r.Flow.SrcPort == 0 && r.Added.Aggregate.Count != 0 {
			t.Errorf("an expired record came back: %+v", r)
		}
	}
}
