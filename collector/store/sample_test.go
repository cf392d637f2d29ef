package store

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

var (
	start   = time.Date(2026, 11, 21, 20, 10, 0, 0, time.UTC)
	monitor = uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef"))
	epoch   = wire.Epoch(0xe1)
)

// host makes records as those of an office host: DNS, web, some SSH and ICMP, a status record each minute.
type host struct {
	id    uuid.UUID
	rnd   *rand.Rand
	now   time.Time
	next  uint64
	zip   *zstd.Encoder
	epoch wire.Epoch
}

func newHost(t testing.TB, n int) *host {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(wire.MaxWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	id := monitor
	id[15] = byte(n)
	id[14] = byte(n >> 8)
	return &host{id: id, rnd: rand.New(rand.NewPCG(1, uint64(n))), now: start, next: 1, zip: w, epoch: epoch}
}

// batch returns the next n records; skip numbers before them are left out.
func (h *host) batch(t testing.TB, n int, skip uint64) *Batch {
	t.Helper()
	h.next += skip
	enc := argus.Encoder{Monitor: h.id, Interface: "eth0"}
	head := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Sequence: uint32(h.next)})
	var b []byte
	for i := range n {
		h.now = h.now.Add(time.Duration(h.rnd.ExpFloat64() * float64(50*time.Millisecond)))
		if i == 50 {
			b = enc.AppendManagement(b, &argus.Management{Cause: flow.CauseStatus, Now: h.now.UnixNano(), Packets: 7})
			continue
		}
		enc.Label = nil
		if i%10 == 0 {
			enc.Label = []byte(`{"proc":"curl","user":"alice"}`)
		}
		b = enc.AppendFlow(b, h.flow())
	}
	if _, err := argus.Number(b, h.next); err != nil {
		t.Fatal(err)
	}
	first := h.next
	h.next += uint64(n)
	return &Batch{Monitor: h.id, Epoch: h.epoch, First: first, Last: h.next - 1, Dropped: skip, Received: h.now.Add(2 * time.Second),
		Body: h.zip.EncodeAll(append(head, b...), nil)}
}

