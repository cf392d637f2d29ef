package flow

import "testing"

// A frame that was captured before the card cut it, or after the kernel put it together, counts as what was or will be on
// the wire: known from the kernel, else reckoned from the MSS that the receiver announced.
func TestSegmentsOfSuperFrames(t *testing.T) {
	for _, c := range []struct {
		name      string
		mss       uint16
		options   uint32
		payload   uint32
		kernel    uint32
		packets   uint64
		estimated bool
		maxSize   uint16
	}{
		{"an ordinary segment", 1460, 0, 1460, 0, 1, false, 54 + 1460},
		{"three segments", 1460, 0, 4000, 0, 3, true, 54 + 1334},
		{"timestamps take twelve octets of each", 1460, TCPTimestamp, 2 * 1460, 0, 3, true, 54 + 974},
		{"a full segment with timestamps", 1460, TCPTimestamp, 1448, 0, 1, false, 54 + 1448},
		{"the kernel said", 1460, 0, 4000, 4, 4, false, 54 + 1000},
		{"the loopback interface announces as much", 65495, TCPTimestamp, 65483, 0, 1, false, 65535},
		{"no MSS known, a jumbo frame", 0, 0, 8948, 0, 1, false, 54 + 8948},
		{"no MSS known, longer than any frame", 0, 0, 14480, 0, 10, true, 54 + 1448},
		{"an MSS of nothing", 1, 0, 640, 0, 10, true, 54 + 64},
	} {
		t.Run(c.name, func(t *testing.T) {
			var conv conversation
			if c.mss != 0 {
				conv.segment(0, SYN, 1, 0, 0).TCP.Options = c.options
				answer := conv.segment(1, SYN|ACK, 9, 2, 0)
				answer.TCP.MSS, answer.TCP.Options = c.mss, TCPMSS|c.options
			}
			big := conv.segment(0, ACK, 2, 10, c.payload)
			if c.kernel > 0 {
				big.Segments, big.Has = c.kernel, HasSegments
			}
			r := only(t, conv.packets...)
			s, others := r.Side[0], uint64(len(conv.packets))/2
			if s.Packets-others != c.packets || r.EstimatedSegments != c.estimated {
				t.Errorf("%d packets, estimated %v; want %d, %v", s.Packets-others, r.EstimatedSegments, c.packets, c.estimated)
			}
			if s.Payload != uint64(c.payload) || s.Bytes != uint64(c.payload)+54*(1+others) {
				t.Errorf("payload %d bytes %d: they are counted as captured", s.Payload, s.Bytes)
			}
			if s.MaxSize != c.maxSize {
				t.Errorf("largest packet %d, want %d", s.MaxSize, c.maxSize)
			}
		})
	}
}

// Records are lent one after the other in one place: that packets of one were reckoned says nothing of the next.
func TestEstimateIsOfOneRecord(t *testing.T) {
	m := newMeter()
	m.add(packet(t0, ProtoTCP, alice, bob, 1, 80, 20_054, 20_000), udp(t0, true, 10))
	records := m.end()
	if len(records) != 2 || !records[0].EstimatedSegments || records[1].EstimatedSegments {
		t.Errorf("estimated %v and %v, want the first record's alone", records[0].EstimatedSegments, records[1].EstimatedSegments)
	}
}

// What a super-frame brings again, or late, is counted in the segments that it stands for, as the packets are.
func TestSegmentsSentAgain(t *testing.T) {
	var conv conversation
	conv.segment(0, SYN, 1, 0, 0)
	conv.segment(1, SYN|ACK, 9, 2, 0)
	frame := func(at int64, seq, segments uint32) {
		p := conv.segment(0, ACK, seq, 10, 1000*segments)
		p.Segments, p.Has, p.Time = segments, HasSegments, t0+at*second
	}
	frame(1, 2, 4)
	frame(2, 2, 4)       // again
	frame(3, 3002, 4)    // one again, three new
	frame(3, 10_002, 2)  // leaves a hole
	frame(3, 7002, 3)    // which is filled at once
	frame(4, 10_002, 12) // two again
	s := only(t, conv.packets...).TCP.Side[0]
	if s.Retrans != 4+1+2 || s.OutOfOrder != 3 || s.Payload != 22_000 {
		t.Errorf("%d segments again, %d late, %d octets; want 7, 3 and 22000", s.Retrans, s.OutOfOrder, s.Payload)
	}
}
