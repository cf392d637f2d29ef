package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// UDP ports of tunnels (IANA; Linux used 8472 for VXLAN before there was a number).
const (
	portL2TP     = 1701
	portGTPU     = 2152
	portTeredo   = 3544
	portVXLAN    = 4789
	portVXLANGPE = 4790
	portGeneve   = 6081
	portVXLANOld = 8472
)

// Flags of the VXLAN header.
const (
	vxlanInstance = 0x08 // the VNI is valid
	vxlanNext     = 0x04 // of VXLAN-GPE: the next protocol is valid
	vxlanPolicy   = 0x80 // a group policy stands in the reserved octets (draft-smith-vxlan-group-policy)
)

// udpTunnel looks behind a UDP header for a tunnel. A port number proves nothing: what does not look like
// the tunnel's header is the payload of a UDP flow. off stands behind the UDP header.
func (w *walk) udpTunnel() layer {
	port := w.p.DstPort
	if !isTunnelPort(port) {
		port = w.p.SrcPort
	}
	switch port {
	case portL2TP:
		return w.l2tpUDP()
	case portGTPU:
		return w.gtp()
	case portTeredo:
		return w.teredo()
	case portVXLAN, portVXLANOld:
		return w.vxlan()
	case portVXLANGPE:
		return w.vxlanGPE()
	case portGeneve:
		return w.geneve()
	}
	return layerEnd
}

// isTunnelPort tells whether udpTunnel has a tunnel for a port.
func isTunnelPort(port uint16) bool {
	switch port {
	case portL2TP, portGTPU, portTeredo, portVXLAN, portVXLANGPE, portGeneve, portVXLANOld:
		return true
	}
	return false
}

// vxlan reads a VXLAN header (RFC 7348 section 5): a frame follows.
func (w *walk) vxlan() layer {
	if !w.have(8) {
		return layerEnd
	}
	b := w.data[w.off:]
	if b[0]&^vxlanPolicy != vxlanInstance || b[7] != 0 {
		return layerEnd
	}
	if !w.enter(8, flow.Tunnel{Encaps: flow.EncapsVXLAN, ID: be32(b[4:]) >> 8}) {
		return layerEnd
	}
	return layerEthernet
}

// vxlanGPE reads a VXLAN-GPE header (draft-ietf-nvo3-vxlan-gpe section 3), which says what follows.
func (w *walk) vxlanGPE() layer {
	if !w.have(8) {
		return layerEnd
	}
	b := w.data[w.off:]
	next := b[3]
	if b[0]&vxlanNext == 0 && next == 0 {
		next = nextEthernet
	}
	if b[0]&0xf8 != vxlanInstance || b[1] != 0 || b[2] != 0 || next == 0 || next > nextMPLS || b[7] != 0 {
		return layerEnd
	}
	if !w.enter(8, flow.Tunnel{Encaps: flow.EncapsVXLAN, ID: be32(b[4:]) >> 8}) {
		return layerEnd
	}
	return w.nextProtocol(next)
}

// The next protocols of NSH and VXLAN-GPE.
const (
	nextIPv4     = 1
	nextIPv6     = 2
	nextEthernet = 3
	nextNSH      = 4
	nextMPLS     = 5
)

// nextProtocol chooses the layer that an NSH or VXLAN-GPE header announces (RFC 8300 section 2.2).
func (w *walk) nextProtocol(n uint8) layer {
	switch n {
	case nextIPv4:
		return layerIPv4
	case nextIPv6:
		return layerIPv6
	case nextEthernet:
		return layerEthernet
	case nextNSH:
		return layerNSH
	case nextMPLS:
		return layerMPLS
	}
	return w.other(w.p.EtherType)
}

// geneve reads a Geneve header and its options (RFC 8926 section 3.4), whose lengths must add up.
func (w *walk) geneve() layer {
	if !w.have(8) {
		return layerEnd
	}
	b := w.data[w.off:]
	if b[0]>>6 != 0 || b[1]&0x3f != 0 || b[7] != 0 {
		return layerEnd
	}
	size := 8 + 4*int(b[0]&0x3f)
	if !w.have(size) {
		return w.short(size, TunnelFormat)
	}
	for opt := b[8:size]; len(opt) > 0; {
		n := 4 + 4*int(opt[3]&0x1f)
		if n > len(opt) {
			return w.fail(TunnelFormat)
		}
		opt = opt[n:]
	}
	t := flow.Tunnel{Encaps: flow.EncapsGeneve, ID: be32(b[4:]) >> 8, Proto: be16(b[2:])}
	if !w.enter(size, t) {
		return layerEnd
	}
	return w.payloadType(t.Proto)
}

// gtp reads a GTP-U header with its extension headers (3GPP TS 29.281 section 5): an IP packet of a mobile follows.
func (w *walk) gtp() layer {
	if !w.have(8) {
		return layerEnd
	}
	b := w.data[w.off:]
	if b[0]&0xf8 != 0x30 || b[1] != 0xff || int(be16(b[2:]))+8 > w.wire-w.off && w.whole() {
		return layerEnd // not version 1, not GTP, not user data, or not its length
	}
	size := 8
	if b[0]&7 != 0 {
		size = 12
	}
	if !w.have(size) {
		return w.short(size, TunnelFormat)
	}
	if b[0]&4 != 0 {
		for next := b[11]; next != 0; {
			if !w.have(size + 1) {
				return w.short(size+1, TunnelFormat)
			}
			n := 4 * int(b[size])
			if n == 0 {
				return w.fail(TunnelFormat)
			}
			if !w.have(size + n) {
				return w.short(size+n, TunnelFormat)
			}
			size += n
			next = b[size-1]
		}
	}
	if !w.enter(size, flow.Tunnel{Encaps: flow.EncapsGTP, ID: be32(b[4:])}) {
		return layerEnd
	}
	return layerIP
}

// teredo reads the indications that may stand before the IPv6 packet of a Teredo datagram (RFC 4380 section 5.1.1).
// The packet must fit and have an address that Teredo uses.
func (w *walk) teredo() layer {
	size := 0
	if w.have(4) && be16(w.data[w.off:]) == 1 { // authentication: client identifier, value, nonce, confirmation
		size = 13 + int(w.data[w.off+2]) + int(w.data[w.off+3])
	}
	if w.have(size+8) && be16(w.data[w.off+size:]) == 0 { // origin
		size += 8
	}
	if !w.have(size + 40) {
		return layerEnd
	}
	b := w.data[w.off+size:]
	if b[0]>>4 != 6 || 40+int(be16(b[4:])) > w.wire-w.off-size && w.whole() || !teredoAddress(b[8:]) && !teredoAddress(b[24:]) {
		return layerEnd
	}
	if !w.enter(size, flow.Tunnel{Encaps: flow.EncapsTeredo}) {
		return layerEnd
	}
	return layerIPv6
}

// teredoAddress tells whether an address has the prefix of Teredo, 2001::/32, or is link-local, as in router solicitations.
func teredoAddress(a []byte) bool {
	return be32(a) == 0x20010000 || be16(a)&0xffc0 == 0xfe80
}
