package flow

import "testing"

// conversation builds TCP segments between alice (0) and bob (1).
type conversation struct {
	packets []*Packet
	at      int64
}

func (c *conversation) segment(from int, flags uint8, seq, ack, length uint32) *Packet {
	p := packet(t0+c.at, ProtoTCP, alice, bob, 40000, 80, 54+length, length)
	if from == 1 {
		p = packet(t0+c.at, ProtoTCP, bob, alice, 80, 40000, 54+length, length)
	}
	p.TCP = TCPHeader{Seq: seq, Ack: ack, Flags: flags, Window: 1000}
	c.at += 10_000_000
	c.packets = append(c.packets, p)
	return p
}

// handshake begins a connection with initial sequence numbers a and b, 10 ms between segments.
func (c *conversation) handshake(a, b uint32) {
	syn := c.segment(0, SYN, a, 0, 0)
	syn.TCP.MSS, syn.TCP.WindowShift, syn.TCP.Options = 1460, 7, TCPMSS|TCPWindowScale
	c.segment(1, SYN|ACK, b, a+1, 0)
	c.segment(0, ACK, a+1, b+1, 0)
}

// twice captures every segment again within 10 us, as on two ports of a bridge.
func (c *conversation) twice() {
	var all []*Packet
	for i, p := range c.packets {
		p.IPID = uint16(1000 + i)
		again := *p
		again.Time += 10_000
		all = append(all, p, &again)
	}
	c.packets = all
}

func (c *conversation) records() []Record {
	m := newMeter()
	m.add(c.packets...)
	return m.end()
}

func TestTCPMeasures(t *testing.T) {
	var c conversation
	c.handshake(1000, 9000)
	c.segment(0, PSH|ACK, 1001, 9001, 300)
	c.segment(1, ACK, 9001, 1301, 1400)
	c.segment(1, PSH|ACK, 10401, 1301, 100)
	c.segment(1, PSH|ACK, 10401, 1301, 100) // again
	r := c.records()[0]
	if r.TCP.SynAck != 10_000_000 || r.TCP.AckDat != 10_000_000 {
		t.Errorf("SYN to SYN/ACK %d ns, SYN/ACK to ACK %d ns, want 10 ms each", r.TCP.SynAck, r.TCP.AckDat)
	}
	if r.TCP.Options != TCPMSS|TCPWindowScale {
		t.Errorf("options %#x", r.TCP.Options)
	}
	want := [2]TCPSide{
		{Base: 1000, Next: 1301, Ack: 9001, Payload: 300, Window: 1000, MSS: 1460, Shift: 7, Flags: SYN | ACK | PSH, Interval: SYN | ACK | PSH},
		{Base: 9000, Next: 10501, Ack: 1301, Payload: 1500, Retrans: 1, Turns: 1, InFlight: 1500, Window: 1000, Flags: SYN | ACK | PSH, Interval: SYN | ACK | PSH},
	}
	if r.TCP.Side != want {
		t.Errorf("sides\n%+v, want\n%+v", r.TCP.Side, want)
	}
}

// A connection that closed reports within a tick or two, not after the status interval.
func TestTCPEndReportsAtOnce(t *testing.T) {
	var c conversation
	c.handshake(1, 9)
	c.segment(1, RST, 10, 0, 0)
	m := newMeter()
	m.add(c.packets...)
	if due := m.NextDue(); due > t0+3*second {
		t.Fatalf("next due %.1f s after the start", float64(due-t0)/1e9)
	}
	m.drain(m.NextDue())
	if len(m.records) != 1 || m.records[0].End != EndDetected {
		t.Errorf("records %+v", m.records)
	}
}

func TestTCPPortReuse(t *testing.T) {
	var c conversation
	c.handshake(1, 9)
	c.segment(0, RST, 2, 0, 0)
	c.handshake(5000, 7000)
	records := c.records()
	if len(records) != 2 || records[0].ID == records[1].ID {
		t.Fatalf("%d records, want one a connection", len(records))
	}
	if records[0].End != EndDetected || records[0].Side[0].Packets != 3 {
		t.Errorf("first connection: end %d, %d packets", records[0].End, records[0].Side[0].Packets)
	}
	if records[1].TCP.Status&TCPPortReuse == 0 || records[1].Side[0].Packets != 2 {
		t.Errorf("second connection: status %#x, %d packets", records[1].TCP.Status, records[1].Side[0].Packets)
	}
}

