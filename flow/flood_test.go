package flow

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"
)

// knows tells whether the flow of p is open.
func (m *meter) knows(p *Packet) bool {
	var key packed
	p.Key.pack(&key)
	_, e := m.find(&key, m.hasher.hash(&key))
	return e != nil
}

// The least valuable flow goes first: unanswered ones, then closed ones, then those that rest, and busy ones last.
func TestOrderOfEviction(t *testing.T) {
	m := &meter{Table: NewTable(Config{MaxFlows: 5, StatusInterval: 5 * time.Second})}
	host := func(i byte) [16]byte { return ip4(10, 9, 9, i) }
	syn := func(at int64, i byte) *Packet {
		p := packet(at, ProtoTCP, alice, host(i), 1, 80, 60, 0)
		p.TCP.Flags = SYN
		return p
	}
	both := func(at int64, i byte) []*Packet {
		p := packet(at, ProtoUDP, alice, host(i), 1, 2, 60, 18)
		return []*Packet{p, packet(at, ProtoUDP, host(i), alice, 2, 1, 60, 18)}
	}
	busy, rest := both(t0, 1), both(t0+1, 2)
	refused := []*Packet{syn(t0+2, 3), packet(t0+2, ProtoTCP, host(3), alice, 80, 1, 60, 0)}
	refused[1].TCP.Flags = RST | ACK
	refused[1].TCP.Ack = refused[0].TCP.Seq + 1
	halfOpen, single := syn(t0+3, 4), packet(t0+4, ProtoUDP, alice, host(5), 1, 2, 60, 18)
	m.add(busy...)
	m.add(rest...)
	m.add(refused...)
	m.add(halfOpen, single)
	m.add(both(t0+second, 1)...)
	for i, gone := range []*Packet{halfOpen, single, refused[0], rest[0]} {
		if !m.knows(gone) {
			t.Fatalf("flow %d went too early", i)
		}
		m.add(both(t0+2*second, byte(100+i))...) // lasting flows, each of which takes a place
		if m.knows(gone) {
			t.Errorf("flow %d is still there", i)
		}
	}
	if !m.knows(busy[0]) {
		t.Error("the busy flow went")
	}
}

// A stream that nobody answers, or whose answers go another way, is worth keeping once it has lasted a status interval.
func TestLastingStreamOutlivesAScan(t *testing.T) {
	for _, proto := range []uint8{ProtoUDP, ProtoTCP} {
		m := &meter{Table: NewTable(Config{MaxFlows: 100, StatusInterval: 5 * time.Second})}
		stream := func(at int64) *Packet {
			p := packet(at, proto, alice, bob, 514, 514, 200, 146)
			p.TCP.Flags = PSH
			return p
		}
		for i := range int64(10) {
			m.add(stream(t0 + i*second))
		}
		for i := range 10_000 {
			m.add(packet(t0+10*second+int64(i), ProtoUDP, alice, ip4(10, 1, byte(i>>8), byte(i)), 999, 53, 60, 18))
		}
		if !m.knows(stream(0)) {
			t.Errorf("a scan drove a stream of protocol %d out", proto)
		}
	}
}

// Single ACKs of connections that nobody knows are no connections: a scan with them drives no known one out, and they are
// forgotten after a minute, not after two hours.
func TestConnectionsOutliveAnACKScan(t *testing.T) {
	m := &meter{Table: NewTable(Config{MaxFlows: 1000, StatusInterval: 5 * time.Second})}
	segment := func(at int64, dir, host byte, flags uint8, seq, ack uint32) *Packet {
		p := packet(at, ProtoTCP, alice, ip4(10, 9, 9, host), 40000, 80, 60, 0)
		if dir == 1 {
			p = packet(at, ProtoTCP, p.Dst, alice, 80, 40000, 60, 0)
		}
		p.TCP = TCPHeader{Seq: seq, Ack: ack, Flags: flags, Window: 1000}
		return p
	}
	const connections = 100
	for i := range byte(connections) {
		m.add(segment(t0, 0, i, SYN, 100, 0), segment(t0+1, 1, i, SYN|ACK, 900, 101), segment(t0+2, 0, i, ACK, 101, 901))
	}
	probe := segment(0, 0, 200, ACK, 5, 7)
	for i := range uint32(20_000) {
		binary.BigEndian.PutUint32(probe.Src[:], 1<<24+i)
		probe.Time = t0 + second + int64(i)*1000
		m.add(probe)
	}
	for i := range byte(connections) {
		if !m.knows(segment(0, 0, i, 0, 0, 0)) {
			t.Fatalf("connection %d was driven out", i)
		}
	}
	m.drain(t0 + 70*second)
	if open := m.Stats().Open; open != connections {
		t.Errorf("%d flows open a minute later, want the %d connections", open, connections)
	}
}

