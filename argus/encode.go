package argus

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Encoder writes the records of one interface of one host. It holds no state: copies are free.
type Encoder struct {
	Version   Version   // V3, or V5 (also when zero)
	Monitor   uuid.UUID // the host; v3 has only room for MonitorV3 of it
	Interface string    // the first 4 bytes are used; v3 has no place for it
	Label     []byte    // put on every flow record, at most 1016 bytes; nil for none
	FlowHash  bool      // write the flow hash DSR (ARGUS_GENERATE_HASH_METRICS)
}

func (e *Encoder) version() byte {
	if e.Version == V3 {
		return byte(V3)
	}
	return byte(V5)
}

// AppendFlow appends the flow record of r. Its sequence number is 0: see Number.
func (e *Encoder) AppendFlow(b []byte, r *flow.Record) []byte {
	start := len(b)
	b = append(b, typeFlow|e.version(), byte(r.Cause)&0xf0, 0, 0)
	b = e.appendTransport(b, e.Interface)
	var v interval
	v.set(r)
	b = e.appendBody(b, r, &v, metered(r), nil)
	if e.FlowHash {
		b = appendHash(b, &r.Key)
	}
	if len(e.Label) > 0 {
		b = appendLabelDSR(b, e.Label)
	}
	return closeRecord(appendExtension(b, r, &v), start)
}

// metered returns what a record of our own sensor has.
func metered(r *flow.Record) Has {
	has := HasExtension
	if r.Side[0].Packets > 0 {
		has |= HasSrc
	}
	if r.Side[1].Packets > 0 {
		has |= HasDst
	}
	return has
}

// appendBody appends the DSRs that stand between the sensor's identity and the label, of what a record has; a is nil in our own.
func (e *Encoder) appendBody(b []byte, r *flow.Record, v *interval, has Has, a *Added) []byte {
	b = appendKey(b, r)
	b = appendTime(b, v)
	b = appendMetric(b, &r.Side) // before net: readers judge TCP flags by the packet counts (section 0)
	b = e.appendNet(b, r, has)
	if a != nil {
		b = appendGuess(b, a) // a network DSR too: ra wants it before the addresses of the link
	}
	b = appendTags(b, &r.Side)
	b = e.appendJitter(b, &r.Side)
	b = appendIPAttributes(b, r, has)
	b = appendSizes(b, &r.Side)
	b = appendUserData(b, &r.Side)
	if r.IsTCP() || has&HasExtension == 0 {
		b = appendBehaviour(b, &r.TCP)
	}
	b = appendICMP(b, r)
	b = appendLink(b, r)
	return appendTunnel(b, r)
}

// appendTransport writes the sensor's identity, always the first DSR: Number relies on it (section 2.1).
func (e *Encoder) appendTransport(b []byte, inf string) []byte {
	var name [4]byte
	copy(name[:], inf)
	if e.Version == V3 {
		return e.appendIdentity(b, ID{idUUID, e.Monitor}, name, 0, true)
	}
	b = append(b, dsrTransport, 3, idUUID|withInterface, 7) // of nearly every record: less by a tenth of its cost than appendIdentity
	b = append(b, e.Monitor[:]...)
	b = append(b, name[:]...)
	return be.AppendUint32(b, 0)
}

// appendIdentity writes a transport DSR with what of it is known; of v3 there is room for 4 octets of identity and no interface.
func (e *Encoder) appendIdentity(b []byte, id ID, inf [4]byte, sequence uint32, numbered bool) []byte {
	if e.Version == V3 {
		id, inf = id.inV3(), [4]byte{}
		if id.Kind == 0 { // ra ends a v3 stream at a number without an id
			id.Kind = idIPv4
		}
	}
	start, n := len(b), id.len()
	b = append(b, dsrTransport, 0, id.Kind, 0)
	if n > 0 {
		b[start+1] = 1
		b = append(b, id.Bytes[:n]...)
		if inf != [4]byte{} {
			b[start+2] |= withInterface
			b = append(b, inf[:]...)
		}
	}
	if numbered {
		b[start+1] |= 2
		b = be.AppendUint32(b, sequence)
	}
	b[start+3] = byte((len(b) - start) / 4)
	return b
}

// maxTime is the last moment that 32 bits of seconds reach, ns since 1970.
const maxTime = 1<<32*int64(1e9) - 1

// inRange returns the time on the wire that is next to t.
func inRange(t int64) int64 { return min(max(t, 0), maxTime) }

