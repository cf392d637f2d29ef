//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"math/rand/v2"
	"os"
)

// Traces are written as nanosecond pcap of Ethernet frames cut at snaplen, the same octets for the same seed.
const (
	traceSnaplen   = 128
	endpointFlows  = 50_000
	concurrent     = 400
	tracePacketGap = 20_000 // ns: 50,000 packets/s of capture time
)

// traceWriter writes frames of synthetic conversations.
type traceWriter struct {
	w     *bufio.Writer
	rng   *rand.Rand
	now   int64
	left  int
	frame [traceSnaplen]byte
}

func writeTrace(path string, packets int, seed uint64, write func(*traceWriter)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	t := &traceWriter{w: bufio.NewWriterSize(f, 1<<20), rng: rand.New(rand.NewPCG(seed, 0)), now: 1_700_000_000e9, left: packets}
	var head [24]byte
	binary.LittleEndian.PutUint32(head[0:], 0xa1b23c4d)
	binary.LittleEndian.PutUint16(head[4:], 2)
	binary.LittleEndian.PutUint16(head[6:], 4)
	binary.LittleEndian.PutUint32(head[16:], traceSnaplen)
	binary.LittleEndian.PutUint32(head[20:], 1)
	t.w.Write(head[:])
	write(t)
	if err := t.w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// conversation is one TCP connection or UDP exchange of the workstation at 10.0.0.1.
type conversation struct {
	peer  uint32
	port  uint16
	dport uint16
	proto byte
	step  int
	data  int // segments that the server still sends
	seq   [2]uint32

	finished, closed bool // by the client, by both
}

// endpoint writes what a workstation does: mostly TCP with handshake, request, bulk answer and FIN, some UDP exchanges.
func (t *traceWriter) endpoint() {
	segments := max(1, t.left/endpointFlows-8)
	open := make([]*conversation, concurrent)
	for i := range open {
		open[i] = t.newConversation(segments)
	}
	for t.left > 0 {
		i := t.rng.IntN(concurrent)
		if open[i].closed {
			open[i] = t.newConversation(segments)
		}
		t.advance(open[i])
	}
}

func (t *traceWriter) newConversation(segments int) *conversation {
	c := &conversation{
		peer: t.rng.Uint32()&0x00ffffff | 93<<24, port: uint16(1024 + t.rng.IntN(64000)), dport: 443, proto: 6,
		data: t.rng.IntN(2*segments) + 1, seq: [2]uint32{t.rng.Uint32(), t.rng.Uint32()},
	}
	if t.rng.IntN(5) == 0 {
		c.proto, c.dport, c.data = 17, 53, 1
	}
	return c
}

func (t *traceWriter) advance(c *conversation) {
	const syn, ack, psh, fin = 2, 16, 8, 1
	c.step++
	if c.proto == 17 {
		t.packet(c, c.step%2, 40+t.rng.IntN(200), 0)
		c.closed = c.step == 2
		return
	}
	switch {
	case c.step == 1:
		t.packet(c, 0, 0, syn)
	case c.step == 2:
		t.packet(c, 1, 0, syn|ack)
	case c.step == 3:
		t.packet(c, 0, 0, ack)
	case c.step == 4:
		t.packet(c, 0, 517, psh|ack)
	case c.data > 0 && c.step%3 == 0:
		t.packet(c, 0, 0, ack)
	case c.data > 0:
		c.data--
		t.packet(c, 1, 1400, ack)
	case !c.finished:
		c.finished = true
		t.packet(c, 0, 0, fin|ack)
	default:
		t.packet(c, 1, 0, fin|ack)
		c.closed = true
	}
}

// scan writes one SYN from one host to a new address for every packet.
func (t *traceWriter) scan() {
	for i := uint32(0); t.left > 0; i++ {
		t.packet(&conversation{peer: 172<<24 | i>>4, port: 40000, dport: uint16(i%16) + 1, proto: 6}, 0, 0, 2)
	}
}

// transferEvery is how many probes pass between two packets of the transfer beside the scan.
const transferEvery = 20

// scanBeside is the scan with a connection of its own in between, from the first packet to the last.
func (t *traceWriter) scanBeside() {
	c := &conversation{peer: 93<<24 | 1, port: 50000, dport: 443, proto: 6, data: t.left/transferEvery*2/3 - 8}
	for i := uint32(0); t.left > 0; i++ {
		if i%transferEvery == 0 && !c.closed {
			t.advance(c)
			continue
		}
		t.packet(&conversation{peer: 172<<24 | i>>4, port: 40000, dport: uint16(i%16) + 1, proto: 6}, 0, 0, 2)
	}
}

// together opens n connections, the one after the other, and goes through the steps of all of them side by side, so that
// n are open at once: handshake, request and answers.
func (t *traceWriter) together() {
	n := t.left / togetherSteps
	open := make([]conversation, n)
	for i := range open {
		open[i] = conversation{peer: 93<<24 | uint32(i), port: 50000, dport: 443, proto: 6, data: togetherSteps}
	}
	for range togetherSteps {
		for i := range open {
			t.advance(&open[i])
		}
	}
}

// togetherSteps is how many packets each connection of together has.
const togetherSteps = 8

func (t *traceWriter) packet(c *conversation, dir, payload int, flags byte) {
	t.write(t.fill(c, dir, payload, flags))
}

// fill makes the next frame of a conversation and returns its length on the wire.
func (t *traceWriter) fill(c *conversation, dir, payload int, flags byte) (wire int) {
	header := 20
	if c.proto == 17 {
		header = 8
	}
	f := t.frame[:]
	wire = 14 + 20 + header + payload
	clear(f)
	copy(f, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45})
	if dir == 1 {
		f[5], f[11] = 2, 1
	}
	binary.BigEndian.PutUint16(f[16:], uint16(wire-14))
	f[22], f[23] = 64, c.proto
	from, to, sport, dport := uint32(10<<24|1), c.peer, c.port, c.dport
	if dir == 1 {
		from, to, sport, dport = to, from, dport, sport
	}
	binary.BigEndian.PutUint32(f[26:], from)
	binary.BigEndian.PutUint32(f[30:], to)
	binary.BigEndian.PutUint16(f[24:], checksum(f[14:34]))
	binary.BigEndian.PutUint16(f[34:], sport)
	binary.BigEndian.PutUint16(f[36:], dport)
	if c.proto == 17 {
		binary.BigEndian.PutUint16(f[38:], uint16(8+payload))
	} else {
		binary.BigEndian.PutUint32(f[38:], c.seq[dir])
		binary.BigEndian.PutUint32(f[42:], c.seq[1-dir])
		f[46], f[47] = 5<<4, flags
		binary.BigEndian.PutUint16(f[48:], 64000)
		c.seq[dir] += uint32(payload) + uint32(flags&1) + uint32(flags>>1&1)
	}
	return wire
}

func (t *traceWriter) write(wire int) {
	captured := min(wire, traceSnaplen)
	var head [16]byte
	binary.LittleEndian.PutUint32(head[0:], uint32(t.now/1e9))
	binary.LittleEndian.PutUint32(head[4:], uint32(t.now%1e9))
	binary.LittleEndian.PutUint32(head[8:], uint32(captured))
	binary.LittleEndian.PutUint32(head[12:], uint32(wire))
	t.w.Write(head[:])
	t.w.Write(t.frame[:captured])
	t.now += tracePacketGap
	t.left--
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