// The same SYN again is a retransmission, however late; another one on a connection that stands replaces it.
func TestTCPSecondSYN(t *testing.T) {
	closed := func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, FIN|ACK, 2, 10, 0)
		c.segment(1, FIN|ACK, 10, 3, 0)
		c.segment(0, ACK, 3, 11, 0)
	}
	for _, c := range []struct {
		name  string
		build func(c *conversation)
		flows int
	}{
		{"the same again", func(c *conversation) { c.segment(0, SYN, 1, 0, 0); c.segment(0, SYN, 1, 0, 0) }, 1},
		{"the same again, late", func(c *conversation) {
			c.handshake(1, 9)
			c.segment(0, ACK, 2, 10, 500)
			c.at += 6 * second
			c.segment(0, ACK, 502, 10, 500)
			c.segment(0, SYN, 1, 0, 0)
		}, 1},
		{"another, before an answer", func(c *conversation) { c.segment(0, SYN, 1, 0, 0); c.segment(0, SYN, 777, 0, 0) }, 2},
		{"another, established", func(c *conversation) { c.handshake(1, 9); c.segment(0, SYN, 777, 0, 0) }, 2},
		{"another from the other side, established", func(c *conversation) { c.handshake(1, 9); c.segment(1, SYN, 777, 0, 0) }, 2},
		{"another, closed", func(c *conversation) { closed(c); c.handshake(777, 999) }, 2},
		{"the same number, closed", func(c *conversation) { closed(c); c.handshake(1, 9) }, 2},
		{"its answer alone, closed", func(c *conversation) { closed(c); c.segment(1, SYN|ACK, 999, 778, 0) }, 2},
		{"a late segment, closed", func(c *conversation) { closed(c); c.segment(1, FIN|ACK, 10, 3, 0) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var conv conversation
			c.build(&conv)
			ids := map[uint64]bool{}
			records := conv.records()
			for _, r := range records {
				ids[r.ID] = true
			}
			if len(ids) != c.flows {
				t.Errorf("%d flows, want %d", len(ids), c.flows)
			}
			if r := records[len(records)-1]; (r.TCP.Status&TCPPortReuse != 0) != (c.flows > 1) {
				t.Errorf("status %#x of the last of %d flows", r.TCP.Status, c.flows)
			}
		})
	}
}

// What an interval's record says of loss is that interval's alone.
func TestTCPIntervals(t *testing.T) {
	var c conversation
	c.handshake(1, 9)
	c.segment(0, ACK, 2, 10, 100)
	c.segment(0, ACK, 2, 10, 100)
	c.at = 6 * second
	c.segment(0, ACK, 102, 10, 50)
	records := c.records()
	if len(records) != 2 {
		t.Fatalf("%d records, want 2", len(records))
	}
	if s := records[1].TCP.Side[0]; s.Retrans != 0 || s.Base != 102 || s.Payload != 50 || s.Interval != ACK || s.Flags != SYN|ACK {
		t.Errorf("second interval: %+v", s)
	}
	if records[1].TCP.Status&TCPSrcRetransmit != 0 {
		t.Error("the second interval still tells of the first one's retransmission")
	}
}

// A side that has closed sends nothing more: its sequence space does not seem to shrink in later records.
func TestTCPIntervalAfterFIN(t *testing.T) {
	var c conversation
	c.handshake(1, 9)
	c.segment(0, FIN|ACK, 2, 10, 0)
	c.segment(1, ACK, 10, 3, 0)
	c.at = 6 * second
	c.segment(1, ACK, 10, 3, 700)
	c.segment(0, ACK, 3, 710, 0)
	records := c.records()
	if len(records) != 2 {
		t.Fatalf("%d records, want 2", len(records))
	}
	if s := records[1].TCP.Side[0]; s.Next-1-s.Base != 0 || s.Payload != 0 {
		t.Errorf("the closed side: %+v", s)
	}
	if s := records[1].TCP.Side[1]; s.Next-s.Base != 700 || s.Payload != 700 {
		t.Errorf("the open side: %+v", s)
	}
}
