package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// tcp reads a TCP header (RFC 9293 section 3.1).
func (w *walk) tcp() layer {
	if !w.have(20) {
		w.ports()
		return w.short(20, TransportShort)
	}
	p := w.p
	b := w.data[w.off:]
	p.SrcPort, p.DstPort = be16(b), be16(b[2:])
	t := &p.TCP
	t.Seq, t.Ack = be32(b[4:]), be32(b[8:])
	t.Flags = b[13]
	t.Window = be16(b[14:])
	hlen := int(b[12]>>4) * 4
	if hlen < 20 || w.off+hlen > w.wire {
		return w.fail(TransportLength)
	}
	if !w.part { // the header of a fragmented segment does not tell its length
		p.PayloadLen = uint32(w.wire - w.off - hlen)
	}
	if !w.have(hlen) {
		return w.short(hlen, TransportShort)
	}
	if hlen > 20 {
		w.tcpOptions(b[20:hlen])
	}
	p.Payload = b[hlen:]
	return layerEnd
}

// tcpOptions reads the options of a TCP header (RFC 9293 section 3.1, RFC 7323, RFC 2018).
func (w *walk) tcpOptions(b []byte) {
	t := &w.p.TCP
	if len(b) == 12 && be32(b) == 0x0101080a { // two paddings and a timestamp: most segments have just this
		t.Options = flow.TCPTimestamp
		return
	}
	for len(b) > 0 {
		kind, value, rest := nextOption(b)
		switch {
		case rest == nil:
			w.fail(TCPOptions)
			return
		case kind == 0:
			return
		}
		tcpOption(t, kind, value)
		b = rest
	}
}

// nextOption splits the first option off b, which is not empty: IPv4 and TCP options have one form (RFC 791 section 3.1,
// RFC 9293 section 3.1). The kinds 0 (the end) and 1 (padding) have no length. rest is nil when an option's length lies.
func nextOption(b []byte) (kind uint8, value, rest []byte) {
	kind = b[0]
	switch {
	case kind <= 1:
		return kind, nil, b[1:]
	case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
		return kind, nil, nil
	}
	return kind, b[2:b[1]], b[b[1]:]
}

func tcpOption(t *flow.TCPHeader, kind uint8, v []byte) {
	switch {
	case kind == 2 && len(v) == 2:
		t.Options |= flow.TCPMSS
		t.MSS = be16(v)
	case kind == 3 && len(v) == 1:
		t.Options |= flow.TCPWindowScale
		t.WindowShift = min(v[0], 14) // RFC 7323 section 2.3
	case kind == 4:
		t.Options |= flow.TCPSACKOK
	case kind == 5:
		t.Options |= flow.TCPSACK
	case kind == 6:
		t.Options |= flow.TCPEcho
	case kind == 7:
		t.Options |= flow.TCPEchoReply
	case kind == 8:
		t.Options |= flow.TCPTimestamp
	case kind == 11:
		t.Options |= flow.TCPCC
	case kind == 12:
		t.Options |= flow.TCPCCNew
	case kind == 13:
		t.Options |= flow.TCPCCEcho
	}
}
