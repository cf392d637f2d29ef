package flow

import (
	"encoding/binary"
	"testing"
	"time"
)

// counts are the numbers of flows at which their memory is measured.
var counts = [...]int{1_000, 10_000, 100_000}

// kinds are flows and what one of them may take, in octets, with what was measured on 2026-11-22 at 1,000, 10,000 and
// 100,000 flows. The index takes 8 to 21 octets of each, as it fills.
var kinds = []struct {
	name   string
	build  func(tab *Table, i int)
	rests  bool // it has reported and waits
	budget int
}{
	{"one packet of UDP", func(tab *Table, i int) { tab.Add(numbered(i, ProtoUDP, 0, true)) }, false, 230},   // 213 206 213
	{"one packet of TCP", func(tab *Table, i int) { tab.Add(numbered(i, ProtoTCP, SYN, true)) }, false, 380}, // 344 335 342
	{"three packets of UDP each way", exchange, false, 370},                                                  // 361 352 358
	{"connection with data moving and resting both ways", converse, false, 590},                              // 572 561 567
	{"connection at rest", converse, true, 300},                                                              // 286 274 279
}

// exchange makes of flow i a UDP conversation.
func exchange(tab *Table, i int) {
	for j := range 6 {
		p := numbered(i, ProtoUDP, 0, j%2 == 0)
		p.Time += int64(j) * 1000
		tab.Add(p)
	}
}

// numbered returns a packet of flow i.
func numbered(i int, proto, flags uint8, out bool) *Packet {
	p := packet(t0, proto, alice, bob, 1000, 443, 66, 0)
	binary.BigEndian.PutUint32(p.Src[:], uint32(i))
	if !out {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	p.TCP.Flags, p.TCP.Window = flags, 1000
	return p
}

// converse makes of flow i a connection that has every part of the table but the rare ones.
func converse(tab *Table, i int) {
	for j, s := range []struct {
		flags   uint8
		out     bool
		seq     uint32
		ack     uint32
		payload uint32
	}{
		{SYN, true, 0, 0, 0}, {SYN | ACK, false, 0, 1, 0}, {ACK, true, 1, 1, 0},
		{ACK, true, 1, 1, 100}, {ACK, true, 101, 1, 100}, {ACK, false, 1, 201, 500}, {ACK, false, 501, 201, 500},
	} {
		p := numbered(i, ProtoTCP, s.flags, s.out)
		p.Time += int64(j) * 1000
		p.TCP.Seq, p.TCP.Ack, p.PayloadLen, p.FrameLen = s.seq, s.ack, s.payload, 66+s.payload
		tab.Add(p)
	}
}

func TestMemoryBudget(t *testing.T) {
	for _, kind := range kinds {
		for _, n := range counts {
			before := heap()
			tab := NewTable(Config{MaxFlows: n, StatusInterval: 5 * time.Second})
			for f := range n {
				kind.build(tab, f)
			}
			if kind.rests {
				for range tab.Due(t0 + 40*second) { // the second time that chunks are looked for which nobody needs
				}
			}
			if tab.Stats().Open != n {
				t.Fatalf("%d flows open, want %d", tab.Stats().Open, n)
			}
			got, counted := (heap()-before)/n, tab.Stats().Memory/n
			if counted > kind.budget || got > kind.budget+25 { // of a thousand flows the heap has rounding left
				t.Errorf("%s, %d flows: %d octets of heap each, %d by the table's count; the budget is %d",
					kind.name, n, got, counted, kind.budget)
			}
			t.Logf("%s, %d flows: %d octets of heap each, %d by the table's count", kind.name, n, got, counted)
		}
	}
}
