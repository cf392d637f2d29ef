package flow

import (
	"math/bits"
	"strings"
)

// historyLetters are the letters of History in lower case; a letter's code is its place here.
const historyLetters = "\x00adfghiqrstw^"

// historyWord is how many letters of five bits stand in one word.
const historyWord = 12

// fromSource is the bit of a letter's code that makes it upper case.
const fromSource = 16

// history is a History of at most 24 letters, packed: the first one in the lowest five bits of the first word.
// A letter is a code of historyLetters, with fromSource when the source sent the packet.
type history [2]uint64

// note adds a letter for a packet from side dir, if there is room.
func (h *history) note(letter byte, dir int) { h.push(historyCode(letter, dir)) }

// flip notes that the sender of the flow's first packet is not its initiator.
func (h *history) flip() { h.push(historyCode('^', 1)) }

// has tells whether side dir has had the letter.
func (h *history) has(letter byte, dir int) bool {
	code := historyCode(letter, dir)
	for _, word := range h {
		for ; word != 0; word >>= 5 {
			if word&31 == code {
				return true
			}
		}
	}
	return false
}

func historyCode(letter byte, dir int) uint64 {
	return uint64(strings.IndexByte(historyLetters, letter)) | uint64(fromSource*(1-dir))
}

func (h *history) push(code uint64) {
	for i := range h {
		if n := (bits.Len64(h[i]) + 4) / 5; n < historyWord {
			h[i] |= code << (5 * n)
			return
		}
	}
}

// expand writes the letters.
func (h *history) expand(out *History) {
	*out = History{}
	n := 0
	for _, word := range h {
		for ; word != 0; word >>= 5 {
			out[n] = historyLetters[word&(fromSource-1)]
			if word&fromSource != 0 {
				out[n] -= 'a' - 'A'
			}
			n++
		}
	}
}
