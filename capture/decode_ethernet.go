package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// Ethertypes (IEEE 802 numbers, IANA).
const (
	etherIPv4      = 0x0800
	etherARP       = 0x0806
	etherRARP      = 0x8035
	etherVLAN      = 0x8100
	etherQinQ      = 0x88a8
	etherVLAN9100  = 0x9100
	etherVLAN9200  = 0x9200
	etherVLAN9300  = 0x9300
	etherIPv6      = 0x86dd
	etherMPLS      = 0x8847
	etherMPLSMulti = 0x8848
	etherPPPoE     = 0x8864
	etherPPP       = 0x880b
	etherETag      = 0x893f
	etherMetaData  = 0x8909 // Cisco
	etherNSH       = 0x894f
	maxLength8023  = 0x05ff // smaller values are the length of an LLC frame
)

const maxVLANTags = 8

// ethernet reads an Ethernet header (IEEE 802.3 section 3). The addresses of one in a tunnel are not this link's.
func (w *walk) ethernet() layer {
	if !w.have(14) {
		return w.fallback(14, LinkShort)
	}
	b := w.data[w.off : w.off+14]
	if w.depth == 0 {
		w.p.DstMAC = [6]byte(b[:6])
		w.p.SrcMAC = [6]byte(b[6:12])
		w.p.Has |= flow.HasMAC
	}
	w.p.Encaps |= flow.EncapsEthernet
	w.off += 14
	return w.etherType(be16(b[12:]))
}

// tag notes a VLAN tag; inner ones come later and win.
func (w *walk) tag(tci uint16) {
	w.p.VLAN = tci
	w.p.Has |= flow.HasVLAN
	w.p.Encaps |= flow.EncapsVLAN
}

// etherType looks through VLAN tags (IEEE 802.1Q section 9) and chooses the layer that follows.
func (w *walk) etherType(t uint16) layer {
	for tags := 0; ; tags++ {
		w.p.EtherType = t
		switch t {
		case etherIPv4:
			return layerIPv4
		case etherIPv6:
			return layerIPv6
		case etherARP, etherRARP:
			return layerARP
		case etherMPLS, etherMPLSMulti:
			return layerMPLS
		case etherPPPoE:
			return layerPPPoE
		case etherETag, etherMetaData:
			return layerETag
		case etherNSH:
			return layerNSH
		case etherVLAN, etherQinQ, etherVLAN9100, etherVLAN9200, etherVLAN9300:
			if tags == maxVLANTags {
				return w.fallback(0, VLANDepth)
			}
			if !w.have(4) {
				return w.fallback(4, LinkShort)
			}
			w.tag(be16(w.data[w.off:]))
			t = be16(w.data[w.off+2:])
			w.off += 4
		default:
			if t <= maxLength8023 {
				w.p.EtherType = 0
				return layerLLC
			}
			return w.other(t)
		}
	}
}

// llc reads an LLC header and SNAP behind it (IEEE 802.2, RFC 1042).
func (w *walk) llc() layer {
	if !w.have(3) {
		return w.fallback(3, LinkShort)
	}
	b := w.data[w.off:]
	w.p.Encaps |= flow.EncapsLLC
	w.p.SrcPort, w.p.DstPort = uint16(b[1]), uint16(b[0])
	if b[0] != 0xaa || b[1] != 0xaa {
		return w.other(0)
	}
	if !w.have(8) {
		return w.fallback(8, LinkShort)
	}
	// RFC 1042 and IEEE 802.1H carry an ethertype; other organisations' numbers are their own.
	if oui := be32(b[2:6]) & 0xffffff; oui != 0 && oui != 0x0000f8 {
		return w.other(0)
	}
	w.p.SrcPort, w.p.DstPort = 0, 0
	w.off += 8
	t := be16(b[6:])
	if t <= maxLength8023 {
		return w.other(0)
	}
	return w.etherType(t)
}

// other ends the walk at a frame that is not IP and not ARP: a flow between hardware addresses, unless it is in a tunnel.
func (w *walk) other(t uint16) layer {
	p := w.p
	if p.Family != flow.FamilyNone || w.depth > 0 {
		return layerEnd
	}
	p.Family = flow.FamilyEthernet
	copy(p.Src[:6], p.SrcMAC[:])
	copy(p.Dst[:6], p.DstMAC[:])
	p.Type = t
	if t != 0 {
		p.SrcPort, p.DstPort = 0, 0
	}
	p.PayloadLen = p.FrameLen
	p.Payload = w.data
	return layerEnd
}

// fallback ends the walk at a network header that is not sound. The frame is metered by its link header if that has
// hardware addresses. With n > 0 the cause is that n octets from off on are not all there.
func (w *walk) fallback(n int, r Reason) layer {
	if n > 0 {
		w.short(n, r)
	} else {
		w.fail(r)
	}
	if w.p.Has&flow.HasMAC == 0 {
		return layerEnd
	}
	return w.other(w.p.EtherType)
}
