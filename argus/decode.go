package argus

import (
	"bytes"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// raw is what a record says before all of it is known: the meaning of some words hangs on later DSRs.
type raw struct {
	times  times
	next   [2]uint32 // TCP: highest sequence number as written
	ack    [2]uint32
	behind [2]uint32 // our extension: by how much the acknowledgement is less than the rest of the record lets expect
	flags  [2]uint8  // TCP flags of the interval
	turned bool      // the sides stand the other way round
	ext    []byte
}

// decode fills r with the record b, which is whole and at least four bytes.
func (r *Record) decode(b []byte) {
	*r = Record{Version: Version(b[0] & 0x0f), Cause: flow.Cause(b[1] & 0xf0), Raw: b}
	switch b[0] & 0xf0 {
	case typeManagement:
		r.management(b)
		return
	case typeFlow:
		r.Kind = KindFlow
	case typeNetFlow:
		r.Kind, r.Has = KindFlow, HasNetFlow
	case typeAnyFlow:
		r.Kind, r.Has = KindFlow, HasConverted
	case typeEvent:
		r.Kind = KindEvent
	default:
		r.Kind = KindOther
	}
	var w raw
	r.dsrs(b[4:], &w)
	switch r.Kind {
	case KindFlow:
		r.finish(&w)
	case KindEvent:
		r.Event.Cause = r.Cause
		r.Event.Start, r.Event.End = w.times[0].first, w.times[0].last
	}
}

// dsrs walks the DSRs of a record (section 1.2). One that claims more than there is ends the walk.
func (r *Record) dsrs(b []byte, w *raw) {
	for len(b) >= 4 {
		n := dsrLen(b)
		if n == 0 || n > len(b) {
			r.Unknown++
			return
		}
		if !r.dsr(b[:n], w) {
			r.Unknown++
		}
		b = b[n:]
	}
}

// dsrLen returns the octets that a DSR claims, b being four of it or more.
func dsrLen(b []byte) int {
	switch {
	case b[0]&0x80 != 0: // immediate
		return 4
	case b[0] == dsrUserData && b[1]&0x80 != 0:
		return int(be.Uint16(b[2:])) * 4
	}
	return int(b[3]) * 4
}

// dsr takes one DSR in; false: it was not understood.
func (r *Record) dsr(b []byte, w *raw) bool {
	sub, qualifier, d := b[1], b[2], b[4:]
	switch {
	case b[0] == dsrTransport:
		return r.transport(sub, qualifier, d)
	case b[0] == dsrTime:
		return w.times.decode(sub, qualifier, d)
	case b[0] == dsrUserData && r.Kind == KindEvent:
		return r.eventData(sub, d)
	case r.Kind == KindFlow:
		return r.flowDSR(b, w)
	}
	r.Skipped++
	return true
}

func (r *Record) flowDSR(b []byte, w *raw) bool {
	sub, qualifier, d := b[1], b[2], b[4:]
	switch b[0] {
	case dsrFlow:
		return r.key(sub, qualifier, d, w)
	case dsrMetric:
		return decodeMetric(&r.Flow.Side, sub, qualifier, d)
	case dsrNet:
		return r.net(sub, qualifier, d, w)
	case dsrICMP:
		return r.icmpMapping(qualifier, d)
	case dsrIPAttr:
		return r.ipAttributes(qualifier, d)
	case dsrJitter:
		return decodeJitter(&r.Flow.Side, qualifier, d)
	case dsrPacketSize:
		return decodeSizes(&r.Flow.Side, sub, qualifier, d)
	case dsrUserData:
		return r.userData(sub, d)
	case dsrBehaviour:
		return r.behaviour(d)
	case dsrHash:
		return r.hash(d)
	case dsrLabel:
		r.Label, _, _ = bytes.Cut(d, []byte{0})
		return true
	case dsrExtension:
		if !isLayout2(b) && !isExtension(b) {
			return false
		}
		w.ext = b
		return true
	}
	return r.linkDSR(b)
}

// linkDSR takes in what stands below and around IP.
func (r *Record) linkDSR(b []byte) bool {
	switch qualifier, d := b[2], b[4:]; b[0] {
	case dsrVLAN:
		return decodeVLAN(&r.Flow.Side, qualifier, d)
	case dsrMPLS:
		return decodeMPLS(&r.Flow.Side, qualifier, d)
	case dsrMAC:
		return r.mac(qualifier, d)
	case dsrEncaps:
		return decodeEncaps(&r.Flow.Side, d)
	case dsrGRE, dsrVXLAN, dsrGeneve:
		return decodeTunnel(&r.Flow.Tunnel, b[0], d)
	}
	return r.addedDSR(b)
}

// addedDSR takes in what clients add to flow records.
func (r *Record) addedDSR(b []byte) bool {
	switch d := b[4:]; b[0] {
	case dsrAS:
		return r.autonomousSystems(d)
	case dsrCountry:
		return r.country(d)
	case dsrGeo:
		return r.positions(b[2], d)
	case dsrLocal:
		return r.locality(d)
	case dsrScore:
		return r.score(d)
	case dsrAggregate:
		return r.Added.Aggregate.decode(r.Version, d)
	case dsrCorrelate:
		return r.Added.Correlate.decode(d)
	}
	return false
}

// transport takes the sensor's identity and the sequence number (section 2.1).
func (r *Record) transport(sub, qualifier uint8, d []byte) bool {
	if sub&1 != 0 {
		r.Monitor.set(qualifier&^0x10, d)
		d = d[r.Monitor.len():]
		if r.Monitor.Kind == 0 {
			return false
		}
		if qualifier&0x10 != 0 {
			if len(d) < 4 {
				return false
			}
			d = d[copy(r.Interface[:], d):]
		}
	}
	if sub&2 != 0 && len(d) >= 4 {
		r.Sequence = be.Uint32(d)
		r.Has |= HasSequence
	}
	return true
}

// eventData takes the text of an event record (section 2.15). Of a packed one the counts are those of the text.
func (r *Record) eventData(sub uint8, d []byte) bool {
	if len(d) < 4 {
		return false
	}
	count, data := be.Uint16(d[2:]), d[4:]
	r.Event.Data, r.Event.Packed, r.Event.Size = nil, nil, 0
	if sub&packed != 0 {
		r.Event.Packed, r.Event.Size = data, count
	} else {
		r.Event.Data = data[:min(int(count), len(data))]
	}
	return true
}

// finish settles what hangs on several DSRs.
func (r *Record) finish(w *raw) {
	f := &r.Flow
	f.Cause = r.Cause
	w.times.settle(f)
	if w.turned {
		r.turn()
	}
	if r.Has&HasTCP != 0 {
		for i := range f.TCP.Side {
			f.TCP.Side[i].Interval, f.TCP.Side[i].Flags = w.flags[i], w.flags[i]
		}
	}
	if w.ext != nil {
		r.extension(w.ext, w)
	} else {
		first, _ := f.Span()
		f.Start = first
	}
	if r.Has&HasTCPPerf != 0 {
		for i := range f.TCP.Side {
			r.Gap[i] = r.gap(&f.TCP.Side[i], w.next[i])
			r.sequence(&f.TCP.Side[i], w.next[i], w.ack[i])
		}
	}
	if w.ext != nil && !isLayout2(w.ext) {
		s, d := &f.TCP.Side[0], &f.TCP.Side[1]
		s.Ack, d.Ack = acknowledged(s, d)-w.behind[0], acknowledged(d, s)-w.behind[1]
	}
	if !f.HasMAC && w.ext == nil && f.Family == flow.FamilyEthernet {
		f.EtherType = f.Type
	}
}

// turn exchanges what the two sides of a record without ports have said.
func (r *Record) turn() {
	f := &r.Flow
	f.Side[0], f.Side[1] = f.Side[1], f.Side[0]
	f.Side[0].Encaps, f.Side[1].Encaps = f.Side[1].Encaps, f.Side[0].Encaps
	f.SrcMAC, f.DstMAC = f.DstMAC, f.SrcMAC
	r.Has = r.Has&^(HasSrc|HasDst) | r.Has&HasSrc<<1 | r.Has&HasDst>>1
}

// gap returns the octets of data that a side's sequence numbers have room for and nobody saw; next leaves out the FIN. The
// SYN takes a number too, as does what stands before the first segment of a connection whose begin was not seen.
func (r *Record) gap(s *flow.TCPSide, next uint32) int32 {
	n := int32(next - s.Base - s.Payload)
	if n == 1 || n > 1 && (s.Interval&flow.SYN != 0 || r.Cause == flow.CauseStart) {
		n--
	}
	return n
}

// sequence puts the FIN and the acknowledged octet back on that the wire leaves out.
func (r *Record) sequence(s *flow.TCPSide, next, ack uint32) {
	s.Next, s.Ack = next, ack
	if s.Flags&flow.FIN != 0 {
		s.Next++
	}
	if s.Flags&flow.ACK != 0 || !r.Extension() && ack != 0 {
		s.Ack++
	}
}
