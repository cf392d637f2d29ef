package argus

import "math"

// appendAdded writes what was added to a record, each DSR only if it says something (section 2.14).
func appendAdded(b []byte, r *Record) []byte {
	a := &r.Added
	if *a == (Added{}) && r.Has&HasLocality == 0 {
		return b
	}
	if a.AS != [3]uint32{} {
		words := 3 + bit(a.AS[2] != 0)
		b = append(b, dsrAS, 1, 0, words)
		for _, as := range a.AS[:words-1] {
			b = be.AppendUint32(b, as)
		}
	}
	if a.Country != [2][2]byte{} {
		b = append(b, dsrCountry, 0, 3, 2)
		b = append(append(b, a.Country[0][:]...), a.Country[1][:]...)
	}
	b = appendPositions(b, &a.Position)
	if r.Has&HasLocality != 0 {
		b = append(b, dsrLocal, 0, 3, 3, 0, 0, byte(a.Locality[0]), byte(a.Locality[1]))
		b = be.AppendUint16(be.AppendUint16(b, a.Organisation[0]), a.Organisation[1])
	}
	if a.Score != [8]uint8{} {
		b = append(append(b, dsrScore, 0, 0, 3), a.Score[:]...)
	}
	return b
}

func appendPositions(b []byte, positions *[3]Position) []byte {
	start := len(b)
	b = append(b, dsrGeo, 0, 0, 0)
	for i := range positions {
		if p := &positions[i]; p.Known {
			b[start+2] |= 1 << i
			b = be.AppendUint32(be.AppendUint32(b, math.Float32bits(p.Latitude)), math.Float32bits(p.Longitude))
		}
	}
	if b[start+2] == 0 {
		return b[:start]
	}
	b[start+3] = byte((len(b) - start) / 4)
	return b
}
