package capture

import (
	"encoding/binary"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Decoder summarises frames. The zero value is ready; one goroutine owns it.
type Decoder struct {
	KeepOuter       bool // leave tunnels closed: the flow is the outer one
	DNSTransactions bool // the transaction id of UDP port 53 is part of the key (flow.Key.Type)

	counts Counts

	tunnel flow.Tunnel // what Packet.Tunnel points to
	quote  flow.Quote  // what Packet.Quote points to
	around flow.Packet // around the innermost tunnel
	aside  flow.Packet // in an ICMP error, or inside the tunnel of a super-frame
}

// Counts returns the number of frames by what became of them. Every frame is counted once.
func (d *Decoder) Counts() Counts { return d.counts }

// Decode fills p from the headers of a frame and counts it. It reads nothing beyond data, keeps nothing of it
// but the borrowed p.Payload, and allocates nothing; p.Tunnel and p.Quote stay the Decoder's, until the next call.
// When p.Family is FamilyNone afterwards the frame belongs to no flow; any other frame does, whatever Decode returns.
func (d *Decoder) Decode(data []byte, f *Frame, p *flow.Packet) Reason {
	p.Reset()
	p.Time = f.Timestamp.UnixNano()
	p.FrameLen = uint32(f.Length)
	var w walk // a composite literal would be made elsewhere and copied: 3 ns
	w.d, w.p, w.data, w.wire = d, p, data, max(f.Length, len(data))
	w.closed, w.noChecksum = d.KeepOuter, f.ChecksumNotReady
	if f.HasVLAN {
		p.FrameLen += 4
		w.tag(f.VLANTCI)
	}
	for l := w.link(f.Link); l != layerEnd; {
		l = w.step(l)
	}
	if w.depth > 0 {
		w.leave()
	}
	if f.GSOSize != 0 {
		d.segments(data, f, p)
	}
	d.counts[w.reason]++
	return w.reason
}

// segments reckons the packets that a super-frame stands for. What is cut is the payload of the innermost packet, also
// where the flow is the outer one.
func (d *Decoder) segments(data []byte, f *Frame, p *flow.Packet) {
	payload, size := p.PayloadLen, uint32(f.GSOSize)
	if d.KeepOuter && p.Quote == nil {
		in := &d.aside
		in.Reset()
		w := walk{d: d, p: in, data: data, wire: max(f.Length, len(data)), noChecksum: true}
		for l := w.link(f.Link); l != layerEnd; {
			l = w.step(l)
		}
		if w.depth > 0 {
			w.leave()
		}
		in.Payload = nil // it was lent
		payload = in.PayloadLen
	}
	if payload > size {
		p.Segments = (payload + size - 1) / size
		p.Has |= flow.HasSegments
	}
}

// layer names the header that a walk reads next.
type layer uint8

const (
	layerEnd layer = iota
	layerEthernet
	layerLLC
	layerMPLS
	layerETag
	layerNSH
	layerPPPoE
	layerPPP
	layerIP // whichever version its first nibble says
	layerIPv4
	layerIPv6
	layerARP
	layerTransport
)

// step reads one header and returns what follows it. Every header takes octets, so a walk ends.
func (w *walk) step(l layer) layer {
	switch l {
	case layerEthernet:
		return w.ethernet()
	case layerIPv4:
		return w.ipv4()
	case layerIPv6:
		return w.ipv6()
	case layerTransport:
		return w.transport()
	case layerIP:
		return w.ip()
	case layerLLC:
		return w.llc()
	case layerMPLS:
		return w.mpls()
	case layerETag:
		return w.etag()
	case layerNSH:
		return w.nsh()
	case layerPPPoE:
		return w.pppoe()
	case layerPPP:
		return w.ppp()
	case layerARP:
		return w.arp()
	}
	return layerEnd
}

// walk is the way through the headers of one frame.
type walk struct {
	d      *Decoder
	p      *flow.Packet
	data   []byte // captured octets, cut to those that the headers met so far say are theirs
	off    int    // where the next header begins
	wire   int    // where the current layer ends on the wire, as an offset like off
	proto  uint8  // IP protocol of layerTransport
	depth  uint8  // tunnels entered
	part   bool   // a fragment that is not the whole packet
	cut    bool   // a packet around this one is such a fragment
	reason Reason

	closed     bool // tunnels stay closed
	quoted     bool // the packet is one that an ICMP error quotes
	noChecksum bool // checksums are left to the hardware
}

// have tells whether n octets from off on were captured.
func (w *walk) have(n int) bool { return len(w.data)-w.off >= n }

// whole tells whether all of the current packet should be there: neither it nor one around it is a fragment.
func (w *walk) whole() bool { return !w.part && !w.cut }

// fail notes the first thing that is wrong.
func (w *walk) fail(r Reason) layer {
	if w.reason == Decoded {
		w.reason = r
	}
	return layerEnd
}

// short notes that a header of n octets from off on is not all there: cut by the snap length, or else r.
func (w *walk) short(n int, r Reason) layer {
	if w.off+n <= w.wire {
		r = SnapLength
	}
	return w.fail(r)
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
