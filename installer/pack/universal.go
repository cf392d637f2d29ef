package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What mach-o/fat.h and mach-o/loader.h define.
const (
	fatMagic   = 0xcafebabe // of a header in big-endian
	fatHeader  = 8
	fatArch    = 20
	fatAlign   = 14         // as a power of two: the pages of arm64
	machMagic  = 0xfeedfacf // of 64 bits, in the byte order of the machine
	machHeader = 32
)

// Universal returns a universal binary: a fat header and the programs given, each of which is for another processor.
func Universal(programs ...[]byte) ([]byte, error) {
	if len(programs) == 0 || len(programs) > 8 {
		return nil, fmt.Errorf("a universal binary of %d programs", len(programs))
	}
	out := words(fatMagic, uint32(len(programs)))
	seen := map[uint32]bool{}
	at := uint32(fatHeader + fatArch*len(programs))
	for _, p := range programs {
		if len(p) < machHeader || binary.LittleEndian.Uint32(p) != machMagic {
			return nil, errors.New("not a Mach-O program of 64 bits for amd64 or arm64: build it with GOOS=darwin")
		}
		if len(p) > maxFiles {
			return nil, fmt.Errorf("a program of %d octets", len(p))
		}
		cpu, subtype := binary.LittleEndian.Uint32(p[4:]), binary.LittleEndian.Uint32(p[8:])
		if seen[cpu] {
			return nil, fmt.Errorf("two programs for one processor, Mach-O type %#x", cpu)
		}
		seen[cpu] = true
		at = aligned(at)
		out = append(out, words(cpu, subtype, at, uint32(len(p)), fatAlign)...)
		at += uint32(len(p))
	}
	for _, p := range programs {
		out = append(out, make([]byte, int(aligned(uint32(len(out))))-len(out))...)
		out = append(out, p...)
	}
	return out, nil
}

func aligned(at uint32) uint32 { return (at + 1<<fatAlign - 1) &^ (1<<fatAlign - 1) }
