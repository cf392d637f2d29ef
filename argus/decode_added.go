package argus

import (
	"encoding/binary"
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

// order is how the numbers of a DSR stand in it: big-endian as everything, or little-endian as clients of the 3.0 line write theirs.
type order interface{ Uint32([]byte) uint32 }

// decode reads what racluster and rabins write: the count, two times, and both statistics, each as its number, least, mean,
// deviation, most, and eight octets of distribution. The idle times are in microseconds. No more can have lasted than there are.
func (a *Aggregate) decode(v Version, d []byte) bool {
	const fixed, block = 20, 28
	if len(d) < fixed+2*block {
		return false
	}
	a.Count = be.Uint32(d)
	var o, other order = be, binary.LittleEndian
	if v == V3 {
		o, other = other, o
	}
	if o.Uint32(d[fixed:]) > a.Count && other.Uint32(d[fixed:]) <= a.Count {
		o = other
	}
	a.Active.decode(d[fixed:], o, 1)
	a.Idle.decode(d[fixed+block:], o, 1e-6)
	return true
}

func (s *Statistic) decode(d []byte, o order, unit float64) {
	number := func(i int) float64 {
		if f := math.Float32frombits(o.Uint32(d[4*i:])); f >= 0 && f <= math.MaxFloat32 {
			return float64(f) * unit
		}
		return 0
	}
	*s = Statistic{N: o.Uint32(d), Min: number(1), Mean: number(2), StdDev: number(3), Max: number(4)}
	s.Sum = s.Mean * float64(s.N)
}

// decode reads what clients of the 3.0 line write, octets of six little-endian words a sensor.
func (c *Correlate) decode(d []byte) bool {
	const block = 24
	if len(d) < block {
		return false
	}
	n := func(i int) int32 { return int32(binary.LittleEndian.Uint32(d[4*i:])) }
	*c = Correlate{uint32(len(d) / block), [4]byte(d), n(1), n(2), n(3), [2]int32{n(4), n(5)}}
	return true
}

// guess reads the network DSRs of what a sensor takes UDP for.
func (r *Record) guess(g Guess, d []byte) bool {
	a := &r.Added
	switch words := len(d) / 4; {
	case g == GuessRTP && words >= 8:
		a.Lost = [2]uint32{uint32(be.Uint16(d[28:])), uint32(be.Uint16(d[30:]))}
	case g == GuessUDT && words >= 26:
		n := func(i int) uint32 { return be.Uint32(d[4*i-4:]) }
		a.UDT, a.Lost = UDT{n(17), n(20), n(21), n(25), n(26)}, [2]uint32{n(24), 0}
	case g != GuessRTCP || words < 5:
		return false
	}
	a.Guess = g
	return true
}
