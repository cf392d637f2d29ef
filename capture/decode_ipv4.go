package capture

import (
	"encoding/binary"
	"math"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// ip reads an IP header of either version.
func (w *walk) ip() layer {
	if !w.have(1) {
		return w.fallback(1, IPShort)
	}
	switch w.data[w.off] >> 4 {
	case 4:
		return layerIPv4
	case 6:
		return layerIPv6
	}
	return w.fallback(0, IPVersion)
}

// ipv4 reads an IPv4 header (RFC 791 section 3.1).
func (w *walk) ipv4() layer {
	if !w.have(20) {
		return w.fallback(20, IPShort)
	}
	b := w.data[w.off:]
	hlen := int(b[0]&15) * 4
	switch {
	case b[0]>>4 != 4:
		return w.fallback(0, IPVersion)
	case hlen < 20:
		return w.fallback(0, IPHeaderLength)
	}
	p := w.p
	total := int(be16(b[2:]))
	p.Family = flow.FamilyIPv4
	p.TOS, p.IPID, p.TTL, p.Proto = b[1], be16(b[4:]), b[8], b[9]
	// The table reads a key eight octets at a time: a load that is wider than the store before it would wait.
	binary.LittleEndian.PutUint64(p.Src[:], uint64(binary.LittleEndian.Uint32(b[12:])))
	binary.LittleEndian.PutUint64(p.Dst[:], uint64(binary.LittleEndian.Uint32(b[16:])))
	w.proto = b[9]
	switch {
	case total == 0: // what the hardware will cut into segments, or more than 16 bits can tell: the frame's own length counts
		p.IPLen = uint32(w.wire - w.off)
	case total < hlen:
		p.IPLen = uint32(total)
		return w.fail(IPLength)
	default:
		w.bound(total)
	}
	if !w.have(hlen) {
		return w.short(hlen, IPShort)
	}
	if total != 0 && be16(b[10:]) != 0 && !w.noChecksum && !checksumOK(b[:hlen]) {
		w.fail(IPChecksum)
	}
	if hlen > 20 {
		w.ipv4Options(b[20:hlen])
	}
	if frag := be16(b[6:]); frag&0x3fff != 0 {
		w.fragment(uint32(p.IPID), int(frag&0x1fff)*8, frag&0x2000 != 0, total-hlen)
	}
	w.off += hlen
	return layerTransport
}

// checksumOK tells whether the 16-bit words of a header of 20 octets or more add up to zero in ones' complement (RFC 1071):
// a sum of words of 32 bits is congruent to theirs modulo 0xffff, in either byte order.
func checksumOK(b []byte) bool {
	x, y := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	sum := x>>32 + x&math.MaxUint32 + y>>32 + y&math.MaxUint32 + uint64(binary.LittleEndian.Uint32(b[16:]))
	for b = b[20:]; len(b) >= 4; b = b[4:] {
		sum += uint64(binary.LittleEndian.Uint32(b))
	}
	return sum%0xffff == 0
}

// bound ends the current layer total octets from off on, as the IP header says; what follows is padding.
func (w *walk) bound(total int) {
	w.p.IPLen = uint32(total)
	end := w.off + total
	if end > w.wire {
		if !w.cut { // what stands in the first fragment of a tunnel goes on in the next
			w.fail(IPLength)
		}
		return
	}
	w.wire = end
	w.data = w.data[:min(end, len(w.data))]
}

// fragment notes that the packet is a fragment of size payload octets at offset, with more to follow or not.
// One at 0 without more is the whole packet (RFC 6946).
func (w *walk) fragment(id uint32, offset int, more bool, size int) {
	w.p.Has |= flow.HasFragment
	w.p.FragID = id
	w.part = w.part || more || offset > 0
	if offset > 0 {
		w.p.Has |= flow.HasLaterFragment
	}
	if offset+size > 0xffff {
		w.fail(IPFragment)
	}
}

// ipv4Options notes which options stand in b (RFC 791 section 3.1, RFC 2113).
func (w *walk) ipv4Options(b []byte) {
	for len(b) > 0 {
		kind, _, rest := nextOption(b)
		switch {
		case rest == nil:
			w.fail(IPOptions)
			return
		case kind == 0:
			return
		}
		w.p.IPOptions |= ipv4OptionBit(kind)
		b = rest
	}
}

func ipv4OptionBit(kind uint8) uint32 {
	switch kind {
	case 7:
		return flow.IPOptRecordRoute
	case 68:
		return flow.IPOptTimestamp
	case 130:
		return flow.IPOptSecurity
	case 131:
		return flow.IPOptLooseRoute
	case 136:
		return flow.IPOptSATNet
	case 137:
		return flow.IPOptStrictRoute
	case 148:
		return flow.IPOptRouterAlert
	}
	return 0
}
