package argus

import "math/bits"

// maxRecord is the octets that the length of a record can tell.
const maxRecord = 65535 * 4

// transcode appends a record as it stood in its stream, with those DSRs changed that the versions have of their own.
func (e *Encoder) transcode(b []byte, r *Record) []byte {
	if byte(r.Version) == e.version() {
		return append(b, r.Raw...)
	}
	kind := e.recordType(r.Raw[0] & 0xf0)
	switch {
	case r.Kind == KindManagement:
		return e.transcodeManagement(b, r)
	case kind == 0:
		return b
	}
	start := len(b)
	b = append(b, kind|e.version(), r.Raw[1], 0, 0)
	for rest := r.Raw[4:]; len(rest) >= 4; {
		n := dsrLen(rest)
		if n == 0 || n > len(rest) {
			break // damaged
		}
		before := len(b)
		if b = e.transcodeDSR(b, rest[:n], r); len(b)-start > maxRecord {
			b = b[:before]
		}
		rest = rest[n:]
	}
	return closeRecord(b, start)
}

// recordType returns the type under which a record of a type is written, 0 for not at all. Debian's readers of v3 end a stream at a
// type that they do not know: what was converted is a flow for them, and what they cannot read is left out.
func (e *Encoder) recordType(t byte) byte {
	switch {
	case e.Version != V3 || t == typeFlow || t == typeNetFlow || t == typeEvent || t == typeManagement:
		return t
	case t == typeAnyFlow:
		return typeFlow
	}
	return 0
}

func (e *Encoder) transcodeDSR(b, d []byte, r *Record) []byte {
	switch d[0] {
	case dsrTransport:
		return e.appendOwn(b, r)
	case dsrTime:
		if e.Version == V3 && d[2]&1 != 0 {
			return appendMicroseconds(b, d)
		}
	case dsrNet:
		if d[1] == netTCPInit || d[1] == netTCPPerf {
			return e.transcodeTCP(b, d)
		}
	case dsrJitter:
		return e.transcodeJitter(b, d)
	}
	return append(b, d...)
}

// transcodeTCP gives each block of a side the word of the MSS, or takes it away.
func (e *Encoder) transcodeTCP(b, d []byte) []byte {
	fixed, block, blocks := 4, 16, 1 // octets before the blocks, of a block of v3
	if d[1] == netTCPPerf {
		fixed, block, blocks = 24, 48, 2
	}
	from, to := block+4, block
	if e.Version != V3 {
		from, to = to, from
	}
	if len(d) != fixed+blocks*from {
		return append(b, d...)
	}
	b = append(b, d[0], d[1], e.tcpLayout(), byte((fixed+blocks*to)/4))
	b = append(b, d[4:fixed]...)
	for d = d[fixed:]; len(d) > 0; d = d[from:] {
		b = append(b, d[:block]...)
		if to > block {
			b = append(b, 0, 0, 0, 0)
		}
	}
	return b
}

// appendMicroseconds appends a time DSR of nanoseconds as one of microseconds (section 2.3).
func appendMicroseconds(b, d []byte) []byte {
	start := len(b)
	b = append(b, d...)
	b[start+2] &^= 1
	fractions := b[start+4:]
	n := bits.OnesCount8(d[1] >> 3 & 0x0f)
	if n == 0 {
		n = 1 + len(fractions)/12
	}
	relative := len(fractions) < 8*n
	for at := 4; at+4 <= len(fractions); at += 8 {
		be.PutUint32(fractions[at:], uint32(int32(be.Uint32(fractions[at:]))/1000))
		if relative {
			at -= 4
		}
	}
	return b
}

// transcodeJitter appends the sections of a jitter DSR in the form that appendJitter writes; a distribution that is not there is 0.
func (e *Encoder) transcodeJitter(b, d []byte) []byte {
	n := bits.OnesCount8(d[2] & 15)
	if n == 0 || (len(d)-4)%n != 0 {
		return append(b, d...)
	}
	size := (len(d) - 4) / n
	withBins := size == jitterSection || size == jitterCopied
	if !withBins && size != jitterPlain && size != jitterZeros {
		return append(b, d...)
	}
	start := len(b)
	b = append(b, dsrJitter, e.jitterForm(), d[2], 0)
	for d = d[4:]; len(d) > 0; d = d[size:] {
		b = append(b, d[:jitterPlain]...)
		switch {
		case e.jitterForm() != jitterWithBins:
		case withBins:
			b = append(b, d[jitterPlain:jitterSection]...)
		default:
			b = append(b, 0, 0, 0, 0)
		}
	}
	b[start+3] = byte((len(b) - start) / 4)
	return b
}
