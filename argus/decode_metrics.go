package argus

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// jitterWithBins is the subtype of the jitter DSR of which each section ends in the distribution.
const jitterWithBins = 1

// Octets of a section of the jitter DSR: without and with its distribution, with two words of zeros in its place (Argus 5), and as the
// writers of the 3.0 line copy one with a distribution, with 16 octets behind it that mean nothing.
const (
	jitterPlain   = 20
	jitterSection = 24
	jitterZeros   = 28
	jitterCopied  = 40
)

// decodeJitter reads all forms of section 2.10: sections of 5, 6 (with the distribution) and 7 words, and of 10.
func decodeJitter(side *[2]flow.Side, qualifier uint8, d []byte) bool {
	n := bits.OnesCount8(qualifier & 15)
	if n == 0 || len(d) < jitterPlain*n {
		return false
	}
	stride := min(len(d)/n/4*4, jitterZeros)
	size := stride
	if len(d) >= jitterCopied*n {
		stride, size = jitterCopied, jitterSection
	}
	for i, v := range intervals(side) {
		if qualifier>>i&1 == 0 {
			continue
		}
		decodeIntervals(v, d[:size])
		d = d[stride:]
	}
	return true
}

// decodeIntervals reads one section. Sensors write deviations that are no number: those become 0.
func decodeIntervals(v *flow.Intervals, d []byte) {
	*v = flow.Intervals{N: be.Uint32(d)}
	if v.N == 0 {
		return
	}
	for i, f := range [...]*float32{&v.Min, &v.Mean, &v.StdDev, &v.Max} {
		*f = math.Float32frombits(be.Uint32(d[4+4*i:]))
		if !(*f >= 0 && *f <= math.MaxFloat32) {
			*f = 0
		}
	}
	if len(d) == jitterSection {
		v.Bins = flow.Histogram(binary.LittleEndian.Uint32(d[jitterPlain:]))
	}
}

// decodeSizes reads section 2.5. The qualifier names the sides.
func decodeSizes(side *[2]flow.Side, sub, qualifier uint8, d []byte) bool {
	var sides uint8
	switch qualifier {
	case 2:
		sides = 3
	case 6:
		sides = 1
	case 10:
		sides = 2
	default:
		return false
	}
	n := bits.OnesCount8(sides)
	if len(d) < 4*n || sub&4 != 0 && len(d) < 8*n {
		return false
	}
	at := 0
	for i := range side {
		if sides>>i&1 == 0 {
			continue
		}
		s := &side[i]
		s.MinSize, s.MaxSize = be.Uint16(d[at:]), be.Uint16(d[at+2:])
		if sub&4 != 0 {
			s.Sizes = flow.Histogram(be.Uint32(d[4*n+at:]))
		}
		at += 4
	}
	return true
}

// userData takes what was captured of one side's payload (section 2.11); d begins after the DSR's length.
func (r *Record) userData(sub uint8, d []byte) bool {
	if len(d) < 4 || sub&0x80 == 0 || sub&8 != 0 {
		return false
	}
	s := &r.Flow.Side[sub>>5&1]
	s.Data = nil
	if count := min(int(be.Uint16(d[2:])), len(d)-4, maxData); count > 0 {
		s.Data = d[4:][:count]
	}
	return true
}

// behaviour reads the keystrokes (section 2.14).
func (r *Record) behaviour(d []byte) bool {
	if len(d) < 8 {
		return false
	}
	r.Flow.TCP.Side[0].Keystrokes, r.Flow.TCP.Side[1].Keystrokes = be.Uint32(d), be.Uint32(d[4:])
	return true
}

// hash reads section 2.14.
func (r *Record) hash(d []byte) bool {
	if len(d) < 8 {
		return false
	}
	r.Has |= HasHash
	r.Hash, r.HashIndex = be.Uint32(d), be.Uint32(d[4:])
	return true
}
