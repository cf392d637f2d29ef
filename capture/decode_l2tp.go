package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// Flags of the L2TP header.
const (
	l2tpLength   = 0x4000
	l2tpSequence = 0x0800
	l2tpOffset   = 0x0200
	l2tpPriority = 0x0100
)

// l2tpUDP reads an L2TP data header of version 2 (RFC 2661 section 3.1) or 3 (RFC 3931 section 4.1.2).
// Control messages belong to the UDP flow.
func (w *walk) l2tpUDP() layer {
	if !w.have(8) {
		return layerEnd
	}
	flags := be16(w.data[w.off:])
	switch flags &^ (l2tpLength | l2tpSequence | l2tpOffset | l2tpPriority) {
	case 2:
		return w.l2tpV2(flags)
	case 3:
		if flags == 3 && be16(w.data[w.off+2:]) == 0 {
			return w.l2tpV3(4)
		}
	}
	return layerEnd
}

// l2tpV2 reads a data header of version 2, 8 octets of which are there: PPP follows.
func (w *walk) l2tpV2(flags uint16) layer {
	b := w.data[w.off:]
	size := 2
	if flags&l2tpLength != 0 {
		if int(be16(b[2:])) > w.wire-w.off && w.whole() {
			return layerEnd
		}
		size += 2
	}
	id := be32(b[size:])
	size += 4
	if flags&l2tpSequence != 0 {
		size += 4
	}
	if flags&l2tpOffset != 0 {
		if size += 2; !w.have(size) {
			return w.short(size, TunnelFormat)
		}
		size += int(be16(b[size-2:]))
	}
	if !w.have(size) {
		return w.short(size, TunnelFormat)
	}
	if !w.enter(size, flow.Tunnel{Encaps: flow.EncapsL2TP, ID: id}) {
		return layerEnd
	}
	return layerPPP
}

// l2tpIP reads the session of an L2TPv3 data packet directly over IP (RFC 3931 section 4.1.1); session 0 is control.
func (w *walk) l2tpIP() layer {
	switch {
	case w.closed:
		return layerEnd
	case !w.have(4):
		return w.short(4, TunnelFormat)
	}
	return w.l2tpV3(0)
}

// l2tpV3 reads an L2TPv3 session header at octet at. The lengths of its cookie (0, 4 or 8 octets) and of the sublayer
// behind it (0 or 4) are known to the two ends alone: the first of the places where a sound frame or PPP packet can begin.
func (w *walk) l2tpV3(at int) layer {
	session := be32(w.data[w.off+at:])
	if session == 0 {
		return layerEnd
	}
	for size := at + 4; size <= at+16 && w.have(size+18); size += 4 {
		b := w.data[w.off+size:]
		inside := layerEnd
		switch {
		case soundIP(be16(b[12:]), b[14:], w.wire-w.off-size-14):
			inside = layerEthernet
		case be16(b) == 0xff03 && be16(b[2:]) == pppIPv4 && soundIP(etherIPv4, b[4:], w.wire-w.off-size-4),
			be16(b) == 0xff03 && be16(b[2:]) == pppIPv6 && soundIP(etherIPv6, b[4:], w.wire-w.off-size-4):
			inside = layerPPP
		}
		if inside != layerEnd {
			if !w.enter(size, flow.Tunnel{Encaps: flow.EncapsL2TP, ID: session}) {
				return layerEnd
			}
			return inside
		}
	}
	return layerEnd
}

// soundIP tells whether b, n octets on the wire, can be an IP packet of the version that t announces.
func soundIP(t uint16, b []byte, n int) bool {
	if len(b) < 6 {
		return false
	}
	switch t {
	case etherIPv4:
		return b[0]>>4 == 4 && b[0]&15 >= 5 && int(be16(b[2:])) >= 20 && int(be16(b[2:])) <= n
	case etherIPv6:
		return b[0]>>4 == 6 && 40+int(be16(b[4:])) <= n
	}
	return false
}
