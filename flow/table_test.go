package flow

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const second = int64(time.Second)

// t0 is when the tests' captures begin, ns since 1970.
const t0 = 1_700_000_000 * second

// ip4 returns an IPv4 address in a key's form.
func ip4(a, b, c, d byte) (out [16]byte) { copy(out[:], []byte{a, b, c, d}); return }

func packet(at int64, proto uint8, src, dst [16]byte, sport, dport uint16, frame, payload uint32) *Packet {
	return &Packet{
		Key:  Key{Src: src, Dst: dst, SrcPort: sport, DstPort: dport, Proto: proto, Family: FamilyIPv4},
		Time: at, FrameLen: frame, IPLen: frame - 14, PayloadLen: payload, Segments: 1, TTL: 64,
	}
}

var alice, bob = ip4(10, 0, 0, 1), ip4(10, 0, 0, 2)

func udp(at int64, out bool, payload uint32) *Packet {
	if out {
		return packet(at, ProtoUDP, alice, bob, 5000, 53, 42+payload, payload)
	}
	return packet(at, ProtoUDP, bob, alice, 53, 5000, 42+payload, payload)
}

// meter adds packets as a meter does and collects copies of all records.
type meter struct {
	*Table
	records []Record
}

func newMeter() *meter { return &meter{Table: NewTable(DefaultConfig())} }

func (m *meter) add(packets ...*Packet) {
	for _, p := range packets {
		if m.Add(p) {
			m.drain(p.Time)
		}
	}
}

func (m *meter) drain(now int64) {
	for r := range m.Due(now) {
		m.records = append(m.records, *r)
	}
}

// end flushes and returns all records.
func (m *meter) end() []Record {
	for r := range m.Flush(m.clock - m.skew) {
		m.records = append(m.records, *r)
	}
	return m.records
}

func TestBothDirectionsMeet(t *testing.T) {
	m := newMeter()
	m.add(udp(t0, true, 30), udp(t0+1000, false, 100), udp(t0+3000, false, 50))
	records := m.end()
	if len(records) != 1 {
		t.Fatalf("%d records, want 1", len(records))
	}
	r := records[0]
	if r.SrcAddr().String() != "10.0.0.1" || r.DstAddr().String() != "10.0.0.2" || r.SrcPort != 5000 || r.DstPort != 53 {
		t.Errorf("tuple %v:%d -> %v:%d", r.SrcAddr(), r.SrcPort, r.DstAddr(), r.DstPort)
	}
	want := [2]Side{
		{Packets: 1, Bytes: 72, IPBytes: 58, Payload: 30, First: t0, Last: t0, TTL: 64},
		{Packets: 2, Bytes: 234, IPBytes: 206, Payload: 150, First: t0 + 1000, Last: t0 + 3000, TTL: 64},
	}
	if r.Side != want {
		t.Errorf("sides %+v\nwant  %+v", r.Side, want)
	}
	if r.Cause != CauseStart || r.End != EndForced || r.Start != t0 {
		t.Errorf("cause %#x end %d start %d", r.Cause, r.End, r.Start-t0)
	}
	if first, last := r.Span(); first != t0 || last != t0+3000 {
		t.Errorf("span %d to %d", first-t0, last-t0)
	}
}

