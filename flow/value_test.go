package flow

import "testing"

// Of two flows with packets both ways, the one that has closed is worth less.
func TestClosedFlowsAreEvictedFirst(t *testing.T) {
	c := DefaultConfig()
	c.MaxFlows = 2
	m := &meter{Table: NewTable(c)}
	m.add(udp(t0, true, 1), udp(t0+1, false, 1))
	var tcp conversation
	tcp.handshake(1, 9)
	tcp.segment(0, RST, 2, 0, 0)
	m.add(tcp.packets...)
	m.add(packet(t0+second/2, ProtoUDP, alice, ip4(10, 9, 9, 9), 1, 2, 60, 18))
	if len(m.records) != 1 || m.records[0].Proto != ProtoTCP {
		t.Errorf("evicted %+v, want the connection that was reset", m.records)
	}
}

func TestAttributesOfTheInterval(t *testing.T) {
	first, last := udp(t0, true, 1), udp(t0+1, true, 1)
	first.IPOptions, first.IPID, first.TTL = IPOptRecordRoute, 5, 63
	last.IPID, last.TOS = 6, 0xb8
	m := newMeter()
	m.add(first, last)
	if s := m.end()[0].Side[0]; s.IPOptions != IPOptRecordRoute || s.IPID != 6 || s.TTL != 64 || s.TOS != 0xb8 {
		t.Errorf("%+v, want the options of all packets and the rest of the last", s)
	}
}

// An IP id comes again: a later fragment long after the first one is of another datagram.
func TestFirstFragmentsAreForgotten(t *testing.T) {
	for _, c := range []struct {
		after int64
		port  uint16
	}{{fragmentHold - 1, 5000}, {fragmentHold, 0}} {
		first := udp(t0, true, 2000)
		first.FragID, first.Has = 77, HasFragment
		later := packet(t0+c.after, ProtoUDP, alice, bob, 0, 0, 562, 0)
		later.FragID, later.Has = 77, HasFragment|HasLaterFragment
		newMeter().add(first, later)
		if later.SrcPort != c.port {
			t.Errorf("%d ns after the first: port %d, want %d", c.after, later.SrcPort, c.port)
		}
	}
}
