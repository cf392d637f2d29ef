package flow

import "math/bits"

// chunkLen is how many items a slab takes from the heap at once.
const chunkLen = 256

// slab keeps items of one pointer-free type by number. It grows chunk by chunk, takes the lowest free number first,
// and gives a chunk back when its last item is freed, so that memory shrinks again after a burst.
type slab[T any] struct {
	chunks []*chunk[T]
	first  int // no chunk below this one has room
	live   int // chunks held
}

type chunk[T any] struct {
	items [chunkLen]T
	used  [chunkLen / 64]uint64
	count int
}

func (s *slab[T]) at(n uint32) *T { return &s.chunks[n/chunkLen].items[n%chunkLen] }

// alloc returns the number of a free item, zeroed.
func (s *slab[T]) alloc() uint32 {
	for s.first < len(s.chunks) && s.chunks[s.first] != nil && s.chunks[s.first].count == chunkLen {
		s.first++
	}
	if s.first == len(s.chunks) {
		s.chunks = append(s.chunks, nil)
	}
	c := s.chunks[s.first]
	if c == nil {
		c = new(chunk[T])
		s.chunks[s.first] = c
		s.live++
	}
	for w := range c.used {
		if free := ^c.used[w]; free != 0 {
			bit := bits.TrailingZeros64(free)
			c.used[w] |= 1 << bit
			c.count++
			item := w*64 + bit
			clear(c.items[item : item+1])
			return uint32(s.first*chunkLen + item)
		}
	}
	panic("flow: a slab chunk with room has none")
}

func (s *slab[T]) free(n uint32) {
	ci, item := int(n/chunkLen), n%chunkLen
	c := s.chunks[ci]
	c.used[item/64] &^= 1 << (item % 64)
	c.count--
	s.first = min(s.first, ci)
	if c.count == 0 && ci > 0 { // the first chunk stays: a quiet table breathes without the heap
		s.chunks[ci] = nil
		s.live--
	}
}
