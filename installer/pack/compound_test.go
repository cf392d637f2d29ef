package pack

import "encoding/binary"

// scatter returns a compound file with the same streams and its sectors in the opposite order.
func scatter(file []byte) []byte {
	const size = 512
	n := uint32(len(file)/size - 1)
	moved := func(old uint32) uint32 {
		if old >= n {
			return old // the end of a chain, or none
		}
		return n - 1 - old
	}
	patch := func(b []byte, off int) {
		binary.LittleEndian.PutUint32(b[off:], moved(binary.LittleEndian.Uint32(b[off:])))
	}
	le := binary.LittleEndian.Uint32
	out := make([]byte, len(file))
	copy(out, file[:size])
	for i := range n {
		copy(out[size*(1+moved(i)):], file[size*(1+i):][:size])
	}
	// The FAT, by the header's list: in its new places, its numbers as they are to be, and in the new order.
	var fat []uint32
	for off := 76; off < size; off += 4 {
		if s := le(file[off:]); s < n {
			for i := 0; i < size; i += 4 {
				fat = append(fat, le(file[size*(1+s)+uint32(i):]))
			}
		}
		patch(out, off)
	}
	after := make([]uint32, len(fat))
	copy(after, fat)
	for i := range n {
		after[moved(i)] = moved(fat[i])
	}
	k := 0
	for off := 76; off < size; off += 4 {
		if s := le(out[off:]); s < n {
			for i := 0; i < size; i += 4 {
				binary.LittleEndian.PutUint32(out[size*(1+s)+uint32(i):], after[k])
				k++
			}
		}
	}
	// The directory: where each stream begins that is not cut from the root's.
	for s := le(file[48:]); s < n; s = fat[s] {
		for off := 0; off < size; off += entrySize {
			e := out[size*(1+moved(s))+uint32(off):][:entrySize]
			if e[66] == rootObject || e[66] == streamObject && le(e[120:]) >= le(file[56:]) {
				patch(e, 116)
			}
		}
	}
	patch(out, 48)
	patch(out, 60)
	return out
}
