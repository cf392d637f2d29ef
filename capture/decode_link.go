package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// link returns the layer that frames of a link type begin with, after reading a link header that has no layer of its own.
func (w *walk) link(t LinkType) layer {
	switch t {
	case LinkEthernet:
		return layerEthernet
	case LinkRaw, LinkRawBSD, LinkRawOpenBSD:
		return layerIP
	case LinkIPv4:
		return layerIPv4
	case LinkIPv6:
		return layerIPv6
	case LinkNull, LinkLoop:
		return w.null()
	case LinkSLL:
		return w.sll()
	case LinkSLL2:
		return w.sll2()
	case LinkPPP:
		return layerPPP
	case LinkPPPEther:
		w.p.EtherType = etherPPPoE
		return layerPPPoE
	case LinkCiscoHDLC, LinkPPPSerial:
		return w.hdlc()
	case LinkFrameRelay:
		return w.frameRelay()
	case LinkFDDI:
		return w.fddi()
	case LinkARCNET, LinkARCNETLinux:
		return w.arcnet(t)
	case LinkNFLOG:
		return w.nflog()
	case LinkWLAN:
		return w.wlan()
	case LinkRadiotap:
		return w.radiotap()
	}
	return w.fail(LinkUnknown)
}

// null reads the address family that BSD loopback frames begin with. Its byte order is that of the capturing host:
// the families are small numbers, so the order that gives one is right. AF_INET6 is 24, 28 or 30 on the BSDs, 10 on Linux.
func (w *walk) null() layer {
	if !w.have(4) {
		return w.short(4, LinkShort)
	}
	b := w.data[w.off:]
	w.off += 4
	family := be32(b)
	if family > 0xffff {
		family = uint32(b[0]) | uint32(b[1])<<8
	}
	switch family {
	case 2:
		return layerIPv4
	case 10, 24, 28, 30:
		return layerIPv6
	}
	return w.fail(LinkFormat)
}

// sll reads a Linux "cooked" header (LINKTYPE_LINUX_SLL).
func (w *walk) sll() layer {
	if !w.have(16) {
		return w.short(16, LinkShort)
	}
	b := w.data[w.off:]
	w.off += 16
	w.cooked(be16(b[4:]), b[6:14])
	return w.cookedType(be16(b[14:]))
}

// sll2 reads a Linux "cooked" header of version 2 (LINKTYPE_LINUX_SLL2).
func (w *walk) sll2() layer {
	if !w.have(20) {
		return w.short(20, LinkShort)
	}
	b := w.data[w.off:]
	w.off += 20
	w.cooked(uint16(b[11]), b[12:20])
	return w.cookedType(be16(b))
}

// cooked takes the sender's address, the only one that a cooked header has.
func (w *walk) cooked(size uint16, addr []byte) {
	w.p.Encaps |= flow.EncapsSLL
	if size == 6 {
		w.p.SrcMAC = [6]byte(addr)
		w.p.Has |= flow.HasMAC
	}
}

// cookedType is etherType, where the values below 0x600 are Linux's own: 4 is an LLC frame.
func (w *walk) cookedType(t uint16) layer {
	if t > maxLength8023 {
		return w.etherType(t)
	}
	if t == 4 {
		return layerLLC
	}
	return w.other(t)
}

// hdlc reads a Cisco HDLC header, or PPP in HDLC-like framing (RFC 1547 section 4.3.1, RFC 1662).
func (w *walk) hdlc() layer {
	if !w.have(4) {
		return w.short(4, LinkShort)
	}
	b := w.data[w.off:]
	if b[0] == 0xff && b[1] == 0x03 {
		return layerPPP
	}
	w.off += 4
	t := be16(b[2:])
	if t == etherRARP || t <= maxLength8023 { // SLARP has RARP's number; the small ones are not LLC lengths
		w.p.EtherType = t
		return w.other(t)
	}
	return w.etherType(t)
}

// frameRelay reads a Frame Relay header (RFC 2427 section 4) or Cisco's, which has an ethertype behind the address.
func (w *walk) frameRelay() layer {
	n := 1 // octets of address: the last one's lowest bit is set
	for w.have(n) && w.data[w.off+n-1]&1 == 0 {
		if n++; n > 4 {
			return w.fail(LinkFormat)
		}
	}
	if !w.have(n + 3) {
		return w.short(n+3, LinkShort)
	}
	w.off += n
	b := w.data[w.off:]
	w.off += 2
	if b[0] != 0x03 {
		return w.etherType(be16(b))
	}
	nlpid := b[1]
	if nlpid == 0 { // padding before SNAP
		w.off++
		nlpid = b[2]
	}
	switch nlpid {
	case 0xcc:
		return layerIPv4
	case 0x8e:
		return layerIPv6
	case 0xcf:
		return layerPPP
	case 0x80:
		return w.snap()
	}
	return w.other(0)
}

// snap reads organisation and ethertype.
func (w *walk) snap() layer {
	if !w.have(5) {
		return w.fallback(5, LinkShort)
	}
	b := w.data[w.off:]
	w.off += 5
	if b[0] != 0 || b[1] != 0 || b[2] != 0 {
		return w.other(0)
	}
	return w.etherType(be16(b[3:]))
}
