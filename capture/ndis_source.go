package capture

// ndisSource puts the frames of one adapter together.
type ndisSource struct {
	q    *queue
	lost uint64

	lower     uint32 // the layer whose frames are taken
	lowerTime int64  // of its latest frame, as in traceEvent
	part      [2]part
}

// part is a frame of which not all fragments have come. Windows from 8.1 on has one event a frame.
type part struct {
	open   bool
	note   note
	length uint64
	data   []byte // its beginning
}

// otherLayer is how long the layer whose frames are taken must have been silent before another one takes its place, 100 ns.
const otherLayer = 1e7

// take takes a fragment. The driver may be asked, by another session than ours, to show each frame at several layers: one is enough.
func (s *ndisSource) take(f *fragment, e *traceEvent) {
	if since := e.time - s.lowerTime; f.lower != s.lower && s.lowerTime != 0 && since >= 0 && since < otherLayer {
		return
	}
	s.lower, s.lowerTime = f.lower, e.time
	n := note{at: unixNano(e.time), link: LinkEthernet, outgoing: e.keywords&ndisSend != 0}
	n.notVerified = n.outgoing // the adapter computes it
	switch {
	case e.keywords&ndisNative80211 != 0:
		n.link = LinkWLAN
	case e.keywords&ndisWirelessWAN != 0:
		n.link = LinkRaw
	}
	p := &s.part[0]
	if n.outgoing {
		p = &s.part[1]
	}
	first, last := e.keywords&ndisStart != 0, e.keywords&ndisEnd != 0
	if !first && !last && !p.open {
		first, last = true, true // an event without either keyword is a frame of its own
	}
	switch {
	case first:
		if p.open {
			s.q.drop(1)
		}
		p.open, p.note, p.length, p.data = true, n, 0, p.data[:0]
	case !p.open:
		s.q.drop(1)
		return
	}
	s.add(p, f.data, last)
}

// add adds a fragment to a frame, which is whole with the last one.
func (s *ndisSource) add(p *part, data []byte, last bool) {
	p.length += uint64(len(data))
	if p.length > maxNDISFrame {
		p.open = false
		s.q.drop(1)
		return
	}
	if last && p.length == uint64(len(data)) && p.note.link != LinkWLAN { // the only one, as nearly always
		p.open, p.note.length = false, uint32(p.length)
		s.q.put(&p.note, data)
		return
	}
	p.data = append(p.data, data[:min(len(data), s.q.snap-len(p.data))]...)
	if !last {
		return
	}
	if p.note.link == LinkWLAN && len(p.data) > 1 {
		p.data[1] &^= 0x40 // "protected": the driver shows frames decrypted
	}
	p.open, p.note.length = false, uint32(p.length)
	s.q.put(&p.note, p.data)
}