func TestWhoBegan(t *testing.T) {
	request := func(proto uint8, typ uint16, family Family) *Packet {
		p := packet(t0, proto, alice, bob, 0, 0, 60, 8)
		p.Type, p.Family = typ, family
		return p
	}
	flags := func(f uint8) *Packet {
		p := packet(t0, ProtoTCP, alice, bob, 40000, 80, 60, 0)
		p.TCP.Flags = f
		return p
	}
	for _, c := range []struct {
		name string
		p    *Packet
		src  [16]byte
		by   Initiator
	}{
		{"TCP SYN", flags(SYN), alice, InitiatorSeen},
		{"TCP SYN with ECN set-up", flags(SYN | ECE | CWR), alice, InitiatorSeen},
		{"TCP SYN/ACK without its SYN", flags(SYN | ACK), bob, InitiatorAnswer},
		{"TCP mid-stream", flags(ACK), alice, InitiatorGuessed},
		{"UDP", udp(t0, true, 1), alice, InitiatorGuessed},
		{"ICMP echo request", request(ProtoICMP, 8<<8, FamilyIPv4), alice, InitiatorSeen},
		{"ICMP echo reply alone", request(ProtoICMP, 0, FamilyIPv4), alice, InitiatorGuessed},
		{"ICMP unreachable", request(ProtoICMP, 3<<8|3, FamilyIPv4), alice, InitiatorGuessed},
		{"ICMPv6 neighbour solicitation", request(ProtoICMPv6, 135<<8, FamilyIPv6), alice, InitiatorSeen},
		{"ARP request", request(0, 1, FamilyARP), alice, InitiatorSeen},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter()
			m.add(c.p)
			r := m.end()[0]
			if r.Src != c.src || r.Initiator != c.by {
				t.Errorf("source %v by %d, want %v by %d", r.Src[:4], r.Initiator, c.src[:4], c.by)
			}
			from := 0
			if c.src != alice {
				from = 1
			}
			if r.Side[from].Packets != 1 || r.Side[1-from].Packets != 0 {
				t.Errorf("packets %d and %d", r.Side[0].Packets, r.Side[1].Packets)
			}
		})
	}
}

