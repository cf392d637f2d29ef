package capture

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// FuzzTraceEvents gives a session any events, as length and octets of an EVENT_RECORD's fixed part and its payload in turn: every frame
// is one of somebody's fragments, nothing is held beyond its bounds.
func FuzzTraceEvents(f *testing.F) {
	event := func(keywords uint64, payload []byte) []byte {
		b := eventRecord(ndisFragment, keywords, 133_000_000_000_000_000)
		return join(b, []byte{byte(len(payload)), byte(len(payload) >> 8)}, payload)
	}
	frame := ethernet(etherIPv4, ipv4(17, dgram))
	f.Add(event(whole|ndisSend, ndisEvent(4, 4, 0, frame).payload))
	f.Add(event(ndisPacket, ndisEvent(9, 9, 0, frame, 1, 2, 3, 4, 5, 6, 7, 8).payload))
	f.Add(join(event(ndisStart|ndisSend, ndisEvent(4, 4, 0, frame[:30]).payload), event(ndisEnd|ndisSend, ndisEvent(4, 4, 0, frame[30:]).payload)))
	f.Add(join(event(ndisStart, ndisEvent(4, 4, 0, frame).payload), event(whole, ndisEvent(4, 5, 0, frame).payload)))
	f.Add(event(whole|ndisNative80211, ndisEvent(4, 4, 0, []byte{0x88, 0x41, 0, 0}).payload))
	f.Add(event(whole, binary.LittleEndian.AppendUint32(make([]byte, 8), 1<<31)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		n := &ndis{tracer: newFakeTracer(), sources: map[uint32]*ndisSource{}}
		for _, index := range []uint32{4, 9} {
			n.sources[index] = &ndisSource{q: newQueue("eth", int(index), "ndis-etw", Options{SnapLen: 64, Ring: 1 << 10})}
		}
		events := uint64(0)
		for len(stream) >= eventRecordSize+2 {
			e, ok := readEvent(stream[:eventRecordSize])
			size := int(binary.LittleEndian.Uint16(stream[eventRecordSize:]))
			stream = stream[eventRecordSize+2:]
			e.payload = stream[:min(size, len(stream))]
			stream = stream[len(e.payload):]
			if ok {
				events++
				n.event(&e)
			}
		}
		n.flush()
		told := n.unread
		for _, s := range n.sources {
			var frame Frame
			for {
				data, err := s.q.Next(&frame, 0)
				if err != nil {
					break
				}
				if len(data) > 64 || len(data) > frame.Length || frame.Length > maxNDISFrame {
					t.Fatalf("%d octets of a frame: %+v", len(data), frame)
				}
			}
			for _, p := range s.part {
				if len(p.data) > 64 || p.length > maxNDISFrame+1<<16 {
					t.Fatalf("%d octets held, %d seen", len(p.data), p.length)
				}
			}
			st, err := s.q.Stats()
			if err != nil {
				t.Fatal(err)
			}
			told += st.Received + st.Dropped
		}
		if told > 2*events {
			t.Fatalf("%d frames and losses from %d events", told, events)
		}
	})
}

// FuzzPcapHeaders reads any struct pcap_pkthdr.
func FuzzPcapHeaders(f *testing.F) {
	f.Add(pcapHeader(1_700_000_000, 999_999, 60, 1500))
	f.Add(pcapHeader(1<<32-1, 1<<32-1, 1<<32-1, 1<<32-1))
	f.Add(pcapHeader(1, 2, 3, 2))
	f.Fuzz(func(t *testing.T, h []byte) {
		n, captured, ok := pcapNote(h, LinkEthernet)
		if ok && (captured > n.length || n.at < 0 || len(h) < pcapHeaderSize) {
			t.Fatalf("%x: %+v, %d", h, n, captured)
		}
	})
}

// FuzzRawPackets decodes whatever a raw socket may deliver: what is taken begins with a header of the socket's version.
func FuzzRawPackets(f *testing.F) {
	f.Add(ipv4(17, dgram), true)
	f.Add(ipv6(17, dgram), false)
	f.Add(dgram, false)
	f.Fuzz(func(t *testing.T, packet []byte, four bool) {
		local := netip.AddrFrom16([16]byte(ip6A))
		if four {
			local = netip.MustParseAddr("10.0.0.1")
		}
		n, ok := rawNote(packet, local, 1)
		if ok && (n.length != uint32(len(packet)) || packet[0]>>4 == 4 != four) {
			t.Fatalf("%x: %+v", packet, n)
		}
	})
}