func (h *host) flow() *flow.Record {
	r := h.rnd
	begin := h.now.UnixNano() / 1000 * 1000
	f := &flow.Record{ID: uint64(begin>>16)<<32 + h.next<<8 + uint64(h.id[15]), Start: begin, Cause: flow.CauseStart, End: flow.EndDetected, Initiator: flow.InitiatorSeen, HasMAC: true, EtherType: 0x800}
	f.Family, f.Proto = flow.FamilyIPv4, flow.ProtoTCP
	copy(f.Src[:], []byte{10, 1, h.id[14], h.id[15]})
	dst := int(math.Exp(r.Float64() * 8)) // a few often, many seldom
	copy(f.Dst[:], []byte{151, byte(dst * 7), byte(dst), byte(dst >> 3)})
	copy(f.SrcMAC[:], []byte{2, 0, 0, 0, h.id[14], h.id[15]})
	copy(f.DstMAC[:], []byte{2, 0, 0, 1, 0, 1})
	f.SrcPort, f.DstPort = uint16(32768+r.IntN(28000)), 443
	rtt := int64(5e6+r.ExpFloat64()*2e7) / 1000 * 1000
	s, d := &f.Side[0], &f.Side[1]
	*s = flow.Side{First: begin, TTL: 64, IPID: uint16(r.Uint32())}
	*d = flow.Side{First: begin + rtt, TTL: 55, IPID: uint16(r.Uint32())}
	switch kind := r.IntN(20); {
	case kind < 10: // DNS
		f.Proto, f.DstPort, f.End = flow.ProtoUDP, 53, flow.EndIdle
		copy(f.Dst[:], []byte{10, 1, 0, 53})
		s.Packets, s.Payload = 1, uint64(30+r.IntN(30))
		d.Packets, d.Payload = 1, uint64(50+r.IntN(300))
		s.Last, d.Last = s.First, d.First
		h.sizes(f, 28)
		f.History = flow.History([]byte{0: 'D', 1: 'd', 23: 0})
		return f
	case kind == 10:
		f.Proto, f.Type, f.SrcPort, f.DstPort, f.End = flow.ProtoICMP, 8<<8, uint16(r.Uint32()), 1, flow.EndIdle
		s.Packets, s.Payload, d.Packets, d.Payload = 1, 64, 1, 64
		s.Last, d.Last = s.First, d.First
		h.sizes(f, 20)
		return f
	case kind == 11:
		f.DstPort = 22
	}
	s.Packets, s.Payload = uint64(6+r.IntN(10)), uint64(300+r.IntN(2500))
	d.Packets, d.Payload = uint64(6+r.IntN(20)), uint64(math.Exp(6+r.Float64()*6))
	length := int64(r.ExpFloat64()*3e9) / 1000 * 1000
	s.Last, d.Last = begin+rtt+length, begin+rtt*2+length
	h.sizes(f, 52)
	f.TCP = flow.TCP{Status: flow.TCPSawSYN | flow.TCPSawSYNACK | flow.TCPEstablished | flow.TCPSawFIN | flow.TCPSawFINACK,
		Options: flow.TCPMSS | flow.TCPWindowScale | flow.TCPSACKOK | flow.TCPTimestamp, SynAck: rtt, AckDat: int64(r.IntN(80)) * 1000}
	for i := range f.TCP.Side {
		t := &f.TCP.Side[i]
		*t = flow.TCPSide{Base: r.Uint32(), Payload: uint32(f.Side[i].Payload), Window: uint16(501 + r.IntN(10)), MSS: 1460, Shift: 7, Flags: 0x1b, Interval: 0x1b}
		t.Next = t.Base + t.Payload + 2
	}
	f.TCP.Side[0].Ack, f.TCP.Side[1].Ack = f.TCP.Side[1].Next, f.TCP.Side[0].Next
	f.TCP.Side[0].Turns, f.TCP.Side[1].Turns = uint32(s.Packets/2), uint32(2+r.IntN(4))
	copy(f.History[:], "ShADadFf")
	h.intervals(s, 0)
	h.intervals(d, r.IntN(int(d.Packets)-3))
	return f
}

// sizes derives the other byte counts from the payload.
func (h *host) sizes(f *flow.Record, headers uint64) {
	for i := range f.Side {
		s := &f.Side[i]
		s.IPBytes = s.Payload + headers*s.Packets
		s.Bytes = s.IPBytes + 14*s.Packets
		s.MinSize, s.MaxSize, s.Sizes = uint16(s.Bytes), uint16(s.Bytes), 1<<(28-4*sizeBin(uint16(s.Bytes)))
		if s.Packets > 1 {
			s.MinSize, s.MaxSize = 66, uint16(min(66+s.Payload, 1514))
			s.Sizes = flow.Histogram(h.rnd.Uint32() & 0x33111103)
		}
	}
}

// intervals shares the time of a side among its packets, in whole microseconds; some of them while data moves.
func (h *host) intervals(s *flow.Side, active int) {
	n := int(s.Packets) - 1
	mean := float32((s.Last - s.First) / 1000 / int64(n))
	for _, v := range []struct {
		n    int
		mean float32
		to   *flow.Intervals
	}{{active, min(mean, float32(50+h.rnd.IntN(400))), &s.Active}, {n - active, mean, &s.Idle}} {
		if v.n < 3 {
			v.mean = 0 // of one or two intervals the store computes the extremes
		}
		part := func(of float64) float32 { return float32(int(float64(v.mean) * of)) }
		if v.n > 0 {
			*v.to = flow.Intervals{N: uint32(v.n), Mean: part(1), StdDev: part(h.rnd.Float64() * 2), Min: part(h.rnd.Float64() * 0.3),
				Max: part(2 + h.rnd.Float64()*3), Bins: flow.Histogram(h.rnd.Uint32() & 0x01317100)}
		}
	}
}
