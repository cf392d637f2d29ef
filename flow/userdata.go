package flow

import "encoding/binary"

// userData keeps the first payload octets of every side, by the side's number, for as long as the side lives.
// It holds nothing when none are wanted.
type userData struct {
	limit  int      // octets of each side
	chunks [][]byte // beside the chunks of the sides: for every side a length and limit octets
}

// userDataMax is what a record has room for (Argus record format, section 2.11).
const userDataMax = 65528

// lengthLen is the size of an item's length.
const lengthLen = 2

// item returns the place of side n: its length and octets.
func (u *userData) item(n uint32) (length, octets []byte) {
	stride := lengthLen + u.limit
	chunk, at := int(n/chunkLen), int(n%chunkLen)*stride
	for chunk >= len(u.chunks) {
		u.chunks = append(u.chunks, nil)
	}
	if u.chunks[chunk] == nil {
		u.chunks[chunk] = make([]byte, chunkLen*stride)
	}
	item := u.chunks[chunk][at : at+stride]
	return item[:lengthLen], item[lengthLen:]
}

// begin empties side n.
func (u *userData) begin(n uint32) {
	length, _ := u.item(n)
	clear(length)
}

// add keeps what there is room for of the payload of a packet of side n.
func (u *userData) add(n uint32, payload []byte) {
	length, octets := u.item(n)
	have := binary.NativeEndian.Uint16(length)
	binary.NativeEndian.PutUint16(length, have+uint16(copy(octets[have:], payload)))
}

// appendTo appends what was kept of side n to b.
func (u *userData) appendTo(b []byte, n uint32) []byte {
	length, octets := u.item(n)
	return append(b, octets[:binary.NativeEndian.Uint16(length)]...)
}

// trim gives back the chunks whose sides are all gone.
func (u *userData) trim(sides *slab[side]) {
	for i := range u.chunks {
		if sides.used[i] == 0 {
			u.chunks[i] = nil
		}
	}
}

// memory returns the octets held.
func (u *userData) memory() (octets int) {
	for _, c := range u.chunks {
		octets += len(c)
	}
	return octets
}
