package flow

import (
	"encoding/binary"
	"strings"
	"testing"
)

// FuzzTCP throws segments at a connection: whatever comes, its records keep what the packets brought.
func FuzzTCP(f *testing.F) {
	for _, s := range situations {
		var c conversation
		s.build(&c)
		f.Add(c.bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var sent, told [2]uint64
		m := newMeter()
		for at := int64(0); len(b) >= fuzzLen; b = b[fuzzLen:] {
			from := int(b[0] & 1)
			p := fuzzSegment(b, t0+at)
			at += int64(binary.LittleEndian.Uint16(b[14:])) << 16
			sent[from] += uint64(p.PayloadLen)
			m.add(p)
		}
		for _, r := range m.end() {
			for i := range r.TCP.Side {
				s := &r.TCP.Side[i]
				if uint64(s.Payload) > r.Side[i].Payload+1 { // the octet of a probe may be acknowledged an interval later
					t.Fatalf("%d new octets of %d", s.Payload, r.Side[i].Payload)
				}
				from := i
				if r.Src != alice {
					from = 1 - i
				}
				told[from] += uint64(s.Payload)
				if s.InFlight > maxJump || uint64(s.Retrans)+uint64(s.OutOfOrder) > r.Side[i].Packets || uint64(s.Duplicates) > r.Side[i].Packets {
					t.Fatalf("%+v of %d packets", s, r.Side[i].Packets)
				}
			}
			if strings.Trim(r.History.String(), "^SsHhAaDdFfRrTtGgWwIiQq") != "" {
				t.Fatalf("history %q", r.History)
			}
		}
		if told[0] > sent[0] || told[1] > sent[1] {
			t.Fatalf("new octets %d of %d", told, sent)
		}
	})
}

// fuzzLen is how many octets make a segment: sender, flags, payload length, sequence and acknowledgement numbers, window,
// time since the segment before it.
const fuzzLen = 16

func fuzzSegment(b []byte, at int64) *Packet {
	p := packet(at, ProtoTCP, alice, bob, 40000, 80, 54, 0)
	if b[0]&1 == 1 {
		p = packet(at, ProtoTCP, bob, alice, 80, 40000, 54, 0)
	}
	p.PayloadLen = uint32(binary.LittleEndian.Uint16(b[2:]))
	p.IPID = uint16(b[0] >> 1)
	p.TCP = TCPHeader{
		Flags: b[1], Seq: binary.LittleEndian.Uint32(b[4:]), Ack: binary.LittleEndian.Uint32(b[8:]),
		Window: binary.LittleEndian.Uint16(b[12:]), WindowShift: b[13] & 15,
	}
	return p
}

// bytes writes the conversation as fuzzSegment reads it.
func (c *conversation) bytes() (b []byte) {
	last := int64(t0)
	for _, p := range c.packets {
		from := byte(0)
		if p.Src == bob {
			from = 1
		}
		b = append(b, from|byte(p.IPID)<<1, p.TCP.Flags)
		b = binary.LittleEndian.AppendUint16(b, uint16(p.PayloadLen))
		b = binary.LittleEndian.AppendUint32(b, p.TCP.Seq)
		b = binary.LittleEndian.AppendUint32(b, p.TCP.Ack)
		b = binary.LittleEndian.AppendUint16(b, p.TCP.Window)
		b = binary.LittleEndian.AppendUint16(b, uint16((p.Time-last)>>16))
		last = p.Time
	}
	return b
}
