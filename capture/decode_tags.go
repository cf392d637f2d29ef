package capture

// etag skips the E-TAG of a port extender (IEEE 802.1BR section 7) or the Cisco MetaData header: 6 octets and an ethertype.
func (w *walk) etag() layer {
	if !w.have(8) {
		return w.fallback(8, LinkShort)
	}
	t := be16(w.data[w.off+6:])
	w.off += 8
	return w.etherType(t)
}

// nsh skips a network service header (RFC 8300 section 2), which says its own length in words.
func (w *walk) nsh() layer {
	if !w.have(8) {
		return w.fallback(8, LinkShort)
	}
	b := w.data[w.off:]
	size := int(b[1]&0x3f) * 4
	if size < 8 {
		return w.fallback(0, LinkFormat)
	}
	if !w.have(size) {
		return w.fallback(size, LinkShort)
	}
	w.off += size
	return w.nextProtocol(b[3])
}
