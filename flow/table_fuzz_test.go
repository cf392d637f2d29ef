package flow

import (
	"encoding/binary"
	"testing"
	"time"
)

// FuzzTable throws packets of all kinds at a small table, their times running back and forth: whatever comes, every packet
// and octet is in exactly one record, the bounds hold, and the flush leaves nothing.
func FuzzTable(f *testing.F) {
	for _, s := range situations {
		var c conversation
		s.build(&c)
		f.Add(tableSeed(c.packets))
	}
	for kind := range byte(8) { // each kind of packet alone, then with all that a packet may have, both ways
		var b []byte
		for i := range byte(12) {
			b = append(b, kind|i<<3, i*23, SYN<<(i%3), i, i*40, i, 0, i, i*9, 1, i&3, i)
		}
		f.Add(append([]byte{kind, 1}, b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		c := Config{MaxFlows: 1 + int(b[0]&7), StatusInterval: 5 * time.Second, UserData: int(b[1] & 15)}
		if b[0]&8 != 0 { // one more each time, up to a bound
			limit := c.MaxFlows
			c.Grow = func() int { limit = min(limit+1, 20); return limit }
		}
		a := newAudit(t, NewTable(c))
		now := int64(t0)
		for b = b[2:]; len(b) >= tableLen; b = b[tableLen:] {
			now += int64(int16(binary.LittleEndian.Uint16(b[8:]))) << (10 * (b[10] & 3)) // of 1 ns, 1 us, 1 ms, 1 s
			a.add(tablePacket(b, now), int(b[10]>>2&3))
			if s := a.Stats(); s.Open > max(c.MaxFlows, 20) || c.Grow == nil && s.Open > c.MaxFlows {
				t.Fatalf("%d flows are open", s.Open)
			}
			if b[10]&0x10 != 0 {
				a.idle(now)
			}
		}
		a.close(now)
	})
}

// idle takes what is due when nothing comes: a meter that sleeps until NextDue makes no record later than it should.
func (a *audit) idle(now int64) {
	for r := range a.Due(now) {
		a.take(r)
	}
	if next := a.NextDue(); next < now-backstep {
		a.t.Fatalf("due again %d ns ago", now-next)
	}
}

// tableLen is how many octets make a packet: kind, sender and ports; what it has; TCP flags; payload length, sequence and
// acknowledgement numbers; time since the packet before it and its unit, how the caller takes the records; identification.
const tableLen = 12

func tablePacket(b []byte, at int64) *Packet {
	kind := []struct {
		proto  uint8
		family Family
	}{
		{ProtoTCP, FamilyIPv4}, {ProtoUDP, FamilyIPv4}, {ProtoICMP, FamilyIPv4}, {ProtoESP, FamilyIPv4},
		{ProtoTCP, FamilyIPv6}, {ProtoICMPv6, FamilyIPv6}, {0, FamilyARP}, {0, FamilyEthernet},
	}[b[0]&7]
	payload := uint32(binary.BigEndian.Uint16(b[3:])) & 0x7fff
	p := packet(at, kind.proto, alice, ip4(10, 0, 0, b[0]>>4&3), 1000+uint16(b[0]>>6), 80, 60+payload, payload)
	p.Family, p.IPID, p.FragID, p.Sender = kind.family, uint16(b[11]), uint32(b[11]&7), [6]byte{b[11]}
	if b[0]&8 != 0 {
		p.Key.turn()
	}
	p.TCP = TCPHeader{Flags: b[2], Seq: uint32(b[5])<<8 | uint32(b[6]), Ack: uint32(b[7]) << 8, Window: uint16(b[11]) << 4, Options: uint32(b[11]) << 20}
	p.ESPSeq = p.TCP.Seq << (b[11] & 15)
	if !p.HasPorts() {
		p.Type = uint16(b[2])<<8 | uint16(b[11]&1)
	}
	p.decorate(b[1], b[11])
	return p
}

// decorate gives p what the bits of has say.
func (p *Packet) decorate(has, value byte) {
	if has&3 == 1 {
		p.Has |= HasFragment
	}
	if has&3 == 2 {
		p.Has |= HasFragment | HasLaterFragment
		p.SrcPort, p.DstPort, p.TCP = 0, 0, TCPHeader{}
	}
	if has&4 != 0 {
		p.Tunnel = &Tunnel{Key: p.Key, Encaps: EncapsGRE, ID: uint32(value)}
	}
	if has&8 != 0 {
		p.Quote = &Quote{Key: p.Key}
		p.Quote.Key.Proto, p.Quote.Key.Type = []uint8{ProtoTCP, ProtoUDP, ProtoICMP, p.Proto}[value&3], 0
	}
	if has&16 != 0 {
		p.Has, p.MPLS = p.Has|HasMPLS, uint32(value)
	}
	if has&32 != 0 {
		p.Has, p.SrcMAC, p.DstMAC = p.Has|HasMAC, [6]byte{value & 3}, [6]byte{value >> 2 & 3}
	}
	if has&64 != 0 {
		p.Has, p.Segments = p.Has|HasSegments, 1+uint32(value&31)
	}
	if has&128 != 0 {
		p.Has, p.VLAN = p.Has|HasVLAN, uint16(value)
	}
}

// tableSeed writes a conversation as tablePacket reads it.
func tableSeed(packets []*Packet) []byte {
	b := []byte{0xf, 8}
	last := int64(t0)
	for _, p := range packets {
		from := byte(0)
		if p.Src == bob {
			from = 8
		}
		b = append(b, from, 0, p.TCP.Flags)
		b = binary.BigEndian.AppendUint16(b, uint16(p.PayloadLen))
		b = append(b, byte(p.TCP.Seq>>8), byte(p.TCP.Seq), byte(p.TCP.Ack>>8))
		since, unit := (p.Time-last)>>10, byte(1)
		for ; since >= 1<<15 && unit < 3; unit++ {
			since >>= 10
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(since))
		b = append(b, unit, byte(p.IPID))
		last = p.Time
	}
	return b
}
