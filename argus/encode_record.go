package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// AppendRecord appends a decoded record of any sensor once more, in the version of e and otherwise with all that is its own: of the
// encoder it takes nothing else. What came off a stream (Raw is there) is taken over DSR by DSR, also what we do not understand; what
// was changed or merged since, with Raw nil, is written from its fields. In v3 the sensor gets the 4 octets of MonitorV3 and loses its
// interface; records of flows, events and management have a place there, of others nothing is appended.
func (e *Encoder) AppendRecord(b []byte, r *Record) []byte {
	switch {
	case r.Raw != nil:
		return e.transcode(b, r)
	case r.Kind == KindFlow:
		return e.appendFields(b, r)
	case r.Kind == KindManagement:
		return e.appendManagement(b, &r.Management, r.Monitor)
	case r.Kind == KindEvent:
		return e.appendEvent(b, &r.Event, r)
	}
	return b
}

// appendFields writes a flow record from its fields.
func (e *Encoder) appendFields(b []byte, r *Record) []byte {
	start, f := len(b), &r.Flow
	kind := byte(typeFlow)
	switch {
	case r.Has&HasNetFlow != 0:
		kind = typeNetFlow
	case r.Has&HasConverted != 0:
		kind = typeAnyFlow
	}
	b = append(b, e.recordType(kind)|e.version(), byte(r.Cause)&0xf0, 0, 0)
	b = e.appendOwn(b, r)
	if f.Family == flow.FamilyWLAN {
		b = appendWLAN(b, r)
	}
	var v interval
	v.set(f)
	b = e.appendBody(b, f, &v, r.Has, &r.Added)
	if r.Has&HasHash != 0 {
		b = append(b, dsrHash, 0, 0, 3)
		b = be.AppendUint32(be.AppendUint32(b, r.Hash), r.HashIndex)
	}
	b = e.appendAdded(b, r)
	if len(r.Label) > 0 {
		b = appendLabelDSR(b, r.Label)
	}
	if r.Extension() {
		b = appendExtension(b, f, &v)
	}
	return closeRecord(b, start)
}

// appendOwn writes the transport DSR of a record's own identity, or none.
func (e *Encoder) appendOwn(b []byte, r *Record) []byte {
	if r.Monitor.len() == 0 && r.Has&HasSequence == 0 {
		return b
	}
	return e.appendIdentity(b, r.Monitor, r.Interface, r.Sequence, r.Has&HasSequence != 0)
}

// appendEvent writes an event record of r's sensor.
func (e *Encoder) appendEvent(b []byte, ev *Event, r *Record) []byte {
	start := len(b)
	b = append(b, typeEvent|e.version(), byte(ev.Cause)&0xf0, 0, 0)
	return closeRecord(appendEventBody(e.appendOwn(b, r), ev, start), start)
}
