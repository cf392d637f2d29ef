package capture

import "github.com/argus-endpoint/argus-endpoint/flow"

// Protocol types that only tunnels carry (IEEE 802 numbers, IANA).
const (
	etherBridged   = 0x6558 // a whole Ethernet frame
	etherERSPAN    = 0x88be // types I and II
	etherERSPANIII = 0x22eb
)

// Flags of the GRE header.
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // version 1 only
	greVersion  = 0x0007
)

// gre reads a GRE header of version 0 (RFC 2784, RFC 2890) or of version 1, which is PPTP's and carries PPP
// (RFC 2637 section 4.1). The source routes of RFC 1701 are not looked through.
func (w *walk) gre() layer {
	switch {
	case w.closed:
		return layerEnd
	case !w.have(4):
		return w.short(4, TunnelFormat)
	}
	b := w.data[w.off:]
	t := flow.Tunnel{Encaps: flow.EncapsGRE, Flags: be16(b), Proto: be16(b[2:])}
	size := greLength(t.Flags)
	switch pptp := t.Flags&(greVersion|greChecksum|greRouting|greKey) == greKey|1 && t.Proto == etherPPP; {
	case !pptp && t.Flags&(greVersion|greRouting) != 0:
		return w.fail(TunnelFormat)
	case !w.have(size):
		return w.short(size, TunnelFormat)
	case pptp && t.Flags&greSequence == 0: // an acknowledgement alone
		return layerEnd
	case pptp:
		t.ID = uint32(be16(b[6:])) // the call
	case t.Flags&(greKey|greChecksum) == greKey:
		t.ID = be32(b[4:])
	case t.Flags&greKey != 0:
		t.ID = be32(b[8:])
	}
	switch {
	case t.Proto == etherERSPAN && t.Flags&greSequence != 0:
		return w.erspan(size, 8, 1, t)
	case t.Proto == etherERSPANIII:
		return w.erspan(size, 12, 2, t)
	case !w.enter(size, t):
		return layerEnd
	case t.Proto == etherERSPAN: // type I has no header of its own
		return layerEthernet
	}
	return w.payloadType(t.Proto)
}

// greLength returns the length of a GRE header with these flags.
func greLength(flags uint16) int {
	size := 4
	for _, field := range [...]uint16{greChecksum, greKey, greSequence} {
		if flags&field != 0 {
			size += 4
		}
	}
	if flags&greVersion == 1 && flags&greAck != 0 {
		size += 4
	}
	return size
}

// erspan reads a header of ERSPAN type II or III, size octets with this version number, behind a GRE header
// (draft-foschiano-erspan-03 sections 4.2 and 4.3): a mirrored frame follows.
func (w *walk) erspan(gre, size int, version uint8, t flow.Tunnel) layer {
	if !w.have(gre + size) {
		return w.short(gre+size, TunnelFormat)
	}
	b := w.data[w.off+gre:]
	if b[0]>>4 != version {
		return w.fail(TunnelFormat)
	}
	t.ID = uint32(be16(b[2:]) & 0x3ff)
	inside := layerEthernet
	if version == 2 {
		if b[11]&1 != 0 { // a platform specific subheader
			size += 8
		}
		if kind := b[10] >> 2 & 0x1f; kind == 2 {
			inside = layerIP
		}
	}
	if !w.have(gre + size) {
		return w.short(gre+size, TunnelFormat)
	}
	if !w.enter(gre+size, t) {
		return layerEnd
	}
	return inside
}