// A million SYNs in a second, each a flow, beside a long transfer: the transfer keeps its exact counts, every packet is
// in one record, the memory keeps its bound and goes back when it is over.
func TestFloodBesideATransfer(t *testing.T) {
	const syns = 1_000_000
	m := newMeter()
	quiet := heap()
	var got, flood struct{ packets, bytes, payload uint64 }
	var transfers, floods int
	take := func(now int64) {
		for r := range m.Due(now) {
			sum, n := &flood, &floods
			if r.Dst == bob && r.DstPort == 443 {
				sum, n = &got, &transfers
			}
			*n++
			for _, s := range r.Side {
				sum.packets += s.Packets
				sum.bytes += s.Bytes
				sum.payload += s.Payload
			}
		}
	}
	add := func(p *Packet) {
		if m.Add(p) {
			take(p.Time)
		}
	}
	want := got
	seq := uint32(0)
	transfer := func(now int64) {
		p := packet(now, ProtoTCP, alice, bob, 50000, 443, 1514, 1448)
		p.TCP = TCPHeader{Seq: seq, Ack: 1, Flags: ACK}
		if seq += 1448; seq%5 == 0 { // the other side's turn
			p = packet(now, ProtoTCP, bob, alice, 443, 50000, 66, 0)
			p.TCP = TCPHeader{Seq: 1, Ack: seq, Flags: ACK}
		}
		want.packets, want.bytes, want.payload = want.packets+1, want.bytes+uint64(p.FrameLen), want.payload+uint64(p.PayloadLen)
		add(p)
	}
	now, most := t0, 0
	for range 20 {
		now += second / 10
		transfer(now)
	}
	syn := packet(0, ProtoTCP, alice, bob, 1, 80, 60, 0)
	syn.TCP.Flags = SYN
	for i := range uint32(syns) {
		now += 1000
		binary.BigEndian.PutUint32(syn.Src[:], i)
		syn.Time = now
		add(syn)
		if i%1000 == 0 {
			transfer(now)
			most = max(most, m.Stats().Memory)
		}
	}
	stats := m.Stats()
	full := heap()
	for range 100 {
		now += second
		transfer(now)
	}
	take(now)
	after := m.Stats()
	if over := heap() - quiet; over > 4<<20 {
		t.Errorf("%d octets of heap are held after the flood, %d during it", over, full-quiet)
	}
	for r := range m.Flush(now) {
		got.packets += r.Side[0].Packets + r.Side[1].Packets
		got.bytes += r.Side[0].Bytes + r.Side[1].Bytes
		got.payload += r.Side[0].Payload + r.Side[1].Payload
	}
	if got != want {
		t.Errorf("the transfer's records say %+v, want %+v", got, want)
	}
	if flood.packets != syns || flood.bytes != 60*syns || floods != syns {
		t.Errorf("%d records of the flood with %+v, want %d packets", floods, flood, syns)
	}
	if stats.Open != 1<<16 || stats.Evicted != syns+1-1<<16 || after.Open != 1 {
		t.Errorf("open %d, evicted %d, open afterwards %d", stats.Open, stats.Evicted, after.Open)
	}
	if most > 32<<20 || after.Memory > 1<<20 {
		t.Errorf("the table held %d octets in the flood and %d after it", most, after.Memory)
	}
	t.Logf("%d records of the flood, %d of the transfer; table %d octets, heap %d, afterwards %d and %d",
		floods, transfers, most, full-quiet, after.Memory, heap()-quiet)
	runtime.KeepAlive(m)
}

// heap returns the octets of the heap that are in use.
func heap() int {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapInuse)
}