func TestWhatIsOneFlow(t *testing.T) {
	echo := func(typ uint8, src, dst [16]byte, id, seq uint16) *Packet {
		p := packet(t0, ProtoICMP, src, dst, id, seq, 98, 64)
		p.Type = uint16(typ) << 8
		return p
	}
	esp := func(src, dst [16]byte, spi uint16) *Packet { return packet(t0, ProtoESP, src, dst, 1, spi, 100, 0) }
	arp := func(op uint16, src, dst [16]byte) *Packet {
		p := packet(t0, 0, src, dst, 0, 0, 60, 28)
		p.Family, p.Type, p.IPLen = FamilyARP, op, 0
		return p
	}
	for _, c := range []struct {
		name  string
		flows int
		p     []*Packet
	}{
		{"echo and reply", 1, []*Packet{echo(8, alice, bob, 7, 1), echo(0, bob, alice, 7, 1)}},
		{"echo and reply on one address", 1, []*Packet{echo(8, alice, alice, 7, 1), echo(0, alice, alice, 7, 1)}},
		{"two echoes", 2, []*Packet{echo(8, alice, bob, 7, 1), echo(8, alice, bob, 7, 2)}},
		{"echo to and fro", 1, []*Packet{echo(8, bob, alice, 7, 1), echo(0, alice, bob, 7, 1)}},
		{"unreachables of both sides", 2, []*Packet{echo(3, alice, bob, 0, 0), echo(3, bob, alice, 0, 0)}},
		{"ESP, an SPI each way", 2, []*Packet{esp(alice, bob, 5), esp(bob, alice, 6)}},
		{"ARP request and reply", 1, []*Packet{arp(1, alice, bob), arp(2, bob, alice)}},
		{"same ports, other protocol", 2, []*Packet{udp(t0, true, 1), packet(t0, ProtoSCTP, alice, bob, 5000, 53, 60, 0)}},
		{"ports swapped between the same ends", 2, []*Packet{packet(t0, ProtoUDP, alice, bob, 1, 2, 60, 0), packet(t0, ProtoUDP, alice, bob, 2, 1, 60, 0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter()
			m.add(c.p...)
			if got := len(m.end()); got != c.flows {
				t.Errorf("%d flows, want %d", got, c.flows)
			}
		})
	}
	t.Run("a reply on one address is the other direction", func(t *testing.T) {
		m := newMeter()
		m.add(echo(8, alice, alice, 7, 1), echo(0, alice, alice, 7, 1))
		if r := m.end()[0]; r.Side[0].Packets != 1 || r.Side[1].Packets != 1 {
			t.Errorf("packets %d and %d, want one each way", r.Side[0].Packets, r.Side[1].Packets)
		}
	})
}

func TestStatusInterval(t *testing.T) {
	m := newMeter()
	for i := range int64(14) { // one packet a second for 13 s
		m.add(udp(t0+i*second, i%2 == 0, 10))
	}
	records := m.end()
	if len(records) != 3 {
		t.Fatalf("%d records, want 3 (5 s each)", len(records))
	}
	for i, want := range []struct {
		first, packets int64
		cause          Cause
	}{{0, 5, CauseStart}, {5, 5, CauseStatus}, {10, 4, CauseStatus}} {
		r := records[i]
		first, _ := r.Span()
		if first != t0+want.first*second || int64(r.Side[0].Packets+r.Side[1].Packets) != want.packets || r.Cause != want.cause {
			t.Errorf("record %d begins at %d s, %d packets, cause %#x", i, (first-t0)/second, r.Side[0].Packets+r.Side[1].Packets, r.Cause)
		}
		if r.ID != records[0].ID || r.Start != t0 {
			t.Errorf("record %d: id %x start %d, not those of its flow", i, r.ID, r.Start)
		}
	}
}

// A silent flow reports without another packet, when the meter asks.
func TestReportsInSilence(t *testing.T) {
	m := newMeter()
	m.add(udp(t0, true, 10))
	due := m.NextDue()
	if due < t0+5*second || due > t0+7*second {
		t.Fatalf("next due after %.1f s, want 5 to 7", float64(due-t0)/1e9)
	}
	m.drain(due)
	if len(m.records) != 1 || m.records[0].End != EndNone {
		t.Fatalf("records %+v, want one of a flow that goes on", m.records)
	}
	for m.NextDue() != math.MaxInt64 {
		m.drain(m.NextDue())
	}
	if len(m.records) != 1 || m.Stats().Open != 0 {
		t.Errorf("%d records and %d open flows after all timeouts, want 1 and 0", len(m.records), m.Stats().Open)
	}
}

func TestIdleTimeouts(t *testing.T) {
	tcp := func(flags ...uint8) []*Packet {
		var ps []*Packet
		for i, f := range flags {
			p := packet(t0, ProtoTCP, alice, bob, 40000, 80, 60, 0)
			if i%2 == 1 {
				p = packet(t0, ProtoTCP, bob, alice, 80, 40000, 60, 0)
			}
			p.TCP.Flags = f
			ps = append(ps, p)
		}
		return ps
	}
	icmp := packet(t0, ProtoICMP, alice, bob, 1, 1, 98, 64)
	icmp.Type = 8 << 8
	for _, c := range []struct {
		name string
		p    []*Packet
		idle int64 // s
	}{
		{"UDP", []*Packet{udp(t0, true, 1)}, 30},
		{"ICMP", []*Packet{icmp}, 5},
		{"TCP half open", tcp(SYN), 60},
		{"TCP refused", tcp(SYN, RST|ACK), 10},
		{"TCP established", tcp(SYN, SYN|ACK, ACK), 7260},
		{"other", []*Packet{packet(t0, 89, alice, bob, 0, 0, 60, 0)}, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, late := range []int64{-1, 1} {
				m := newMeter()
				m.add(c.p...)
				again := *c.p[0]
				again.Time = t0 + c.idle*second + late
				again.TCP.Flags = ACK
				m.add(&again)
				if flows := m.Stats().Flows; (flows == 2) != (late > 0) {
					t.Errorf("a packet %+d ns from the timeout: %d flows", late, flows)
				}
			}
		})
	}
}

func TestEviction(t *testing.T) {
	c := DefaultConfig()
	c.MaxFlows = 100
	m := &meter{Table: NewTable(c)}
	one := func(i int) *Packet {
		return packet(t0+int64(i), ProtoUDP, alice, ip4(10, 1, byte(i>>8), byte(i)), 999, 53, 60, 18)
	}
	answered := udp(t0, true, 1)
	m.add(answered, udp(t0+1, false, 1))
	for i := range 99 {
		m.add(one(i))
	}
	m.add(one(0), one(1)) // seen again: not the longest silent ones any more
	m.add(one(1000))
	if len(m.records) != 1 || m.records[0].Dst != one(2).Dst {
		t.Fatalf("evicted %v, want the longest silent unanswered flow", m.records)
	}
	if r := m.records[0]; r.End != EndResources || r.Side[0].Packets != 1 {
		t.Errorf("evicted record ends %d with %d packets", r.End, r.Side[0].Packets)
	}
	for i := 2000; i < 12000; i++ {
		m.add(one(i))
	}
	m.add(udp(t0+12000, true, 1))
	s := m.Stats()
	if s.Open != 100 || s.Evicted != 10001 {
		t.Errorf("open %d evicted %d, want 100 and 10001", s.Open, s.Evicted)
	}
	for _, r := range m.end() {
		if r.Dst == bob && r.Side[0].Packets != 2 {
			t.Errorf("the answered flow lost packets in the scan: %d", r.Side[0].Packets)
		}
	}
}

