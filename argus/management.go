package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// Status word of a management record: the kind of its id (section 1.3).
const (
	marString    = 0x00200000
	marInt       = 0x00400000
	marIPv6      = 0x00600000
	marIPv4      = 0x00800000
	marUUID      = 0x00a00000
	marKinds     = 0x00e00000
	marInterface = 0x00100000
)

// Management is what a sensor says of itself (sections 1.3 and 3). A stream begins with one of cause START
// and carries one of cause STATUS every Interval: readers of the 3.0 line hang up after twice that time of silence.
type Management struct {
	Cause              flow.Cause // CauseStart, CauseStatus or CauseStop; 0x80 is an error
	Option             uint8      // 8: of radium; of an error 1: access denied, 2: too many clients
	Sequence           uint32     // of the next record
	Start, Now         int64      // ns since 1970; Start is that of the sensor, in STATUS that of the previous record
	LocalNet, NetMask  uint32     // IPv4, of the first interface
	LinkType           uint8      // libpcap DLT; 1 = Ethernet
	LinkStatus         uint8
	FlowInterval       uint16 // seconds between the status records of a flow
	Interval           uint16 // seconds between management records
	Packets, Bytes     uint64 // received since the last management record
	Interfaces, Fallow uint32 // interfaces metered, closed TCP flows remembered
	Records, Flows     uint32 // sent and begun since the last management record
	Dropped            uint32 // packets since the last management record
	Open, Queue        uint32 // flows open, records waiting
	Clients, Buffers   uint32
	Memory             uint32 // bytes
	SrcData, DstData   uint16 // user data bytes captured from each side
}

// AppendManagement appends a management record.
func (e *Encoder) AppendManagement(b []byte, m *Management) []byte {
	return e.appendManagement(b, m, ID{idUUID, e.Monitor})
}

func (e *Encoder) appendManagement(b []byte, m *Management, id ID) []byte {
	b = append(b, typeManagement|e.version(), byte(m.Cause)&0xf0|m.Option&0x0f, 0, marLen/4)
	b = e.appendMarks(b, &id, m.Cause)
	for _, v := range [...]uint32{m.LocalNet, m.NetMask, m.Sequence} {
		b = be.AppendUint32(b, v)
	}
	b = appendInstant(appendInstant(b, m.Start), m.Now)
	b = append(b, e.version(), 0, m.LinkType, m.LinkStatus)
	b = be.AppendUint16(be.AppendUint16(b, m.FlowInterval), m.Interval)
	b = be.AppendUint64(be.AppendUint64(b, m.Packets), m.Bytes)
	for _, v := range [...]uint32{m.Interfaces, m.Fallow, m.Records, m.Flows, m.Dropped, m.Open, m.Queue, m.Clients, m.Buffers, m.Memory} {
		b = be.AppendUint32(b, v)
	}
	b = be.AppendUint16(be.AppendUint16(b, m.SrcData), m.DstData)
	return append(e.appendMonitor(b, &id, m.Cause), 0xff, 0xff, 0xff, 0xff)
}

// idAtCookie tells whether a v3 record of that cause has the id where a stream's first one has the cookie, and none at its end: so
// writes argus 3.0.8.2, and ra prints what stands there.
func idAtCookie(cause flow.Cause) bool { return cause == flow.CauseStatus || cause == flow.CauseStop }

// appendMarks writes the status word, which tells the kind of the id, and the cookie.
func (e *Encoder) appendMarks(b []byte, id *ID, cause flow.Cause) []byte {
	if e.Version == V3 {
		short := id.inV3()
		b = be.AppendUint32(b, marStatus(short.Kind))
		if idAtCookie(cause) {
			return append(b, short.Bytes[:4]...)
		}
		return be.AppendUint32(b, cookieV3)
	}
	return be.AppendUint32(be.AppendUint32(b, marStatus(id.Kind)), cookieV5)
}

// appendMonitor writes the 16 octets of the id; in v3 it stands in the last four, if not at the cookie.
func (e *Encoder) appendMonitor(b []byte, id *ID, cause flow.Cause) []byte {
	if e.Version != V3 {
		return append(b, id.Bytes[:]...)
	}
	var octets [16]byte
	if !idAtCookie(cause) {
		short := id.inV3()
		copy(octets[12:], short.Bytes[:4])
	}
	return append(b, octets[:]...)
}

// transcodeManagement appends the management record of r's octets in the version of e.
func (e *Encoder) transcodeManagement(b []byte, r *Record) []byte {
	start := len(b)
	b = append(b, r.Raw...)
	b[start] = typeManagement | e.version()
	if len(r.Raw) < marLen {
		return b
	}
	e.appendMarks(b[:start+4], &r.Monitor, r.Cause)
	b[start+0x28], b[start+0x29] = e.version(), 0
	e.appendMonitor(b[:start+0x6c], &r.Monitor, r.Cause)
	return b
}

// management decodes a management record; b is the whole of it.
func (r *Record) management(b []byte) {
	r.Kind = KindManagement
	r.Management.Cause, r.Management.Option = r.Cause, b[1]&0x0f
	if len(b) < marLen {
		r.Unknown++
		return
	}
	u16 := func(at int) uint16 { return be.Uint16(b[at:]) }
	u32 := func(at int) uint32 { return be.Uint32(b[at:]) }
	r.Management = Management{
		Cause: r.Cause, Option: b[1] & 0x0f, LocalNet: u32(0x0c), NetMask: u32(0x10), Sequence: u32(0x14),
		Start: instant(u32(0x18), u32(0x1c), 1000), Now: instant(u32(0x20), u32(0x24), 1000),
		LinkType: b[0x2a], LinkStatus: b[0x2b], FlowInterval: u16(0x2c), Interval: u16(0x2e),
		Packets: be.Uint64(b[0x30:]), Bytes: be.Uint64(b[0x38:]), Interfaces: u32(0x40), Fallow: u32(0x44),
		Records: u32(0x48), Flows: u32(0x4c), Dropped: u32(0x50), Open: u32(0x54), Queue: u32(0x58),
		Clients: u32(0x5c), Buffers: u32(0x60), Memory: u32(0x64), SrcData: u16(0x68), DstData: u16(0x6a),
	}
	r.Sequence = r.Management.Sequence
	r.Has |= HasSequence
	r.Monitor.set(marKind(u32(0x04)), b[0x6c:0x7c])
	if r.Version == V3 {
		at := 0x78
		if idAtCookie(r.Cause) && u32(0x08) != cookieV3 { // ours had it at the end in all once
			at = 0x08
		}
		r.Monitor.set(marKind(u32(0x04)), b[at:at+4])
	}
}

// marKind returns the transport DSR's kind of id for the one of a management record's status word.
func marKind(status uint32) uint8 {
	switch status & marKinds {
	case marString:
		return idString
	case marInt:
		return idInt
	case marIPv6:
		return idIPv6
	case marIPv4:
		return idIPv4
	case marUUID:
		return idUUID
	}
	return 0
}

// marStatus returns the status word of a management record for a kind of id.
func marStatus(kind uint8) uint32 {
	switch kind {
	case idString:
		return marString
	case idInt:
		return marInt
	case idIPv6:
		return marIPv6
	case idIPv4:
		return marIPv4
	case idUUID:
		return marUUID | marInterface
	}
	return 0
}
