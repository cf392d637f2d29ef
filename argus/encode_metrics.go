package argus

import (
	"encoding/binary"
	"math"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// intervals returns the sections of the jitter DSR in their order: source active and idle, destination active and idle.
func intervals(side *[2]flow.Side) [4]*flow.Intervals {
	return [4]*flow.Intervals{&side[0].Active, &side[0].Idle, &side[1].Active, &side[1].Idle}
}

// appendJitter writes the times between packets (section 2.10): in v5 with their distribution, which all readers of v5 take, in v3 as
// Argus 3 does without it, for the writers of 3.0.8.2 spoil every section that has one (docs/ecosystem.md).
func (e *Encoder) appendJitter(b []byte, side *[2]flow.Side) []byte {
	start := len(b)
	b = append(b, dsrJitter, e.jitterForm(), 0, 0)
	for i, v := range intervals(side) {
		if v.N == 0 {
			continue
		}
		b[start+2] |= 1 << i
		b = be.AppendUint32(be.AppendUint32(b, v.N), math.Float32bits(v.Min))
		b = be.AppendUint32(be.AppendUint32(b, math.Float32bits(v.Mean)), math.Float32bits(v.StdDev))
		b = be.AppendUint32(b, math.Float32bits(v.Max))
		if e.jitterForm() == jitterWithBins {
			b = binary.LittleEndian.AppendUint32(b, uint32(v.Bins)) // little-endian: nobody swaps it
		}
	}
	if b[start+2] == 0 {
		return b[:start]
	}
	b[start+3] = byte((len(b) - start) / 4)
	return b
}

// jitterForm returns the subtype of the jitter DSR.
func (e *Encoder) jitterForm() byte {
	if e.Version == V3 {
		return 0
	}
	return jitterWithBins
}

// appendSizes writes the smallest and largest packet and, of several packets, the distribution (section 2.5).
func appendSizes(b []byte, side *[2]flow.Side) []byte {
	start := len(b)
	b = append(b, dsrPacketSize, 0, 0, 0)
	histogram := false
	for i := range side {
		if s := &side[i]; s.MinSize|s.MaxSize != 0 || s.Sizes != 0 {
			b[start+1] |= 1 << i
			b = be.AppendUint16(be.AppendUint16(b, s.MinSize), s.MaxSize)
			histogram = histogram || s.Sizes != 0
		}
	}
	sides := b[start+1]
	if sides == 0 {
		return b[:start]
	}
	b[start+2] = [...]byte{1: 6, 2: 10, 3: 2}[sides]
	if histogram {
		b[start+1] |= 4
		for i := range side {
			if sides>>i&1 != 0 {
				b = be.AppendUint32(b, uint32(side[i].Sizes))
			}
		}
	}
	b[start+3] = byte((len(b) - start) / 4)
	return b
}

// appendUserData writes the payload captured of each side, which is as much as the limit said (section 2.11).
func appendUserData(b []byte, side *[2]flow.Side) []byte {
	for i := range side {
		data := side[i].Data
		if len(data) == 0 {
			continue
		}
		data = data[:min(len(data), maxData)]
		start := len(b)
		b = append(b, dsrUserData, 0x80|0x10<<i)
		b = be.AppendUint16(b, uint16(2+(len(data)+3)/4))
		b = be.AppendUint16(be.AppendUint16(b, uint16(len(data))), uint16(len(data)))
		b = pad(append(b, data...), start)
	}
	return b
}

// appendBehaviour writes the keystrokes of an interactive TCP connection (section 2.14).
func appendBehaviour(b []byte, t *flow.TCP) []byte {
	s, d := t.Side[0].Keystrokes, t.Side[1].Keystrokes
	if s|d == 0 {
		return b
	}
	return be.AppendUint32(be.AppendUint32(append(b, dsrBehaviour, 1, 0, 3), s), d)
}

// appendHash writes the hash of the tuple and its lower half as the index (section 2.14).
func appendHash(b []byte, k *flow.Key) []byte {
	h := flowHash(k)
	return be.AppendUint32(be.AppendUint32(append(b, dsrHash, 0, 0, 3), h), h&0xffff)
}

// flowHash returns the 32-bit FNV-1a hash of family, protocol and both ends, the lower one first: 16 octets of address
// and 2 of port each. It is the same for both directions, on every host, at any time.
func flowHash(k *flow.Key) uint32 {
	const offset, prime = 2166136261, 16777619
	var v [2 + 2*18]byte
	v[0], v[1] = byte(k.Family), k.Proto
	low, high := v[2:20], v[20:]
	copy(low, k.Src[:])
	copy(high, k.Dst[:])
	be.PutUint16(low[16:], k.SrcPort)
	be.PutUint16(high[16:], k.DstPort)
	h := uint32(offset)
	ends := [2][]byte{low, high}
	if string(high) < string(low) {
		ends = [2][]byte{high, low}
	}
	for _, part := range [...][]byte{v[:2], ends[0], ends[1]} {
		for _, octet := range part {
			h = (h ^ uint32(octet)) * prime
		}
	}
	return h
}
