package capture

import (
	"encoding/binary"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// fddi reads an FDDI header (ISO 9314-2): frame control, destination, source; LLC follows in LLC frames.
func (w *walk) fddi() layer {
	if !w.have(13) {
		return w.short(13, LinkShort)
	}
	b := w.data[w.off:]
	w.p.DstMAC = [6]byte(b[1:7])
	w.p.SrcMAC = [6]byte(b[7:13])
	w.p.Has |= flow.HasMAC
	w.off += 13
	if b[0]&0xf0 != 0x50 {
		return w.other(0)
	}
	return layerLLC
}

// arcnet reads an ARCNET header (RFC 1201, RFC 1051) as BSD and as Linux deliver it.
func (w *walk) arcnet(t LinkType) layer {
	at := 2 // source and destination, one octet each
	if t == LinkARCNETLinux {
		at = 4 // and two octets of offset
	}
	if !w.have(at + 1) {
		return w.short(at+1, LinkShort)
	}
	kind := w.data[w.off+at]
	w.off += at + 1
	if kind == 0xd4 || kind == 0xd5 || kind == 0xc4 { // RFC 1201: a split flag and a sequence number follow
		if w.have(1) && w.data[w.off] == 0xff { // an exception frame: padding, then the flag again
			w.off += 4
		}
		if !w.have(3) {
			return w.short(3, LinkShort)
		}
		if split := w.data[w.off]; split > 1 && split&1 == 0 { // not the first part of a packet
			return w.other(0)
		}
		w.off += 3
	}
	switch kind {
	case 0xd4, 0xf0:
		return w.etherType(etherIPv4)
	case 0xd5, 0xf1:
		return w.etherType(etherARP)
	case 0xc4:
		return w.etherType(etherIPv6)
	}
	return w.other(0)
}

// nflog reads the header of a netfilter log frame (LINKTYPE_NFLOG): attributes in the capturing host's byte order.
func (w *walk) nflog() layer {
	const payload = 9
	if !w.have(4) {
		return w.short(4, LinkShort)
	}
	family := w.data[w.off]
	w.off += 4
	for {
		if !w.have(4) {
			return w.short(4, LinkShort)
		}
		b := w.data[w.off:]
		size, kind := int(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:])
		if kind > 0xff { // attribute types are small numbers
			size, kind = int(be16(b)), be16(b[2:])
		}
		if size < 4 {
			return w.fail(LinkFormat)
		}
		if kind&0x7fff == payload {
			w.off += 4
			break
		}
		size = (size + 3) &^ 3
		if !w.have(size) {
			return w.short(size, LinkShort)
		}
		w.off += size
	}
	switch family {
	case 2:
		return layerIPv4
	case 10:
		return layerIPv6
	}
	return w.fail(LinkFormat)
}

// radiotap skips a radiotap header (radiotap.org), whose length is little-endian.
func (w *walk) radiotap() layer {
	if !w.have(8) {
		return w.short(8, LinkShort)
	}
	size := int(binary.LittleEndian.Uint16(w.data[w.off+2:]))
	if size < 8 {
		return w.fail(LinkFormat)
	}
	if !w.have(size) {
		return w.short(size, LinkShort)
	}
	w.off += size
	return w.wlan()
}

// wlan reads an IEEE 802.11 header (section 9.2). Data frames in clear carry LLC; all others are flows between stations.
func (w *walk) wlan() layer {
	if !w.have(10) {
		return w.short(10, LinkShort)
	}
	b := w.data[w.off:]
	kind, subtype, flags := b[0]>>2&3, b[0]>>4, b[1]
	p := w.p
	p.Encaps |= flow.EncapsWLAN
	p.DstMAC = [6]byte(b[4:10])
	p.Has |= flow.HasMAC
	if kind == 1 { // control frames: acknowledgements have no sender
		if w.have(16) {
			p.SrcMAC = [6]byte(b[10:16])
		}
		return w.other(0)
	}
	if !w.have(24) {
		return w.fallback(24, LinkShort)
	}
	p.SrcMAC = [6]byte(b[10:16])
	size := 24
	if kind == 2 {
		size = w.wlanData(b, flags, subtype)
	}
	if kind != 2 || subtype&4 != 0 || flags&0x40 != 0 { // management, no data, or encrypted
		return w.other(0)
	}
	if !w.have(size) {
		return w.fallback(size, LinkShort)
	}
	w.off += size
	return layerLLC
}

// wlanData takes the addresses of a data frame and returns the length of its header.
func (w *walk) wlanData(b []byte, flags, subtype byte) int {
	p := w.p
	size := 24
	switch flags & 3 {
	case 1: // to the distribution system
		p.DstMAC = [6]byte(b[16:22])
	case 2: // from it
		p.SrcMAC = [6]byte(b[16:22])
	case 3: // between access points
		p.DstMAC = [6]byte(b[16:22])
		size = 30
		if len(b) >= 30 {
			p.SrcMAC = [6]byte(b[24:30])
		}
	}
	if subtype&8 != 0 { // quality of service
		size += 2
		if flags&0x80 != 0 { // high throughput control
			size += 4
		}
	}
	return size
}
