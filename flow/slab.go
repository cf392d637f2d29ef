package flow

import (
	"math/bits"
	"unsafe"
)

// chunkLen is how many items a slab takes from the heap at once.
const chunkLen = 256

// slab keeps items of one pointer-free type by number. It grows chunk by chunk, takes the lowest free number first,
// and gives a chunk back when its last item is freed, so that memory shrinks again after a burst.
// A chunk holds nothing but its items: their size times 256 is then a size that the heap has.
type slab[T any] struct {
	chunks []*[chunkLen]T
	rooms  []room // of each chunk
	first  int    // no chunk below this one has room
	live   int    // chunks held
}

// room tells which items of a chunk are taken.
type room struct {
	used  [chunkLen / 64]uint64
	count int
}

func (s *slab[T]) at(n uint32) *T { return &s.chunks[n/chunkLen][n%chunkLen] }

// alloc returns the number of a free item, zeroed.
func (s *slab[T]) alloc() uint32 {
	for s.first < len(s.chunks) && s.rooms[s.first].count == chunkLen {
		s.first++
	}
	if s.first == len(s.chunks) {
		s.chunks = append(s.chunks, nil)
		s.rooms = append(s.rooms, room{})
	}
	if s.chunks[s.first] == nil {
		s.chunks[s.first] = new([chunkLen]T)
		s.live++
	}
	r := &s.rooms[s.first]
	item := r.take()
	clear(s.chunks[s.first][item : item+1])
	return uint32(s.first*chunkLen + item)
}

// take finds the lowest free item of a chunk that has one.
func (r *room) take() int {
	w := 0
	for r.used[w] == ^uint64(0) {
		w++
	}
	bit := bits.TrailingZeros64(^r.used[w])
	r.used[w] |= 1 << bit
	r.count++
	return w*64 + bit
}

func (s *slab[T]) free(n uint32) {
	chunk, item := int(n/chunkLen), n%chunkLen
	r := &s.rooms[chunk]
	r.used[item/64] &^= 1 << (item % 64)
	r.count--
	s.first = min(s.first, chunk)
	if r.count == 0 && chunk > 0 { // the first chunk stays: a quiet table breathes without the heap
		s.chunks[chunk] = nil
		s.live--
	}
}

// memory returns the octets that the slab holds.
func (s *slab[T]) memory() int {
	return s.live*int(unsafe.Sizeof([chunkLen]T{})) + cap(s.chunks)*int(unsafe.Sizeof(s.chunks[0])+unsafe.Sizeof(room{}))
}
