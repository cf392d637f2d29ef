package flow

import (
	"strings"
	"testing"
)

// only returns the record of the one flow that the packets make.
func only(t *testing.T, packets ...*Packet) *Record {
	t.Helper()
	m := newMeter()
	m.add(packets...)
	records := m.end()
	if len(records) != 1 {
		t.Fatalf("%d records, want 1", len(records))
	}
	return &records[0]
}

var router = ip4(192, 0, 2, 1)

// unreachable is a router's message to alice about the packet that went out from her, or came in for her.
func unreachable(at int64, quoted *Packet) *Packet {
	p := packet(at, ProtoICMP, router, alice, 0, 0, 70, 36)
	p.Type = 3<<8 | 3
	p.Quote = &Quote{Key: quoted.Key}
	return p
}

// An ICMP error is a flow of its own and marks the flow that it quotes, whichever side sent what is quoted.
func TestICMPMarksTheQuotedFlow(t *testing.T) {
	for _, out := range []bool{true, false} {
		m := newMeter()
		m.add(udp(t0, true, 10), udp(t0+1, false, 10), unreachable(t0+2, udp(0, out, 10)))
		records := m.end()
		if len(records) != 2 {
			t.Fatalf("%d flows, want that of the datagrams and that of the message", len(records))
		}
		for _, r := range records {
			want := ICMPReport{}
			if r.Proto == ProtoUDP {
				want = ICMPReport{Type: 3, Code: 3, Family: FamilyIPv4, From: router, To: alice}
			}
			if r.ICMP != want {
				t.Errorf("protocol %d: report %+v, want %+v", r.Proto, r.ICMP, want)
			}
		}
	}
}

// What is quoted and not known makes no flow: anybody can send a quote.
func TestICMPQuoteMakesNoFlow(t *testing.T) {
	m := newMeter()
	m.add(unreachable(t0, udp(0, true, 10)))
	if s := m.Stats(); s.Flows != 1 {
		t.Errorf("%d flows, want the message's alone", s.Flows)
	}
}

// A message that comes after the record waits for the next one, and is told once.
func TestICMPMarkWaitsForARecord(t *testing.T) {
	m := newMeter()
	m.add(udp(t0, true, 10))
	m.drain(m.NextDue())
	m.add(unreachable(t0+7*second, udp(0, true, 10)), udp(t0+8*second, true, 10), udp(t0+14*second, true, 10))
	var marks []bool
	for _, r := range m.end() {
		if r.Proto == ProtoUDP {
			marks = append(marks, r.ICMP.From == router)
		}
	}
	if len(marks) != 3 || marks[0] || !marks[1] || marks[2] {
		t.Errorf("marks on the flow's records: %v, want on the second of three", marks)
	}
}

// The tunnel of a record is that of the first packet which came out of one, turned like the record.
func TestTunnel(t *testing.T) {
	near, far := ip4(198, 51, 100, 1), ip4(198, 51, 100, 2)
	outer := Key{Src: far, Dst: near, SrcPort: 1000, DstPort: 4789, Proto: ProtoUDP, Family: FamilyIPv4}
	plain, answer, later := udp(t0, true, 1), udp(t0+1, false, 1), udp(t0+2, true, 1)
	answer.Tunnel = &Tunnel{Key: outer, Encaps: EncapsVXLAN, ID: 42}
	later.Tunnel = &Tunnel{Key: outer, Encaps: EncapsGRE}
	got := only(t, plain, answer, later).Tunnel
	want := Tunnel{Encaps: EncapsVXLAN, ID: 42,
		Key: Key{Src: near, Dst: far, SrcPort: 4789, DstPort: 1000, Proto: ProtoUDP, Family: FamilyIPv4}}
	if got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if r := only(t, udp(t0, true, 1)); r.Tunnel != (Tunnel{}) {
		t.Errorf("a flow outside tunnels: %+v", r.Tunnel)
	}
}

