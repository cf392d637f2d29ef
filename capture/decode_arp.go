package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// arp reads an ARP or RARP packet (RFC 826, RFC 903). One for other than IPv4 addresses is a flow of its ethertype.
func (w *walk) arp() layer {
	if !w.have(8) {
		return w.fallback(8, ARPFormat)
	}
	b := w.data[w.off:]
	hlen, plen := int(b[4]), int(b[5])
	size := 8 + 2*hlen + 2*plen
	if len(b) < size {
		return w.fallback(size, ARPFormat)
	}
	p := w.p
	if w.depth > 0 {
		return w.other(p.EtherType)
	}
	sender, target := b[8:8+hlen+plen], b[8+hlen+plen:size]
	switch {
	case p.EtherType == etherARP && be16(b[2:]) == etherIPv4 && plen == 4:
		p.Family = flow.FamilyARP
		copy(p.Src[:4], sender[hlen:])
		copy(p.Dst[:4], target[hlen:])
	case p.EtherType == etherRARP && hlen == 6:
		p.Family = flow.FamilyRARP
		copy(p.Src[:6], sender[:6])
		copy(p.Dst[:6], target[:6])
	case be16(b[2:]) == etherIPv4 && plen != 4:
		return w.fallback(0, ARPFormat)
	default:
		return w.other(p.EtherType)
	}
	p.Type = be16(b[6:])
	if hlen == 6 {
		p.Sender = [6]byte(sender)
	}
	p.PayloadLen = uint32(size)
	p.Payload = b[:size]
	return layerEnd
}
