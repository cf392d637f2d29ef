package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// isICMPError tells whether a message quotes the packet that it speaks of (RFC 792, RFC 4443 section 3).
func isICMPError(proto, kind uint8) bool {
	if proto == flow.ProtoICMPv6 {
		return kind >= 1 && kind <= 4
	}
	switch kind {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// quote reads the packet behind the 8 octets of an ICMP error, of which there may be no more than 8 octets above IP.
// Tunnels in it stay closed.
func (w *walk) quote(kind uint8) {
	d := w.d
	q := &d.aside
	q.Reset()
	in := walk{d: d, p: q, data: w.data, off: w.off + 8, wire: w.wire, closed: true, quoted: true, noChecksum: true}
	in.cut = true // nobody expects the packet to be whole
	l := layerIPv4
	if w.p.Proto == flow.ProtoICMPv6 {
		l = layerIPv6
	}
	for l != layerEnd {
		l = in.step(l)
	}
	q.Payload = nil                                                               // it was lent
	unknown := q.SrcPort|q.DstPort == 0 && (q.HasPorts() || in.reason != Decoded) // the flow's ports, SPI or ICMP type
	if q.Family == flow.FamilyNone || q.Has&flow.HasLaterFragment != 0 || unknown {
		return
	}
	d.quote = flow.Quote{Key: q.Key}
	if kind == 5 {
		d.quote.Gateway = [4]byte(w.data[w.off+4:])
	}
	w.p.Quote = &d.quote
}
