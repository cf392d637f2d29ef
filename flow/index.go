package flow

import "math/bits"

// index finds an entry's number by its key's hash: open addressing with linear probing, at most 3/4 full.
// A slot holds hash<<32 | number+1, so that a probe touches an entry only when 32 bits of hash agree
// and growing needs no entry at all. Zero is an empty slot.
type index struct {
	slots []uint64
	used  int
}

const minSlots = 1024

func newIndex() index { return index{slots: make([]uint64, minSlots)} }

func (x *index) mask() uint32 { return uint32(len(x.slots) - 1) }

// insert adds number n under hash h; the caller knows that its key is not there.
func (x *index) insert(h, n uint32) {
	if x.used*4 >= len(x.slots)*3 {
		x.resize(len(x.slots) * 2)
	}
	x.place(uint64(h)<<32 | uint64(n+1))
	x.used++
}

func (x *index) place(slot uint64) {
	i := uint32(slot>>32) & x.mask()
	for x.slots[i] != 0 {
		i = (i + 1) & x.mask()
	}
	x.slots[i] = slot
}

// remove takes number n under hash h out and closes the gap, so that no tombstones are left.
func (x *index) remove(h, n uint32) {
	want, i := uint64(h)<<32|uint64(n+1), h&x.mask()
	for x.slots[i] != want {
		i = (i + 1) & x.mask()
	}
	for j := (i + 1) & x.mask(); x.slots[j] != 0; j = (j + 1) & x.mask() {
		home := uint32(x.slots[j]>>32) & x.mask()
		if (j-home)&x.mask() >= (j-i)&x.mask() { // i lies between home and j: the slot may move there
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = 0
	x.used--
	if len(x.slots) > minSlots && x.used*8 < len(x.slots) {
		x.resize(len(x.slots) / 2)
	}
}

func (x *index) resize(n int) {
	old := x.slots
	x.slots = make([]uint64, n)
	for _, slot := range old {
		if slot != 0 {
			x.place(slot)
		}
	}
}

// hasher hashes keys under a secret of its own, so that a stranger cannot make them collide.
type hasher [6]uint64

func (s *hasher) hash(p *packed) uint32 {
	h := mum(p[0]^s[0], p[1]^s[1]) ^ mum(p[2]^s[2], p[3]^s[3])
	h = mum(h^s[4], p[4]^s[5])
	return uint32(h ^ h>>32)
}

func mum(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