// Sequence numbers that were skipped are lost until they come; a jump of more than 2^16 is a new association
// (RFC 4303 sections 3.3.3 and 3.4.3).
func TestESPSequence(t *testing.T) {
	for _, c := range []struct {
		name string
		seq  []uint32
		want ESP
	}{
		{"one after another", []uint32{5, 6, 7}, ESP{Last: 7}},
		{"three lost", []uint32{5, 9}, ESP{Last: 9, Lost: 3}},
		{"late", []uint32{5, 8, 6}, ESP{Last: 8, Lost: 1}},
		{"again", []uint32{5, 6, 6}, ESP{Last: 6}},
		{"wraps", []uint32{0xfffffffe, 1}, ESP{Last: 1, Lost: 2}},
		{"begins anew", []uint32{900_000, 1, 2}, ESP{Last: 2}},
		{"jumps far ahead", []uint32{5, 5 + espJump + 1}, ESP{Last: 5 + espJump + 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ps []*Packet
			for i, seq := range c.seq {
				p := packet(t0+int64(i), ProtoESP, alice, bob, 1, 2, 100, 0)
				p.ESPSeq = seq
				ps = append(ps, p)
			}
			if got := only(t, ps...).ESP; got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	t.Run("loss is that of the interval", func(t *testing.T) {
		m := newMeter()
		for i, seq := range []uint32{1, 4, 5} {
			p := packet(t0+int64(i)*4*second, ProtoESP, alice, bob, 1, 2, 100, 0)
			p.ESPSeq = seq
			m.add(p)
		}
		if r := m.end(); len(r) != 2 || r[0].ESP != (ESP{Last: 4, Lost: 2}) || r[1].ESP != (ESP{Last: 5}) {
			t.Errorf("%+v", r)
		}
	})
}

func TestARPResponder(t *testing.T) {
	arp := func(op uint16, src, dst [16]byte, sender byte) *Packet {
		p := packet(t0, 0, src, dst, 0, 0, 60, 28)
		p.Family, p.Type, p.IPLen, p.Sender = FamilyARP, op, 0, [6]byte{2, 0, 0, 0, 0, sender}
		return p
	}
	ask, answer := arp(1, alice, bob, 1), arp(2, bob, alice, 2)
	if r := only(t, ask, answer); r.Responder != [6]byte{2, 0, 0, 0, 0, 2} {
		t.Errorf("responder %x", r.Responder)
	}
	if r := only(t, ask); r.Responder != [6]byte{} {
		t.Errorf("nobody answered, responder %x", r.Responder)
	}
}

func TestHardwareAddresses(t *testing.T) {
	a, b, c, no := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, [6]byte{2, 0, 0, 0, 0, 3}, [6]byte{}
	link := func(out bool, src, dst [6]byte) *Packet {
		p := udp(t0, out, 1)
		p.SrcMAC, p.DstMAC, p.EtherType, p.Has = src, dst, 0x0800, HasMAC
		return p
	}
	for _, x := range []struct {
		name  string
		p     []*Packet
		multi bool
	}{
		{"one path", []*Packet{link(true, a, b), link(false, b, a), link(true, a, b)}, false},
		{"another router answers", []*Packet{link(true, a, b), link(false, c, a)}, true},
		{"the next packet goes elsewhere", []*Packet{link(true, a, b), link(true, a, c)}, true},
		{"then a link without addresses", []*Packet{link(true, a, b), udp(t0, false, 1)}, false},
		{"a cooked link, which tells the sender alone", []*Packet{link(true, a, no), link(false, b, no), link(true, a, no)}, false},
		{"a cooked link with another sender", []*Packet{link(true, a, no), link(false, b, no), link(true, c, no)}, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := only(t, x.p...)
			if r.MultiMAC != x.multi || r.SrcMAC != a || r.DstMAC != b || r.EtherType != 0x0800 || !r.HasMAC {
				t.Errorf("addresses %x and %x, more of them %v", r.SrcMAC, r.DstMAC, r.MultiMAC)
			}
		})
	}
}

// The history of a UDP flow is who sent payload, in order; it is the whole flow's.
func TestHistoryOfDatagrams(t *testing.T) {
	for _, c := range []struct {
		want string
		p    []*Packet
	}{
		{"D", []*Packet{udp(t0, true, 1), udp(t0, true, 1)}},
		{"Dd", []*Packet{udp(t0, true, 1), udp(t0, false, 1), udp(t0, true, 1)}},
		{"d", []*Packet{udp(t0, true, 0), udp(t0, false, 1)}},
		{"dD", []*Packet{udp(t0, true, 0), udp(t0, false, 1), udp(t0, true, 1)}},
		{"", []*Packet{udp(t0, true, 0), udp(t0, false, 0)}},
	} {
		if r := only(t, c.p...); r.History.String() != c.want {
			t.Errorf("history %q, want %q", &r.History, c.want)
		}
	}
	m := newMeter()
	m.add(udp(t0, true, 1), udp(t0+6*second, false, 1))
	if r := m.end(); len(r) != 2 || r[1].History.String() != "Dd" {
		t.Errorf("the second record's history is not the whole flow's: %+v", r)
	}
}

// A record holds the first octets of each side's payload in its interval, and none when none are wanted.
func TestUserData(t *testing.T) {
	say := func(at int64, out bool, text string) *Packet {
		p := udp(at, out, uint32(len(text)))
		p.Payload = []byte(text)
		return p
	}
	talk := []*Packet{
		say(t0, true, "GET /"), say(t0+1, false, "200"), say(t0+2, true, "index"), say(t0+3, true, "more"),
		say(t0+6*second, true, "again"), say(t0+7*second, true, strings.Repeat("x", 100)),
	}
	for _, c := range []struct {
		limit int
		want  [2][2]string // of each record's sides
	}{
		{0, [2][2]string{}},
		{8, [2][2]string{{"GET /ind", "200"}, {"againxxx", ""}}},
		{100, [2][2]string{{"GET /indexmore", "200"}, {"again" + strings.Repeat("x", 95), ""}}},
	} {
		config := DefaultConfig()
		config.UserData = c.limit
		tab := NewTable(config)
		var got [][2]string
		take := func(r *Record) {
			got = append(got, [2]string{string(r.Side[0].Data), string(r.Side[1].Data)})
		}
		for _, p := range talk {
			if tab.Add(p) {
				for r := range tab.Due(p.Time) {
					take(r)
				}
			}
		}
		for r := range tab.Flush(t0 + 8*second) {
			take(r)
		}
		if len(got) != 2 || got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("limit %d: %q, want %q", c.limit, got, c.want)
		}
	}
}
