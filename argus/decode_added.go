package argus

import (
	"math"
	"math/bits"
)

// autonomousSystems reads the numbers of the source, the destination and, if there, the node that sent the ICMP message.
func (r *Record) autonomousSystems(d []byte) bool {
	if len(d) < 8 {
		return false
	}
	for i := range r.Added.AS {
		if len(d) >= 4*(i+1) {
			r.Added.AS[i] = be.Uint32(d[4*i:])
		}
	}
	return true
}

func (r *Record) country(d []byte) bool {
	if len(d) < 4 {
		return false
	}
	r.Added.Country = [2][2]byte{[2]byte(d), [2]byte(d[2:])}
	return true
}

// positions reads a pair of numbers for each bit of the qualifier.
func (r *Record) positions(qualifier uint8, d []byte) bool {
	if len(d) < 8*bits.OnesCount8(qualifier&7) {
		return false
	}
	for i := range r.Added.Position {
		if qualifier>>i&1 != 0 {
			r.Added.Position[i] = Position{degrees(d), degrees(d[4:]), true}
			d = d[8:]
		}
	}
	return true
}

// degrees reads a number; one that is none becomes 0.
func degrees(d []byte) float32 {
	if f := math.Float32frombits(be.Uint32(d)); f >= -math.MaxFloat32 && f <= math.MaxFloat32 {
		return f
	}
	return 0
}

func (r *Record) locality(d []byte) bool {
	if len(d) < 8 {
		return false
	}
	r.Has |= HasLocality
	r.Added.Locality = [2]int8{int8(d[2]), int8(d[3])}
	r.Added.Organisation = [2]uint16{be.Uint16(d[4:]), be.Uint16(d[6:])}
	return true
}

func (r *Record) score(d []byte) bool {
	return copy(r.Added.Score[:], d) == len(r.Added.Score)
}
