package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

const maxLabels = 16

// mpls reads a label stack (RFC 3032) and guesses what it carries by the first nibble behind it (RFC 4928 section 3).
func (w *walk) mpls() layer {
	for n := 0; ; n++ {
		if n == maxLabels {
			return w.fallback(0, MPLSDepth)
		}
		if !w.have(4) {
			return w.fallback(4, LinkShort)
		}
		entry := be32(w.data[w.off:])
		if n == 0 {
			w.p.MPLS = entry
			w.p.Has |= flow.HasMPLS
			w.p.Encaps |= flow.EncapsMPLS
		}
		w.off += 4
		if entry&0x100 != 0 { // bottom of stack
			break
		}
	}
	if !w.have(1) {
		return w.fallback(1, LinkShort)
	}
	switch w.data[w.off] >> 4 {
	case 4:
		return layerIPv4
	case 6:
		return layerIPv6
	case 0:
		// A pseudo-wire control word (RFC 4385 section 3); an Ethernet frame is by far the commonest behind it.
		if w.have(4 + 14) {
			w.off += 4
			return layerEthernet
		}
	}
	return w.other(w.p.EtherType)
}