// appendInstant writes seconds and microseconds; the extension has the nanoseconds that they leave out.
func appendInstant(b []byte, t int64) []byte {
	usec := uint64(inRange(t)) / 1000
	return be.AppendUint32(be.AppendUint32(b, uint32(usec/1e6)), uint32(usec%1e6))
}

// interval holds the times of both sides of a record in order and within range, as they go to the wire.
type interval struct {
	src, dst       bool // the side had packets
	s0, s1, d0, d1 int64
}

// set fills v, which is zero, with the times to write: a result would be built elsewhere and copied. A record without
// a packet gets one time, so that it has its place.
func (v *interval) set(r *flow.Record) {
	s, d := &r.Side[0], &r.Side[1]
	v.src, v.dst = s.Packets > 0, d.Packets > 0
	if v.src || !v.dst {
		first, last := inRange(s.First), inRange(s.Last)
		v.s0, v.s1 = min(first, last), max(first, last)
	}
	if v.dst {
		first, last := inRange(d.First), inRange(d.Last)
		v.d0, v.d1 = min(first, last), max(first, last)
	}
	if !v.src && !v.dst {
		if v.s1 == 0 {
			v.s1 = inRange(r.Start)
		}
		v.s0 = v.s1
	}
}

// begin returns the earliest time, as it goes to the wire.
func (v *interval) begin() int64 {
	switch {
	case !v.dst:
		return v.s0
	case !v.src:
		return v.d0
	}
	return min(v.s0, v.d0)
}

// appendTime chooses the shortest of the forms that every reader knows (section 2.3).
func appendTime(b []byte, v *interval) []byte {
	const usec = 0x18
	switch {
	case v.src && v.dst && v.s0/1000 == v.s1/1000 && v.d0/1000 == v.d1/1000:
		b = append(b, dsrTime, 0x2a, usec, 5)
		return appendInstant(appendInstant(b, v.s0), v.d0)
	case v.src && v.dst:
		b = append(b, dsrTime, 0x7a, usec, 9)
		b = appendInstant(appendInstant(b, v.s0), v.s1)
		return appendInstant(appendInstant(b, v.d0), v.d1)
	case v.dst:
		b = append(b, dsrTime, 0x62, usec, 5)
		return appendInstant(appendInstant(b, v.d0), v.d1)
	case v.s0/1000 == v.s1/1000:
		b = append(b, dsrTime, 0x09, usec, 3)
		return appendInstant(b, v.s0)
	}
	b = append(b, dsrTime, 0x1a, usec, 5)
	return appendInstant(appendInstant(b, v.s0), v.s1)
}

// appendMetric writes packets, bytes and application bytes in the smallest width that holds them (section 2.4).
func appendMetric(b []byte, side *[2]flow.Side) []byte {
	sides, which := side[:], byte(0)
	switch {
	case side[1].Packets|side[1].Bytes|side[1].Payload == 0:
		sides, which = side[:1], 4
	case side[0].Packets|side[0].Bytes|side[0].Payload == 0:
		sides, which = side[1:], 8
	}
	var widest uint64
	for i := range sides {
		widest |= sides[i].Packets | sides[i].Bytes | sides[i].Payload
	}
	start, width := len(b), byte(0)
	switch {
	case widest < 1<<8:
		width = 1
	case widest < 1<<16:
		width = 2
	case widest < 1<<32:
		width = 3
	default:
		width = 4
	}
	b = append(b, dsrMetric, 4, which+width, 0)
	for i := range sides {
		s := &sides[i]
		b = appendWidth(appendWidth(appendWidth(b, s.Packets, width), s.Bytes, width), s.Payload, width)
	}
	b = pad(b, start)
	b[start+3] = byte((len(b) - start) / 4)
	return b
}

func appendWidth(b []byte, v uint64, width byte) []byte {
	switch width {
	case 1:
		return append(b, byte(v))
	case 2:
		return binary.BigEndian.AppendUint16(b, uint16(v))
	case 3:
		return binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return binary.BigEndian.AppendUint64(b, v)
}

// appendLabelDSR writes at most maxLabel bytes, cut between characters (section 2.13).
func appendLabelDSR(b, label []byte) []byte {
	if len(label) > maxLabel {
		n := maxLabel
		for n > maxLabel-utf8.UTFMax && !utf8.RuneStart(label[n]) {
			n--
		}
		label = label[:n]
	}
	start := len(b)
	b = append(b, dsrLabel, 0, 0, byte(1+(len(label)+3)/4))
	return pad(append(b, label...), start)
}
