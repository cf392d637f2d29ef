package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// PPP protocol numbers (IANA).
const (
	pppIPv4      = 0x0021
	pppIPv6      = 0x0057
	pppMPLS      = 0x0281
	pppMPLSMulti = 0x0283
)

// pppoe reads the header of a PPPoE session frame (RFC 2516 section 4).
func (w *walk) pppoe() layer {
	if !w.have(6) {
		return w.fallback(6, LinkShort)
	}
	b := w.data[w.off:]
	if b[0] != 0x11 || b[1] != 0 {
		return w.fallback(0, LinkFormat)
	}
	w.off += 6
	return layerPPP
}

// ppp reads a PPP header: address and control octets if they are there, then the protocol (RFC 1661 section 2, RFC 1662).
func (w *walk) ppp() layer {
	w.p.Encaps |= flow.EncapsPPP
	if w.have(2) && w.data[w.off] == 0xff && w.data[w.off+1] == 0x03 {
		w.off += 2
	}
	if !w.have(2) {
		return w.fallback(2, LinkShort)
	}
	proto := be16(w.data[w.off:])
	if proto&0x100 != 0 { // a compressed protocol field: its only octet is odd
		proto >>= 8
		w.off++
	} else {
		w.off += 2
	}
	switch proto {
	case pppIPv4:
		return layerIPv4
	case pppIPv6:
		return layerIPv6
	case pppMPLS, pppMPLSMulti:
		return layerMPLS
	}
	if w.p.EtherType == 0 {
		w.p.EtherType = etherPPP
	}
	return w.other(w.p.EtherType)
}
