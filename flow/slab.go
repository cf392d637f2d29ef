package flow

import (
	"math/bits"
	"unsafe"
)

// chunkLen is how many items a slab takes from the heap at once: as many as a word has bits.
const chunkLen = 64

// slab keeps items of one pointer-free type by number. It grows chunk by chunk and takes the lowest free number first.
// A chunk whose last item was freed waits for another use; trim gives back those that had none, so that memory shrinks
// again after a burst, and the waves of status intervals never reach the heap.
type slab[T any] struct {
	chunks []*[chunkLen]T
	used   []uint64 // a bit for every item of the chunks
	first  int      // no chunk below this one has room
	live   int      // chunks with items
	spare  []*[chunkLen]T
	unused int // the fewest spare ones there were since the last trim
}

func (s *slab[T]) at(n uint32) *T { return &s.chunks[n/chunkLen][n%chunkLen] }

// alloc returns the number of a free item, zeroed.
func (s *slab[T]) alloc() uint32 {
	for s.first < len(s.used) && s.used[s.first] == ^uint64(0) {
		s.first++
	}
	if s.first == len(s.chunks) {
		s.chunks, s.used = append(s.chunks, nil), append(s.used, 0)
	}
	c := s.chunks[s.first]
	if c == nil {
		c = s.take()
		s.chunks[s.first] = c
		s.live++
	}
	item := bits.TrailingZeros64(^s.used[s.first])
	s.used[s.first] |= 1 << item
	clear(c[item : item+1])
	return uint32(s.first*chunkLen + item)
}

func (s *slab[T]) free(n uint32) {
	i := int(n / chunkLen)
	s.used[i] &^= 1 << (n % chunkLen)
	s.first = min(s.first, i)
	if s.used[i] == 0 && i > 0 { // the first chunk stays: a quiet table breathes without the heap
		s.spare = append(s.spare, s.chunks[i])
		s.chunks[i] = nil
		s.live--
	}
}

func (s *slab[T]) take() *[chunkLen]T {
	last := len(s.spare) - 1
	if last < 0 {
		return new([chunkLen]T)
	}
	c := s.spare[last]
	s.spare[last] = nil
	s.spare = s.spare[:last]
	s.unused = min(s.unused, last)
	return c
}

// trim gives the spare chunks that nobody needed since the last trim back to the heap.
func (s *slab[T]) trim() {
	keep := len(s.spare) - s.unused
	clear(s.spare[keep:])
	s.spare = s.spare[:keep]
	s.unused = keep
}

// memory returns the octets that the slab holds.
func (s *slab[T]) memory() int {
	return (s.live+len(s.spare))*int(unsafe.Sizeof([chunkLen]T{})) + cap(s.chunks)*int(unsafe.Sizeof(s.chunks[0])) + cap(s.used)*8
}
