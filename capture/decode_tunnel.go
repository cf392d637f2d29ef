package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// maxTunnels is how many tunnels may stand in each other.
const maxTunnels = 8

// IP protocol numbers of tunnels (IANA).
const (
	protoIPv4 = 4
	protoIPv6 = 41
	protoGRE  = 47
	protoL2TP = 115
)

// enter goes into a tunnel whose header takes the next size octets, which were captured: p becomes the packet inside.
// The packet around it is kept aside, in case that there is none. t says what is known of the tunnel but its key.
func (w *walk) enter(size int, t flow.Tunnel) bool {
	if w.depth == maxTunnels {
		w.fail(TunnelDepth)
		return false
	}
	p, d := w.p, w.d
	d.around = *p
	if w.depth == 0 {
		t.Key = p.Key
		d.tunnel = t
	}
	w.depth++
	w.cut, w.part = w.cut || w.part, false
	p.Key, p.IPLen, p.PayloadLen, p.IPID, p.IPOptions = flow.Key{}, 0, 0, 0, 0
	p.Has &^= flow.HasFragment | flow.HasLaterFragment
	p.Encaps |= t.Encaps
	p.Tunnel, p.Payload = &d.tunnel, nil
	w.off += size
	return true
}

// leave ends a walk that entered a tunnel. A frame whose innermost tunnel holds no sound IP header goes to the flow of that
// tunnel: ARP, spanning tree and the control messages of a tunnel belong there, as does what is malformed.
func (w *walk) leave() {
	if w.p.Family == flow.FamilyNone {
		*w.p = w.d.around
	}
	w.d.around.Payload = nil // it was lent
}

// ipInIP reads nothing: an IP header stands in an IP packet (RFC 2003, RFC 2473, RFC 4213).
func (w *walk) ipInIP(kind flow.Encaps, inside layer) layer {
	if w.closed || !w.enter(0, flow.Tunnel{Encaps: kind}) {
		return layerEnd
	}
	return inside
}

// payloadType chooses the layer that a protocol type of GRE or Geneve announces: an ethertype, or a frame or PPP.
func (w *walk) payloadType(t uint16) layer {
	switch t {
	case etherBridged:
		return layerEthernet
	case etherPPP:
		return layerPPP
	}
	if t <= maxLength8023 {
		return w.other(t)
	}
	return w.etherType(t)
}