// A connection that was reset has ended, also when its entry then has to go because the table is full.
func TestEvictedAfterItsEnd(t *testing.T) {
	m := &meter{Table: NewTable(Config{MaxFlows: 1, StatusInterval: 5 * time.Second})}
	syn := packet(t0, ProtoTCP, alice, bob, 40000, 80, 60, 0)
	syn.TCP.Flags = SYN
	reset := packet(t0, ProtoTCP, bob, alice, 80, 40000, 60, 0)
	reset.TCP.Flags = RST | ACK
	m.add(syn, reset, udp(t0, true, 1))
	if len(m.records) != 1 || m.records[0].End != EndDetected {
		t.Errorf("records %+v, want one whose end the protocol told", m.records)
	}
}

// Whatever comes, in whatever order and time: every packet and octet is in exactly one record, and the bound holds.
func TestNothingLostNothingDoubled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := Config{MaxFlows: 300, StatusInterval: 5 * time.Second}
	tab := NewTable(c)
	type tuple struct{ packets, bytes uint64 }
	want, got := map[packed]tuple{}, map[packed]tuple{}
	take := func(r *Record) {
		k, _ := r.Key.pack()
		v := got[k]
		for _, s := range r.Side {
			v.packets += s.Packets
			v.bytes += s.Bytes
		}
		got[k] = v
	}
	now := t0
	for i := range 200_000 {
		p := packet(now, []uint8{ProtoTCP, ProtoUDP, ProtoUDP, 89}[rng.IntN(4)], ip4(10, 0, 0, byte(rng.IntN(20))),
			ip4(10, 0, 0, byte(rng.IntN(20))), uint16(rng.IntN(4)), uint16(rng.IntN(4)), 60+uint32(rng.IntN(1400)), uint32(rng.IntN(100)))
		if p.Proto == 89 {
			p.SrcPort, p.DstPort = 0, 0
		}
		p.TCP.Flags, p.TCP.Seq = uint8(rng.Uint32()), rng.Uint32()
		k, _ := p.Key.pack()
		v := want[k]
		want[k] = tuple{v.packets + 1, v.bytes + uint64(p.FrameLen)}
		if tab.Add(p) {
			stop := rng.IntN(3) // sometimes the caller stops early
			for r := range tab.Due(now) {
				take(r)
				if stop--; stop == 0 && tab.nready == 0 {
					break
				}
			}
			for tab.nready > 0 {
				for r := range tab.Due(now) {
					take(r)
				}
			}
		}
		if o := tab.Stats().Open; o > c.MaxFlows {
			t.Fatalf("%d flows open after %d packets, the limit is %d", o, i, c.MaxFlows)
		}
		switch rng.IntN(1000) {
		case 0:
			now += rng.Int64N(100 * second)
		case 1:
			now -= rng.Int64N(5 * second)
		case 2:
			now -= rng.Int64N(7200 * second)
		case 3:
			now += rng.Int64N(10000 * second)
		default:
			now += rng.Int64N(second / 100)
		}
	}
	for r := range tab.Flush(now) {
		take(r)
	}
	if len(want) != len(got) {
		t.Errorf("%d tuples went in, %d came out", len(want), len(got))
	}
	for k, w := range want {
		if got[k] != w {
			t.Fatalf("tuple %x: in %+v out %+v", k, w, got[k])
		}
	}
	if s := tab.Stats(); s.Open != 0 || tab.index.used != 0 || tab.entries.live > 1 {
		t.Errorf("after the flush: %d open, %d in the index, %d chunks", s.Open, tab.index.used, tab.entries.live)
	}
}

