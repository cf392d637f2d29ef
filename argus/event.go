package argus

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Event is a text that a host sends beside its flows, as raevent prints it (section 2.15).
type Event struct {
	Cause      flow.Cause
	Start, End int64  // ns since 1970: what the text speaks of
	Data       []byte // "prog=NAME\n" and the text, at most 65528 bytes
	Packed     []byte // instead of Data, from other sensors: the text compressed with zlib; see Text
	Size       uint16 // of the text that is packed
}

// maxText is what a text that came packed may have, in bytes: its size tells no more.
const maxText = 1<<16 - 1

// Text returns the text, unpacked if it came packed. It allocates only then.
func (ev *Event) Text() ([]byte, error) {
	if len(ev.Packed) == 0 {
		return ev.Data, nil
	}
	z, err := zlib.NewReader(bytes.NewReader(ev.Packed))
	if err != nil {
		return nil, fmt.Errorf("text of an event: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxText))
	if err != nil {
		return nil, fmt.Errorf("text of an event: %w", err)
	}
	return text, nil
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
	sub, data, size := byte(0x90), ev.Data, uint16(min(len(ev.Data), maxData))
	if len(ev.Packed) > 0 {
		sub, data, size = sub|packed, ev.Packed, ev.Size
	}
	data = data[:min(len(data), maxData)]
	b = append(b, dsrUserData, sub)
	b = be.AppendUint16(b, uint16(2+(len(data)+3)/4))
	b = be.AppendUint16(be.AppendUint16(b, size), size)
	return pad(append(b, data...), start)
}
