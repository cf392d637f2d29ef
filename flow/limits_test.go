package flow

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"
)

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
	reset.TCP.Ack = 1
	m.add(syn, reset, udp(t0, true, 1))
	if len(m.records) != 1 || m.records[0].End != EndDetected {
		t.Errorf("records %+v, want one whose end the protocol told", m.records)
	}
}

// decorate gives some packets what few packets have.
func decorate(p *Packet, rng *rand.Rand) {
	switch rng.IntN(20) {
	case 0:
		p.Tunnel = &Tunnel{Encaps: EncapsGRE}
	case 1:
		p.Has, p.MPLS = HasMPLS, rng.Uint32()
	case 2:
		p.Quote = &Quote{Key: p.Key}
	case 3:
		p.Segments, p.Has = 1, HasMAC
	}
}

// taken returns how many items are not free.
func (s *slab[T]) taken() (n int) {
	for _, word := range s.used {
		n += bits.OnesCount64(word)
	}
	return n
}

// Whatever comes, in whatever order and time: every packet and octet is in exactly one record, and the bound holds.
func TestNothingLostNothingDoubled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := Config{MaxFlows: 300, StatusInterval: 5 * time.Second, UserData: 20}
	tab := NewTable(c)
	a := newAudit(t, tab)
	now := t0
	for i := range 200_000 {
		p := packet(now, []uint8{ProtoTCP, ProtoUDP, ProtoUDP, 89}[rng.IntN(4)], ip4(10, 0, 0, byte(rng.IntN(20))),
			ip4(10, 0, 0, byte(rng.IntN(20))), uint16(rng.IntN(4)), uint16(rng.IntN(4)), 60+uint32(rng.IntN(1400)), uint32(rng.IntN(100)))
		if p.Proto == 89 {
			p.SrcPort, p.DstPort = 0, 0
		}
		p.TCP.Flags, p.TCP.Seq = uint8(rng.Uint32()), rng.Uint32()
		decorate(p, rng)
		a.add(p, rng.IntN(3))
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
	a.close(now)
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

// A fragment of another datagram does not join, whichever of the remembered ones shares its slot.
func TestFragmentsOfOtherDatagramsDoNotJoin(t *testing.T) {
	m := newMeter()
	for id := range uint32(4 * fragmentSlots) {
		p := udp(t0, true, 2000)
		p.FragID, p.Has = id, HasFragment
		if id%2 == 1 {
			p = packet(t0, ProtoUDP, alice, bob, 0, 0, 562, 0)
			p.FragID, p.Has = 1<<20+id, HasFragment|HasLaterFragment
		}
		m.add(p)
	}
	for _, r := range m.end() {
		if r.Side[0].Packets != 2*fragmentSlots {
			t.Errorf("port %d: %d packets, want the %d of its own kind", r.SrcPort, r.Side[0].Packets, 2*fragmentSlots)
		}
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
	for _, octets := range []int{0, 64} {
		noAllocation(t, Config{MaxFlows: 500, StatusInterval: 5 * time.Second, UserData: octets})
	}
}

func noAllocation(t *testing.T, c Config) {
	tab := NewTable(c)
	now, i := t0, 0
	p := packet(now, ProtoTCP, alice, bob, 1, 80, 60, 10)
	p.Payload = make([]byte, 10)
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
