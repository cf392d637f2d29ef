package flow

// side is what one direction of a flow did in the current interval: 64 octets, a cache line.
type side struct {
	bytes, ip, payload uint64
	first              int64 // capture time of the first packet
	packets            uint32
	encaps             uint32
	spread             uint32 // number of its first spread, none before the second packet
	minSize, maxSize   uint16
	ipid, vlan         uint16
	ttl, tos           uint8
	options            uint8 // the IPOption bits fit
	has                uint8
	sizes              bins
}

// The bits of side.has.
const (
	sideVLAN = 1 << iota
	sideMPLS
	sideFragments
	sideEstimated // packets were reckoned from payload and MSS
	sideActive    // spread is that of active times
)

// countSide adds p, which came from side dir of flow e, to the interval. active tells what the time since the packet before
// is counted as.
func (t *Table) countSide(e *entry, dir int, p *Packet, active bool) {
	n := e.side[dir]
	fresh := n == none
	if fresh {
		n = t.sides.alloc()
		e.side[dir] = n
		s := t.sides.at(n)
		s.first, s.spread, s.minSize = p.Time, none, 0xffff
		if t.data.limit > 0 {
			t.data.begin(n)
		}
	}
	s := t.sides.at(n)
	s.add(p)
	if t.data.limit > 0 {
		t.data.add(n, p.Payload)
	}
	gap := p.Time - e.last[dir]
	switch {
	case !fresh && gap < 0: // captures merged from several interfaces
		s.first = min(s.first, p.Time)
		gap = 0
	case fresh && (e.state&(sawSrc<<dir) == 0 || gap < 0 || gap >= 2*t.status):
		e.last[dir] = p.Time
		return
	default:
		e.last[dir] = p.Time
	}
	t.spreadOf(s, active).add(gap)
}

func (s *side) add(p *Packet) {
	s.packets += p.Segments
	s.bytes += uint64(p.FrameLen)
	s.ip += uint64(p.IPLen)
	s.payload += uint64(p.PayloadLen)
	s.ttl, s.tos, s.ipid = p.TTL, p.TOS, p.IPID
	s.options |= uint8(p.IPOptions)
	s.encaps |= uint32(p.Encaps)
	size := p.FrameLen
	if p.Segments > 1 { // the size that the segments have on the wire
		if p.Has&HasSegments == 0 {
			s.has |= sideEstimated
		}
		if others := p.PayloadLen - (p.PayloadLen+p.Segments-1)/p.Segments; others < size {
			size -= others
		}
	}
	s.minSize, s.maxSize = min(s.minSize, uint16(min(size, 0xffff))), max(s.maxSize, uint16(min(size, 0xffff)))
	s.sizes.add(sizeBin(size), p.Segments, s.packets)
	if p.Has&(HasVLAN|HasMPLS|HasFragment) != 0 {
		s.addRare(p)
	}
}

func (s *side) addRare(p *Packet) {
	if p.Has&HasVLAN != 0 {
		s.vlan, s.has = p.VLAN, s.has|sideVLAN
	}
	if p.Has&HasMPLS != 0 {
		s.has |= sideMPLS
	}
	if p.Has&HasFragment != 0 {
		s.has |= sideFragments
	}
}

// endSide moves what side dir of e has to report to r and frees it.
func (t *Table) endSide(e *entry, dir int, r *Record) {
	out := &r.Side[dir]
	data := out.Data[:0]
	*out = Side{}
	out.Data = data
	n := e.side[dir]
	if n == none {
		return
	}
	s := t.sides.at(n)
	s.record(out)
	out.Last = e.last[dir]
	r.EstimatedSegments = r.EstimatedSegments || s.has&sideEstimated != 0
	t.endSpreads(s, out)
	if t.data.limit > 0 {
		out.Data = t.data.appendTo(data, n)
	}
	t.sides.free(n)
	e.side[dir] = none
}

// record fills r, which is zero, field by field: a literal would be built elsewhere and copied.
func (s *side) record(r *Side) {
	r.Packets, r.Bytes, r.IPBytes, r.Payload = uint64(s.packets), s.bytes, s.ip, s.payload
	r.First = s.first
	r.TTL, r.TOS, r.IPID = s.ttl, s.tos, s.ipid
	r.VLAN, r.HasVLAN = s.vlan, s.has&sideVLAN != 0
	r.HasMPLS = s.has&sideMPLS != 0
	r.Fragments = s.has&sideFragments != 0
	r.IPOptions, r.Encaps = uint32(s.options), Encaps(s.encaps)
	r.MinSize, r.MaxSize = s.minSize, s.maxSize
	r.Sizes = s.sizes.scaled()
}
