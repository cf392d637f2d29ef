package flow

import (
	"math"
	"reflect"
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
		{Packets: 1, Bytes: 72, IPBytes: 58, Payload: 30, First: t0, Last: t0, TTL: 64,
			MinSize: 72, MaxSize: 72, Sizes: 0x01000000},
		{Packets: 2, Bytes: 234, IPBytes: 206, Payload: 150, First: t0 + 1000, Last: t0 + 3000, TTL: 64,
			MinSize: 92, MaxSize: 142, Sizes: 0x01100000,
			Active: Intervals{N: 1, Min: 2, Mean: 2, Max: 2, Bins: 0x10000000}},
	}
	if !reflect.DeepEqual(r.Side, want) {
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
		{"TCP mid-stream", flags(ACK), alice, InitiatorPort},
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
			p.TCP.Flags, p.TCP.Ack = f, 1
			ps = append(ps, p)
		}
		return ps
	}
	icmp := packet(t0, ProtoICMP, alice, bob, 1, 1, 98, 64)
	icmp.Type = 8 << 8
	link := packet(t0, 0, alice, bob, 0, 0, 60, 0)
	link.Family = FamilyEthernet
	arp := packet(t0, 0, alice, bob, 0, 0, 60, 0)
	arp.Family = FamilyARP
	own := DefaultConfig()
	own.Timeouts = Timeouts{IP: 41e9, TCP: 42e9, Fallow: 43e9, ICMP: 44e9, IGMP: 45e9, Fragment: 46e9, ARP: 47e9, Other: 65534e9}
	for _, c := range []struct {
		name  string
		p     []*Packet
		idle  int64 // s
		other int64 // with times of one's own
	}{
		{"UDP", []*Packet{udp(t0, true, 1)}, 30, 41},
		{"ICMP", []*Packet{icmp}, 5, 44},
		{"IGMP", []*Packet{packet(t0, 2, alice, bob, 0, 0, 60, 0)}, 30, 45},
		{"ARP", []*Packet{arp}, 5, 47},
		{"TCP half open", tcp(SYN), 60, 42},
		{"TCP refused", tcp(SYN, RST|ACK), 10, 10},
		{"TCP established", tcp(SYN, SYN|ACK, ACK), 7260, 85},
		{"other of IP", []*Packet{packet(t0, 89, alice, bob, 0, 0, 60, 0)}, 30, 41},
		{"not IP", []*Packet{link}, 30, 65534},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, late := range []int64{-1e6, 1e6} {
				for idle, config := range map[int64]Config{c.idle * second: DefaultConfig(), c.other * second: own} {
					m := &meter{Table: NewTable(config)}
					m.add(c.p...)
					again := *c.p[0]
					again.Time = t0 + idle + late
					again.TCP.Flags = ACK
					m.add(&again)
					if flows := m.Stats().Flows; (flows == 2) != (late > 0) {
						t.Errorf("a packet %+d ns from the timeout of %d ns: %d flows", late, idle, flows)
					}
				}
			}
		})
	}
}

// A capture may begin with times before 1970 (pcapng's if_tsoffset), or with those of a clock that was never set.
func TestTimesBefore1970(t *testing.T) {
	m := newMeter()
	packets := uint64(0)
	for at := -300 * second; at < 300*second; at += second {
		m.add(packet(at, ProtoUDP, alice, bob, 1, uint16(at/second), 60, 18))
		if next := m.NextDue(); next < at-second || next > at+10*second {
			t.Fatalf("at %d s the next record is due at %d s", at/second, next/second)
		}
	}
	for _, r := range m.end() {
		packets += r.Side[0].Packets
	}
	if packets != 600 {
		t.Errorf("%d packets in records, want 600", packets)
	}
}

// Where the packets of a flow come in another order than that of time, the record begins with the earliest one.
func TestStartIsTheEarliestPacket(t *testing.T) {
	m := newMeter()
	m.add(udp(t0+3*second, true, 1), udp(t0+second, true, 1), udp(t0, false, 1), udp(t0+2*second, true, 1))
	m.add(udp(t0+9*second, true, 1))
	records := m.end()
	for _, r := range records {
		if r.Start != t0 || r.ID != records[0].ID {
			t.Errorf("starts %d ns after the earliest packet", r.Start-t0)
		}
	}
	if first, last := records[0].Span(); len(records) != 2 || first != t0 || last != t0+3*second {
		t.Errorf("%d records, the first one from %d to %d", len(records), first-t0, last-t0)
	}
}
