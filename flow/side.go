package flow

// side is what one direction of a flow did in the current interval: 64 octets, a cache line.
type side struct {
	bytes, ip, payload uint64
	first              int64 // capture time of the first packet
	packets            uint32
	encaps             uint32
	intervals          uint32 // number of its intervals, none before the second packet
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
)

// count adds p, which came from side dir of flow e, to the interval. active tells what the time since the packet before
// is counted as.
func (t *Table) countSide(e *entry, dir int, p *Packet, active bool) {
	n := e.side[dir]
	fresh := n == none
	if fresh {
		n = t.sides.alloc()
		e.side[dir] = n
		s := t.sides.at(n)
		s.first, s.intervals, s.minSize = p.Time, none, 0xffff
	}
	s := t.sides.at(n)
	s.add(p)
	gap := p.Time - e.last[dir]
	switch {
	case !fresh && gap < 0: // captures merged from several interfaces
		s.first = min(s.first, p.Time)
		gap = 0
	case fresh && (e.state&(sawSrc<<dir) == 0 || gap < 0 || gap > 2*t.status):
		e.last[dir] = p.Time
		return
	default:
		e.last[dir] = p.Time
	}
	if s.intervals == none {
		s.intervals = t.intervals.alloc()
	}
	t.intervals.at(s.intervals).of(active).add(gap)
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
		size -= p.PayloadLen - (p.PayloadLen+p.Segments-1)/p.Segments
	}
	s.minSize, s.maxSize = min(s.minSize, uint16(min(size, 0xffff))), max(s.maxSize, uint16(min(size, 0xffff)))
	s.sizes.add(sizeBin(size), p.Segments)
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
	n := e.side[dir]
	if n == none {
		r.Side[dir] = Side{Data: r.Side[dir].Data[:0]}
		return
	}
	s, data := t.sides.at(n), r.Side[dir].Data[:0]
	r.Side[dir] = Side{
		Packets: uint64(s.packets), Bytes: s.bytes, IPBytes: s.ip, Payload: s.payload,
		First: s.first, Last: e.last[dir], TTL: s.ttl, TOS: s.tos, IPID: s.ipid,
		VLAN: s.vlan, HasVLAN: s.has&sideVLAN != 0,
		HasMPLS:   s.has&sideMPLS != 0,
		Fragments: s.has&sideFragments != 0,
		IPOptions: uint32(s.options), Encaps: Encaps(s.encaps),
		MinSize: s.minSize, MaxSize: s.maxSize, Sizes: s.sizes.scaled(),
		Data: data,
	}
	r.EstimatedSegments = r.EstimatedSegments || s.has&sideEstimated != 0
	if s.intervals != none {
		i := t.intervals.at(s.intervals)
		r.Side[dir].Active, r.Side[dir].Idle = i.active.scaled(), i.idle.scaled()
		t.intervals.free(s.intervals)
	}
	t.sides.free(n)
	e.side[dir] = none
}
