package argus

import (
	"encoding/binary"
	"math"
)

// appendAdded writes what was added to a record, each DSR only if it says something (section 2.14).
func (e *Encoder) appendAdded(b []byte, r *Record) []byte {
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
	if a.Aggregate.Count > 0 {
		b = e.appendAggregate(b, &a.Aggregate)
	}
	if a.Correlate.Count > 0 {
		b = appendCorrelate(b, &a.Correlate)
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

// appendAggregate writes the statistics: in v3 little-endian, because the readers of that line do not swap them.
func (e *Encoder) appendAggregate(b []byte, a *Aggregate) []byte {
	form := [2]byte{1, 0}
	if e.Version == V3 {
		form = [2]byte{4, 1}
	}
	b = append(b, dsrAggregate, form[0], form[1], 20)
	b = be.AppendUint32(b, a.Count)
	b = append(b, make([]byte, 16)...) // when it began and was looked at last: the time DSR has what readers print
	appendNumber := be.AppendUint32
	if e.Version == V3 {
		appendNumber = binary.LittleEndian.AppendUint32
	}
	unit := 1.0
	for _, s := range [...]*Statistic{&a.Active, &a.Idle} {
		b = appendNumber(b, s.N)
		for _, f := range [...]float64{s.Min, s.Mean, s.StdDev, s.Max} {
			b = appendNumber(b, math.Float32bits(float32(f*unit)))
		}
		b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // the distribution, which no reader prints
		unit = 1e6                            // of the idle times
	}
	return b
}

// appendCorrelate writes what the first of the other sensors saw, and as many empty places as there were others.
func appendCorrelate(b []byte, c *Correlate) []byte {
	const words = 6
	n := min(c.Count, 255/words)
	b = append(b, dsrCorrelate, 0, 0, byte(1+words*n))
	b = append(b, c.Monitor[:]...)
	for _, v := range [...]int32{c.Duration, c.Start, c.Last, c.Packets[0], c.Packets[1]} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return append(b, make([]byte, 4*words*(n-1))...)
}

// appendGuess writes the network DSR of what a sensor takes UDP for, or of later fragments (section 2.6).
func appendGuess(b []byte, a *Added) []byte {
	start, length := len(b), byte(0)
	switch {
	case a.Guess == GuessRTCP:
		length = 6
	case a.Guess == GuessRTP:
		length = 10
	case a.Guess == GuessUDT:
		length = 44
	case a.Fragment != 0:
		b = append(b, dsrNet, netFragment, netOverlap*bit(a.Fragment == 'V'), 14)
		return append(b, make([]byte, 52)...)
	default:
		return b
	}
	b = append(b, dsrNet, byte(a.Guess), 0, length)
	b = append(b, make([]byte, 4*int(length)-4)...)
	switch put := func(word int, v uint32) { be.PutUint32(b[start+4*word:], v) }; a.Guess {
	case GuessRTP:
		put(8, min(a.Lost[0], math.MaxUint16)<<16|min(a.Lost[1], math.MaxUint16))
	case GuessUDT:
		put(17, a.UDT.Window)
		put(20, a.UDT.Solo)
		put(21, a.UDT.First)
		put(24, a.Lost[0])
		put(25, a.UDT.Retrans)
		put(26, a.UDT.Nacks)
	}
	return b
}

// appendWLAN writes the key of a frame of 802.11: destination, source, access point, name of the network.
func appendWLAN(b []byte, r *Record) []byte {
	k, a := &r.Flow.Key, &r.Added
	b = append(b, dsrFlow, flowFiveTuple, byte(k.Family), 14)
	b = append(append(append(b, k.Dst[:6]...), k.Src[:6]...), a.BSSID[:]...)
	return append(append(b, a.SSID[:]...), 0, 0)
}
