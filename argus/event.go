package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// Event is a text that a host sends beside its flows, as raevent prints it (section 2.15).
type Event struct {
	Cause      flow.Cause
	Start, End int64  // ns since 1970: what the text speaks of
	Data       []byte // "prog=NAME\n" and the text, at most 65528 bytes
}

// eventInterface is the interface name that event records carry.
const eventInterface = "evt0"

// AppendEvent appends an event record. Data beyond the limit is cut off.
func (e *Encoder) AppendEvent(b []byte, ev *Event) []byte {
	start := len(b)
	b = append(b, typeEvent|e.version(), byte(ev.Cause)&0xf0, 0, 0)
	return closeRecord(appendEventBody(e.appendTransport(b, eventInterface), ev, start), start)
}

// appendEventBody writes what follows the sensor's identity in the record that begins at start.
func appendEventBody(b []byte, ev *Event, start int) []byte {
	b = append(b, dsrTime, 0x1a, 0x18, 5)
	b = appendInstant(appendInstant(b, ev.Start), ev.End)
	data := ev.Data[:min(len(ev.Data), maxData)]
	b = append(b, dsrUserData, 0x90)
	b = be.AppendUint16(b, uint16(2+(len(data)+3)/4))
	b = be.AppendUint16(be.AppendUint16(b, uint16(len(data))), uint16(len(data)))
	return pad(append(b, data...), start)
}
