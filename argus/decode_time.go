package argus

import (
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// span is the times of one side, ns since 1970; there tells whether the DSR had at least one of them.
type span struct {
	first, last int64
	there       bool
}

// times is a time DSR; the sides get theirs once the packet counts are known.
type times [2]span

func instant(sec, fraction uint32, unit int64) int64 { return int64(sec)*1e9 + int64(fraction)*unit }

// decode reads all forms of section 2.3. In the relative ones, which the clients write, the first time is whole
// and the others are signed distances from it: told apart by the length, as the readers do.
func (t *times) decode(sub, qualifier uint8, d []byte) bool {
	if len(d) == 0 || qualifier < 0x18 || qualifier > 0x1b || len(d) < 8 {
		return len(d) == 0 // of a packet without a time
	}
	unit := int64(1000)
	if qualifier&1 != 0 { // nanoseconds
		unit = 1
	}
	present := sub >> 3 & 0x0f // source first, last, destination first, last
	if present == 0 {          // the old form: one time or a range of the source
		present = 1
		if len(d) >= 12 {
			present = 3
		}
	}
	n := bits.OnesCount8(present)
	relative := len(d) < 8*n
	if len(d) < 8+4*(n-1) {
		return false
	}
	first := instant(be.Uint32(d), be.Uint32(d[4:]), unit)
	var v [4]int64
	at := 0
	for i := range v {
		switch {
		case present>>i&1 == 0:
		case at == 0:
			v[i], at = first, 8
		case relative:
			v[i], at = max(first+int64(int32(be.Uint32(d[at:])))*unit, 0), at+4
		default:
			v[i], at = instant(be.Uint32(d[at:]), be.Uint32(d[at+4:]), unit), at+8
		}
	}
	t[0] = newSpan(v[0], v[1], present&3)
	t[1] = newSpan(v[2], v[3], present>>2)
	return true
}

// newSpan fills in an end that is missing (present has bit 1 for the first and 2 for the last) and puts both in order.
func newSpan(first, last int64, present uint8) span {
	switch present {
	case 0:
		return span{}
	case 1:
		last = first
	case 2:
		first = last
	}
	return span{min(first, last), max(first, last), true}
}

// settle gives the times to the sides that had packets, the other side's to one that has none of its own. A record
// without a packet keeps its time at the source.
func (t *times) settle(f *flow.Record) {
	s, d := &f.Side[0], &f.Side[1]
	if s.Packets > 0 || d.Packets == 0 {
		s.First, s.Last = t.of(0)
	}
	if d.Packets > 0 {
		d.First, d.Last = t.of(1)
	}
}

func (t *times) of(side int) (first, last int64) {
	if !t[side].there {
		side = 1 - side
	}
	return t[side].first, t[side].last
}
