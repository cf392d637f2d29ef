package flow

import "testing"

// troubles are the counters of one side that tell of loss and disorder.
type troubles struct {
	payload, retrans, outOfOrder, duplicates, gap, inFlight uint32
}

const synced = TCPSawSYN | TCPSawSYNACK | TCPEstablished

// situations are what a connection may meet, and what its record says of it.
var situations = []struct {
	name     string
	build    func(c *conversation)
	status   uint32
	end      End
	history  string
	src, dst troubles
}{
	{"SYN only", func(c *conversation) { c.segment(0, SYN, 1, 0, 0) }, TCPSawSYN, EndForced, "S", troubles{}, troubles{}},
	{"SYN again", func(c *conversation) { c.segment(0, SYN, 1, 0, 0); c.segment(0, SYN, 1, 0, 0) },
		TCPSawSYN | TCPSrcRetransmit, EndForced, "S", troubles{retrans: 1}, troubles{}},
	{"refused", func(c *conversation) { c.segment(0, SYN, 1, 0, 0); c.segment(1, RST|ACK, 0, 2, 0) },
		TCPSawSYN | TCPDstReset, EndDetected, "Sr", troubles{}, troubles{}},
	{"refused, asked again", func(c *conversation) {
		for range 3 {
			c.segment(0, SYN, 1, 0, 0)
			c.segment(1, RST|ACK, 0, 2, 0)
		}
	}, TCPSawSYN | TCPDstReset | TCPSrcRetransmit, EndDetected, "Sr", troubles{retrans: 2}, troubles{}},
	{"refused by a stranger", func(c *conversation) { c.segment(0, SYN, 1, 0, 0); c.segment(1, RST|ACK, 0, 5000, 0) },
		TCPSawSYN, EndForced, "Sr", troubles{}, troubles{}},
	{"half open", func(c *conversation) { c.segment(0, SYN, 1, 0, 0); c.segment(1, SYN|ACK, 9, 2, 0) },
		TCPSawSYN | TCPSawSYNACK, EndForced, "Sh", troubles{}, troubles{inFlight: 0}},
	{"half open, reset by the scanner", func(c *conversation) {
		c.segment(0, SYN, 1, 0, 0)
		c.segment(1, SYN|ACK, 9, 2, 0)
		c.segment(0, RST, 2, 0, 0)
	}, TCPSawSYN | TCPSawSYNACK | TCPSrcReset, EndDetected, "ShR", troubles{}, troubles{}},
	{"acknowledged by the answering side alone", func(c *conversation) {
		c.segment(0, SYN, 1, 0, 0)
		c.segment(1, SYN|ACK, 9, 2, 0)
		c.segment(1, ACK, 10, 2, 0)
	}, TCPSawSYN | TCPSawSYNACK, EndForced, "Sha", troubles{}, troubles{}},
	{"established", func(c *conversation) { c.handshake(1, 9) }, synced, EndForced, "ShA", troubles{}, troubles{}},
	{"mid-stream", func(c *conversation) { c.segment(0, ACK, 100, 200, 10); c.segment(1, ACK, 200, 110, 0) },
		TCPEstablished, EndForced, "Da", troubles{payload: 10}, troubles{}},
	{"one direction of mid-stream", func(c *conversation) { c.segment(0, ACK, 100, 200, 10); c.segment(0, ACK, 110, 300, 10) },
		TCPEstablished, EndForced, "D", troubles{payload: 20}, troubles{}},
	{"SYN/ACK first", func(c *conversation) { c.segment(1, SYN|ACK, 9, 2, 0); c.segment(0, ACK, 2, 10, 0) },
		TCPSawSYNACK | TCPEstablished, EndForced, "^hA", troubles{}, troubles{}},
	{"SYN behind its SYN/ACK", func(c *conversation) {
		c.segment(1, SYN|ACK, 9, 2, 0)
		c.segment(0, SYN, 1, 0, 0)
		c.segment(0, ACK, 2, 10, 0)
	}, synced, EndForced, "^hSA", troubles{}, troubles{}},
	{"data in the SYN", func(c *conversation) {
		c.segment(0, SYN, 1, 0, 100)
		c.segment(1, SYN|ACK, 9, 102, 0)
		c.segment(0, ACK, 102, 10, 50)
	}, synced, EndForced, "SDh", troubles{payload: 150, inFlight: 50}, troubles{}},
	{"split handshake", func(c *conversation) {
		c.segment(0, SYN, 1, 0, 0)
		c.segment(1, ACK, 5000, 2, 0)
		c.segment(1, SYN, 9, 0, 0)
		c.segment(0, SYN|ACK, 1, 10, 0)
		c.segment(1, ACK, 10, 2, 0)
	}, synced, EndForced, "SasH", troubles{}, troubles{}},
	{"simultaneous open", func(c *conversation) {
		c.segment(0, SYN, 1, 0, 0)
		c.segment(1, SYN, 9, 0, 0)
		c.segment(0, SYN|ACK, 1, 10, 0)
		c.segment(1, SYN|ACK, 9, 2, 0)
		c.segment(0, ACK, 2, 10, 0)
	}, synced, EndForced, "SsHhA", troubles{}, troubles{}},
	{"one side closed", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, FIN|ACK, 2, 10, 0)
		c.segment(1, ACK, 10, 3, 0)
	}, synced | TCPSawFIN | TCPSawFINACK, EndForced, "ShAFa", troubles{}, troubles{}},
	{"both sides closed", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, FIN|ACK, 2, 10, 0)
		c.segment(1, FIN|ACK, 10, 3, 0)
		c.segment(0, ACK, 3, 11, 0)
	}, synced | TCPSawFIN | TCPSawFINACK | TCPClosed, EndDetected, "ShAFf", troubles{}, troubles{}},
	{"FIN with data", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, FIN|PSH|ACK, 2, 10, 100)
		c.segment(1, FIN|ACK, 10, 103, 0)
		c.segment(0, ACK, 103, 11, 0)
	}, synced | TCPSawFIN | TCPSawFINACK | TCPClosed, EndDetected, "ShAFDf", troubles{payload: 100}, troubles{}},
	{"FIN again", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, FIN|ACK, 2, 10, 0)
		c.segment(0, FIN|ACK, 2, 10, 0)
	}, synced | TCPSawFIN | TCPSrcRetransmit, EndForced, "ShAF", troubles{retrans: 1, inFlight: 1}, troubles{}},
	{"FIN behind its acknowledgement", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(1, FIN|ACK, 10, 3, 0)
		c.segment(0, FIN|ACK, 2, 11, 0)
	}, synced | TCPSawFIN | TCPSawFINACK | TCPClosed, EndDetected, "ShAfF", troubles{}, troubles{}},
	{"reset by the initiator", func(c *conversation) { c.handshake(1, 9); c.segment(0, RST, 2, 0, 0) },
		synced | TCPSrcReset, EndDetected, "ShAR", troubles{}, troubles{}},
	{"reset by the responder", func(c *conversation) { c.handshake(1, 9); c.segment(1, RST|ACK, 10, 2, 0) },
		synced | TCPDstReset, EndDetected, "ShAr", troubles{}, troubles{}},
	{"reset that nobody believes", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(1, RST, 0x70000000, 0, 0)
		c.segment(0, ACK, 2, 10, 100)
	}, synced, EndForced, "ShArD", troubles{payload: 100, inFlight: 100}, troubles{}},
	{"resets of one sequence number", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, RST, 2, 0, 0)
		c.segment(0, RST, 2, 0, 0)
		c.segment(0, RST, 3, 0, 0)
	}, synced | TCPSrcReset, EndDetected, "ShARR", troubles{}, troubles{}},
	{"reset with text", func(c *conversation) { c.handshake(1, 9); c.segment(0, RST|ACK, 2, 10, 40) },
		synced | TCPSrcReset, EndDetected, "ShAR", troubles{}, troubles{}},
	{"SYN with RST", func(c *conversation) { c.segment(0, SYN|RST, 1, 0, 0) }, TCPSawSYN | TCPSrcReset, EndDetected, "QSR", troubles{}, troubles{}},
	{"FIN with RST", func(c *conversation) { c.handshake(1, 9); c.segment(0, FIN|RST, 2, 0, 0) },
		synced | TCPSrcReset, EndDetected, "ShAIR", troubles{}, troubles{}},
	{"retransmission", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 10, 100)
		c.segment(0, ACK, 2, 10, 100)
	}, synced | TCPSrcRetransmit, EndForced, "ShADT", troubles{payload: 100, retrans: 1, inFlight: 100}, troubles{}},
	{"retransmission with new data", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 10, 100)
		c.segment(0, ACK, 2, 10, 150)
	}, synced | TCPSrcRetransmit, EndForced, "ShAD", troubles{payload: 150, retrans: 1, inFlight: 150}, troubles{}},
	{"out of order", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(1, ACK, 110, 2, 100)
		c.segment(1, ACK, 10, 2, 100)
	}, synced | TCPDstOutOfOrder, EndForced, "ShAdt", troubles{}, troubles{payload: 200, outOfOrder: 1, inFlight: 200}},
	{"lost before us and sent again", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(1, ACK, 110, 2, 100)
		c.at += second
		c.segment(1, ACK, 10, 2, 100)
	}, synced | TCPDstRetransmit, EndForced, "ShAdt", troubles{}, troubles{payload: 200, retrans: 1, inFlight: 200}},
	{"four holes filled backwards", func(c *conversation) {
		c.handshake(1, 9)
		for i := range uint32(5) {
			c.segment(0, ACK, 2+200*i, 10, 100)
		}
		for i := range uint32(4) {
			c.at -= 9_900_000
			c.segment(0, ACK, 702-200*i, 10, 100)
		}
	}, synced | TCPSrcOutOfOrder | TCPSrcRetransmit, EndForced, "ShADT", troubles{payload: 900, outOfOrder: 2, retrans: 2, inFlight: 900}, troubles{}},
	{"more holes than are remembered", func(c *conversation) {
		c.handshake(1, 9)
		for i := range uint32(6) {
			c.segment(0, ACK, 102+200*i, 10, 100)
		}
		c.at -= 9_900_000
		c.segment(0, ACK, 2, 10, 100)    // given up
		c.segment(0, ACK, 1002, 10, 100) // the last one
		c.segment(1, ACK, 10, 1202, 0)
	}, synced | TCPSrcRetransmit | TCPSrcOutOfOrder | TCPSrcGap, EndForced, "ShADTaG", troubles{payload: 700, retrans: 1, outOfOrder: 1, gap: 300}, troubles{}},
	{"the middle of a hole", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 302, 10, 100)
		c.segment(0, ACK, 102, 10, 100)
		c.segment(0, ACK, 2, 10, 300)
	}, synced | TCPSrcOutOfOrder, EndForced, "ShADT", troubles{payload: 400, outOfOrder: 2, inFlight: 400}, troubles{}},
	{"captured twice", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, PSH|ACK, 2, 10, 100)
		c.segment(1, ACK, 10, 102, 0)
		c.segment(0, FIN|ACK, 102, 10, 0)
		c.segment(1, FIN|ACK, 10, 103, 0)
		c.segment(0, ACK, 103, 11, 0)
		c.twice()
	}, synced | TCPSawFIN | TCPSawFINACK | TCPClosed, EndDetected, "ShADaFf", troubles{payload: 100}, troubles{}},
	{"gap", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(1, ACK, 1010, 2, 100)
		c.segment(0, ACK, 2, 1110, 0)
	}, synced | TCPDstGap, EndForced, "ShAdg", troubles{}, troubles{payload: 100, gap: 1000}},
	{"gap at the end", func(c *conversation) { c.handshake(1, 9); c.segment(0, ACK, 2, 1010, 0) },
		synced | TCPDstGap, EndForced, "ShAg", troubles{}, troubles{gap: 1000}},
	{"gap that fills", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 1010, 0)
		c.segment(1, ACK, 10, 2, 1000)
	}, synced | TCPDstGap | TCPDstOutOfOrder, EndForced, "ShAgtd", troubles{}, troubles{payload: 1000, outOfOrder: 1}},
	{"duplicate acknowledgements", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 10, 100)
		c.segment(0, ACK, 102, 10, 100)
		for range 4 {
			c.segment(1, ACK, 10, 102, 0)
		}
	}, synced | TCPDstDuplicate, EndForced, "ShADa", troubles{payload: 200, inFlight: 100}, troubles{duplicates: 3}},
	{"duplicate acknowledgement with SACK, while the window moves", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 10, 100)
		c.segment(0, ACK, 202, 10, 100)
		c.segment(1, ACK, 10, 102, 0)
		c.segment(1, ACK, 10, 102, 0).TCP.Window = 900 // no SACK: an update of the window
		p := c.segment(1, ACK, 10, 102, 0)
		p.TCP.Window, p.TCP.Options = 800, TCPSACK
	}, synced | TCPDstDuplicate, EndForced, "ShADa", troubles{payload: 200, inFlight: 200}, troubles{duplicates: 1}},
	{"keep-alive and its answer", func(c *conversation) {
		c.handshake(1, 9)
		for range 3 {
			c.segment(0, ACK, 1, 10, 1)
			c.segment(1, ACK, 10, 2, 0)
			c.segment(0, ACK, 1, 10, 0)
			c.segment(1, ACK, 10, 2, 0)
		}
	}, synced, EndForced, "ShADa", troubles{}, troubles{}},
	{"zero window and its probes", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 10, 100)
		c.segment(1, ACK, 10, 102, 0).TCP.Window = 0
		c.segment(0, ACK, 102, 10, 1)
		c.segment(1, ACK, 10, 102, 0).TCP.Window = 0
		c.segment(0, ACK, 102, 10, 1)
		c.segment(1, ACK, 10, 103, 0) // this one was taken
		c.segment(0, ACK, 103, 10, 50)
	}, synced | TCPDstWindowShut, EndForced, "ShADaw", troubles{payload: 151, inFlight: 50}, troubles{}},
	{"sequence numbers wrap", func(c *conversation) {
		c.handshake(0xffffffff-50, 9)
		c.segment(0, ACK, 0xffffffff-49, 10, 100)
		c.segment(0, ACK, 50, 10, 100)
	}, synced, EndForced, "ShAD", troubles{payload: 200, inFlight: 200}, troubles{}},
	{"out of order over the wrap", func(c *conversation) {
		c.handshake(0xffffffff-50, 9)
		c.segment(0, ACK, 50, 10, 100)
		c.segment(0, ACK, 0xffffffff-49, 10, 100)
	}, synced | TCPSrcOutOfOrder, EndForced, "ShADT", troubles{payload: 200, outOfOrder: 1, inFlight: 200}, troubles{}},
	{"urgent data", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, URG|PSH|ACK, 2, 10, 1)
		c.segment(1, ACK, 10, 3, 0)
	}, synced, EndForced, "ShADa", troubles{payload: 1}, troubles{}},
	{"super-frames", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(1, ACK, 10, 2, 64000)
		c.segment(1, ACK, 64010, 2, 64000)
		c.segment(0, ACK, 2, 128010, 0)
	}, synced, EndForced, "ShAd", troubles{}, troubles{payload: 128000}},
	{"a segment from elsewhere", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 10, 100)
		c.segment(0, ACK, 0x60000000, 10, 100)
		c.segment(0, ACK, 102, 10, 100)
		c.segment(1, ACK, 10, 202, 0)
	}, synced, EndForced, "ShADa", troubles{payload: 300}, troubles{}},
	{"a FIN from elsewhere", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(1, FIN|ACK, 0x60000000, 2, 0)
		c.segment(1, ACK, 10, 2, 100)
	}, synced, EndForced, "ShAd", troubles{}, troubles{payload: 100, inFlight: 100}},
	{"data after a FIN, which was none", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, FIN|ACK, 2, 10, 0)
		c.segment(1, ACK, 10, 3, 0)
		c.segment(0, ACK, 3, 10, 10)
		c.segment(1, FIN|ACK, 10, 13, 0)
		c.segment(0, ACK, 13, 11, 0)
	}, synced | TCPSawFIN | TCPSawFINACK, EndForced, "ShAFaDf", troubles{payload: 10}, troubles{}},
	{"SYN/ACK and ACK of one side alone", func(c *conversation) { c.segment(1, SYN|ACK, 9, 2, 0); c.segment(1, ACK, 10, 2, 0) },
		TCPSawSYNACK, EndForced, "^ha", troubles{}, troubles{}},
	{"a FIN before the SYN of a split handshake", func(c *conversation) {
		c.segment(0, SYN, 1, 0, 0)
		c.segment(1, FIN|ACK, 5000, 2, 0)
		c.segment(1, SYN, 9, 0, 0)
		c.segment(0, SYN|ACK, 1, 10, 0)
		c.segment(1, ACK, 10, 2, 0)
	}, synced | TCPSawFIN, EndForced, "SfsHa", troubles{}, troubles{}},
	{"congestion marks offered", func(c *conversation) {
		c.segment(0, SYN|ECE|CWR, 1, 0, 0)
		c.segment(1, SYN|ECE|ACK, 9, 2, 0)
		c.segment(0, ACK, 2, 10, 0)
	}, synced, EndForced, "ShA", troubles{}, troubles{}},
	{"congestion marks", func(c *conversation) {
		c.handshake(1, 9)
		c.segment(0, ACK, 2, 10, 100).TOS = 3
		c.segment(1, ECE|ACK, 10, 102, 0)
	}, synced | TCPDstECNMarked, EndForced, "ShADa", troubles{payload: 100}, troubles{}},
}

func TestTCPSituations(t *testing.T) {
	for _, c := range situations {
		t.Run(c.name, func(t *testing.T) {
			var conv conversation
			c.build(&conv)
			records := conv.records()
			if len(records) != 1 {
				t.Fatalf("%d records, want 1", len(records))
			}
			r := &records[0]
			if r.TCP.Status != c.status || r.End != c.end || r.History.String() != c.history {
				t.Errorf("status %#x end %d history %s, want %#x, %d and %s", r.TCP.Status, r.End, &r.History, c.status, c.end, c.history)
			}
			for i, want := range []troubles{c.src, c.dst} {
				s := &r.TCP.Side[i]
				if got := (troubles{s.Payload, s.Retrans, s.OutOfOrder, s.Duplicates, s.Gap, s.InFlight}); got != want {
					t.Errorf("side %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}
