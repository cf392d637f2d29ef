package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// IP protocol numbers that flow does not treat apart but that have ports.
const (
	protoDCCP    = 33
	protoUDPLite = 136
)

// transport reads the header that the IP protocol number announces. Protocols without a decoder
// have been identified by their number already.
func (w *walk) transport() layer {
	p := w.p
	later := p.Has&flow.HasLaterFragment != 0
	switch w.proto {
	case flow.ProtoTCP, flow.ProtoUDP: // the lengths of the first fragment's header cover the whole of both
		p.PayloadLen = 0
		if later {
			p.Payload = w.data[w.off:]
			return layerEnd
		}
		if w.proto == flow.ProtoTCP {
			return w.tcp()
		}
		return w.udp()
	}
	w.rest()
	if later {
		return layerEnd
	}
	switch w.proto {
	case flow.ProtoICMP, flow.ProtoICMPv6:
		return w.icmp()
	case protoUDPLite, protoDCCP, flow.ProtoSCTP:
		return w.portsOnly()
	case flow.ProtoIGMP:
		if !w.have(8) {
			return w.short(8, TransportShort)
		}
		p.Type = be16(w.data[w.off:])
	case flow.ProtoESP:
		if !w.have(8) {
			return w.short(8, TransportShort)
		}
		p.SrcPort, p.DstPort = be16(w.data[w.off:]), be16(w.data[w.off+2:])
		p.ESPSeq = be32(w.data[w.off+4:])
	case protoAH:
		return w.ah()
	case protoGRE:
		return w.gre()
	case protoIPv4:
		return w.ipInIP(flow.EncapsIPIP, layerIPv4)
	case protoIPv6:
		return w.ipInIP(flow.EncapsIPv6, layerIPv6)
	case protoL2TP:
		return w.l2tpIP()
	}
	return layerEnd
}

// rest takes all that the packet has from off on for its payload.
func (w *walk) rest() {
	w.p.PayloadLen = uint32(w.wire - w.off)
	w.p.Payload = w.data[w.off:]
}

// ports reads the two port numbers that TCP, UDP, SCTP, DCCP and UDP-Lite begin with, as soon as they are there.
func (w *walk) ports() {
	if w.have(4) {
		b := w.data[w.off:]
		w.p.SrcPort, w.p.DstPort = be16(b), be16(b[2:])
	}
}

// portsOnly reads the header of SCTP (RFC 9260), DCCP (RFC 4340) or UDP-Lite (RFC 3828): the ports.
func (w *walk) portsOnly() layer {
	size := 12
	if w.proto == protoUDPLite {
		size = 8
	}
	w.ports()
	if !w.have(size) {
		return w.short(size, TransportShort)
	}
	w.off += size
	w.rest()
	return layerEnd
}

// portDNS is where name servers listen (RFC 1035 section 4.2.1).
const portDNS = 53

// udp reads a UDP header (RFC 768). The payload is what its length says, also where that is more than the packet has.
func (w *walk) udp() layer {
	w.ports()
	if !w.have(8) {
		return w.short(8, TransportShort)
	}
	p := w.p
	length := int(be16(w.data[w.off+4:]))
	if length == 0 && w.wire-w.off > 0xffff { // a jumbogram (RFC 2675 section 4)
		length = w.wire - w.off
	}
	if length < 8 {
		w.fail(TransportLength)
		p.Payload = w.data[w.off+8:]
		return layerEnd
	}
	if w.off+length > w.wire && w.whole() {
		w.fail(TransportLength)
	}
	p.PayloadLen = uint32(length - 8)
	w.data = w.data[:min(w.off+length, len(w.data))]
	w.off += 8
	p.Payload = w.data[w.off:]
	if !w.closed && (isTunnelPort(p.DstPort) || isTunnelPort(p.SrcPort)) {
		w.wire = min(w.wire, w.off-8+length)
		return w.udpTunnel()
	}
	if w.d.DNSTransactions && (p.SrcPort == portDNS || p.DstPort == portDNS) && w.have(12) {
		p.Type = be16(p.Payload)
	}
	return layerEnd
}

// icmp reads an ICMP or ICMPv6 message (RFC 792, RFC 4443). Its payload is all of it.
func (w *walk) icmp() layer {
	p := w.p
	if !w.have(4) {
		return w.short(4, TransportShort)
	}
	b := p.Payload
	p.Type = be16(b)
	if !icmpHasID(p.Proto, b[0]) {
		if isICMPError(p.Proto, b[0]) && !w.quoted && w.have(8) {
			w.quote(b[0])
		}
		return layerEnd
	}
	if !w.have(8) {
		return w.short(8, TransportShort)
	}
	p.SrcPort, p.DstPort = be16(b[4:]), be16(b[6:])
	return layerEnd
}

// icmpHasID tells whether a message has an identifier and a sequence number (RFC 792, RFC 950, RFC 4443).
func icmpHasID(proto, kind uint8) bool {
	if proto == flow.ProtoICMPv6 {
		return kind == 128 || kind == 129
	}
	return kind == 0 || kind == 8 || kind >= 13 && kind <= 18
}

// ah looks through an authentication header (RFC 4302 section 2): the payload behind it is in clear.
func (w *walk) ah() layer {
	if !w.have(2) {
		return w.short(2, TransportShort)
	}
	p := w.p
	size := 4 * (int(w.data[w.off+1]) + 2)
	if !w.have(size) {
		return w.short(size, TransportShort)
	}
	p.Encaps |= flow.EncapsAH
	w.proto = w.data[w.off]
	p.Proto = w.proto
	w.off += size
	if p.Family == flow.FamilyIPv6 {
		return w.extensions()
	}
	return layerTransport
}