// A clock that is set back by an hour does not expire what is open, nor stop the reports.
func TestClockSetBack(t *testing.T) {
	m := newMeter()
	m.add(udp(t0, true, 1), udp(t0-3600*second, false, 1), udp(t0-3594*second, true, 1), udp(t0-3593*second, true, 1))
	if s := m.Stats(); s.Flows != 1 {
		t.Errorf("%d flows, want 1", s.Flows)
	}
	if len(m.records) != 1 {
		t.Errorf("%d status records after 6 s, want 1", len(m.records))
	}
}

func TestMemoryShrinksAfterBurst(t *testing.T) {
	m := newMeter()
	empty := m.Stats().Memory
	for i := range 50_000 {
		m.add(packet(t0+int64(i), ProtoUDP, alice, ip4(10, 1, byte(i>>8), byte(i)), 999, 53, 60, 18))
	}
	if full := m.Stats(); full.Memory/full.Open > 450 {
		t.Errorf("%d octets a flow, the bar is 450", full.Memory/full.Open)
	}
	for m.NextDue() != math.MaxInt64 {
		m.drain(m.NextDue())
	}
	if after := m.Stats().Memory; after > empty+100_000 {
		t.Errorf("%d octets held after the burst, %d before", after, empty)
	}
}

func TestFragmentsJoinTheirFirst(t *testing.T) {
	first := udp(t0, true, 2000)
	first.FragID, first.Has = 77, HasFragment
	later := packet(t0+1, ProtoUDP, alice, bob, 0, 0, 562, 0)
	later.FragID, later.Has = 77, HasFragment|HasLaterFragment
	stray := packet(t0+2, ProtoUDP, alice, bob, 0, 0, 562, 0)
	stray.FragID, stray.Has = 78, HasFragment|HasLaterFragment
	m := newMeter()
	m.add(first, later, stray)
	records := m.end()
	if len(records) != 2 {
		t.Fatalf("%d flows, want the datagram's and the stray fragment's", len(records))
	}
	if s := records[0].Side[0]; s.Packets != 2 || !s.Fragments || records[0].SrcPort != 5000 {
		t.Errorf("the datagram's flow: %+v", records[0])
	}
	if r := records[1]; r.SrcPort != 0 || r.Side[0].Packets != 1 {
		t.Errorf("the stray fragment's flow: %+v", r)
	}
}

// The record of a flow without TCP state says nothing of TCP, whatever was lent before it.
func TestFragmentsOfTCPHaveNoState(t *testing.T) {
	syn := packet(t0, ProtoTCP, alice, bob, 40000, 80, 60, 0)
	syn.TCP = TCPHeader{Flags: SYN, Seq: 7}
	later := packet(t0, ProtoTCP, bob, alice, 0, 0, 562, 0)
	later.FragID, later.Has = 78, HasFragment|HasLaterFragment
	m := newMeter()
	m.add(syn, later)
	if r := m.end()[1]; r.TCP != (TCP{}) {
		t.Errorf("a stray fragment's record has TCP state %+v", r.TCP)
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	tab := NewTable(Config{MaxFlows: 500, StatusInterval: 5 * time.Second})
	now, i := t0, 0
	p := packet(now, ProtoTCP, alice, bob, 1, 80, 60, 10)
	step := func() {
		i++
		now += second / 1000
		p.Time, p.SrcPort, p.TCP.Seq, p.TCP.Flags = now, uint16(i*7919%1000), uint32(i), uint8(i*31)
		if tab.Add(p) {
			for range tab.Due(now) {
			}
		}
	}
	for range 20_000 {
		step()
	}
	if n := testing.AllocsPerRun(50_000, step); n != 0 {
		t.Errorf("%v allocations a packet, with status records and evictions", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	tab := NewTable(DefaultConfig())
	packets := make([]*Packet, 50_000)
	for i := range packets {
		packets[i] = packet(0, ProtoTCP, alice, ip4(10, 1, byte(i>>8), byte(i)), uint16(i), 443, 900, 846)
		packets[i].TCP.Flags = ACK
	}
	i, now := 0, t0
	for b.Loop() {
		p := packets[i*7919%len(packets)]
		i++
		now += 20_000
		p.Time = now
		if tab.Add(p) {
			for range tab.Due(now) {
			}
		}
	}
}
