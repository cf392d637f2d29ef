package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// IPv6 extension headers (IANA protocol numbers).
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	protoAH        = 51
	noNextHeader   = 59
	extDestination = 60
)

const maxExtensions = 16

// ipv6 reads an IPv6 header and its extension headers (RFC 8200 sections 3 and 4).
func (w *walk) ipv6() layer {
	if !w.have(40) {
		return w.fallback(40, IPShort)
	}
	b := w.data[w.off:]
	if b[0]>>4 != 6 {
		return w.fallback(0, IPVersion)
	}
	p := w.p
	payload := int(be16(b[4:]))
	p.Family = flow.FamilyIPv6
	p.TOS, p.TTL, p.Proto = b[0]<<4|b[1]>>4, b[7], b[6]
	p.Src = [16]byte(b[8:24])
	p.Dst = [16]byte(b[24:40])
	w.proto = b[6]
	if payload > 0 || p.Proto == noNextHeader {
		w.bound(40 + payload)
	} else { // a jumbogram (RFC 2675), or what the hardware will cut into segments: the frame's own length counts
		p.IPLen = uint32(w.wire - w.off)
	}
	w.off += 40
	return w.extensions()
}

// extensions looks through the extension headers of IPv6.
func (w *walk) extensions() layer {
	for n := 0; isExtension(w.proto); n++ {
		if n == maxExtensions {
			return w.fail(IPExtensions)
		}
		if !w.have(8) {
			return w.short(8, IPExtension)
		}
		b := w.data[w.off:]
		size := 8 * (int(b[1]) + 1)
		if w.proto == extFragment {
			size = 8
			frag := be16(b[2:])
			w.fragment(be32(b[4:]), int(frag&0xfff8), frag&1 != 0, w.wire-w.off-8)
		}
		if !w.have(size) {
			return w.short(size, IPExtension)
		}
		w.proto = b[0]
		w.p.Proto = w.proto
		w.off += size
		if w.p.Has&flow.HasLaterFragment != 0 { // what follows is payload, whatever the number says
			break
		}
	}
	return layerTransport
}

func isExtension(proto uint8) bool {
	switch proto {
	case extHopByHop, extRouting, extFragment, extDestination:
		return true
	}
	return false
}
