package flow

// entry is one open flow: 256 octets, no pointer. What every packet reads and writes comes first.
type entry struct {
	key   packed
	links [queues]links
	tcp   uint32 // number of its TCP state, none for other protocols
	slot  uint8  // of the wheel
	class class
	state state

	side [2]side // [0] from the initiator

	id        uint64
	start     int64 // the flow's first packet, capture time
	seen      int64 // the last packet, by the table's own clock
	begun     int64 // the interval's first packet, by the table's own clock; valid with unreported packets
	hash      uint32
	typ       uint16 // Key.Type of the first packet
	etherType uint16
	srcMAC    [6]byte
	dstMAC    [6]byte
	initiator Initiator
}

// state is a set of facts about an entry.
type state uint16

const (
	swapped    state = 1 << iota // the initiator is the second end of the packed key
	reported                     // it has given a record
	unreported                   // it has packets that no record told of
	sawSrc                       // packets came from the initiator
	sawDst                       // packets came from the other side (sawSrc<<1)
	answered                     // it stands in the queue of flows worth keeping
	touched                      // packets came since it was queued for eviction
	hasMAC                       // srcMAC, dstMAC and etherType are set
	closed                       // the protocol closed it
)

// side is one direction of an entry in the current interval.
type side struct {
	bytes, ip, payload uint64
	first, last        int64
	packets            uint32
	mpls               uint32
	encaps             uint32
	ipid, vlan         uint16
	ttl, tos           uint8
	options            uint8 // the IPOption bits fit
	has                uint8
}

// The bits of side.has.
const (
	sideVLAN = 1 << iota
	sideMPLS
	sideFragments
)

func (s *side) add(p *Packet) {
	if s.packets == 0 {
		*s = side{first: p.Time, last: p.Time}
	}
	s.first, s.last = min(s.first, p.Time), max(s.last, p.Time)
	s.packets += p.Segments
	s.bytes += uint64(p.FrameLen)
	s.ip += uint64(p.IPLen)
	s.payload += uint64(p.PayloadLen)
	s.ttl, s.tos, s.ipid = p.TTL, p.TOS, p.IPID
	s.options |= uint8(p.IPOptions)
	s.encaps |= uint32(p.Encaps)
	if p.Has&(HasVLAN|HasMPLS|HasFragment) != 0 {
		s.addRare(p)
	}
}

func (s *side) addRare(p *Packet) {
	if p.Has&HasVLAN != 0 {
		s.vlan, s.has = p.VLAN, s.has|sideVLAN
	}
	if p.Has&HasMPLS != 0 {
		s.mpls, s.has = p.MPLS, s.has|sideMPLS
	}
	if p.Has&HasFragment != 0 {
		s.has |= sideFragments
	}
}

func (s *side) record(r *Side) {
	*r = Side{
		Packets: uint64(s.packets), Bytes: s.bytes, IPBytes: s.ip, Payload: s.payload,
		First: s.first, Last: s.last, TTL: s.ttl, TOS: s.tos, IPID: s.ipid,
		VLAN: s.vlan, HasVLAN: s.has&sideVLAN != 0,
		MPLS: s.mpls, HasMPLS: s.has&sideMPLS != 0,
		Fragments: s.has&sideFragments != 0,
		IPOptions: uint32(s.options), Encaps: Encaps(s.encaps),
	}
}

// record fills r with what e has to report and begins a new interval.
func (t *Table) record(e *entry, r *Record, cause Cause, end End) {
	if e.state&reported == 0 {
		cause = CauseStart
	}
	r.Key = e.key.unpack(e.state&swapped != 0, e.typ)
	r.ID, r.Start, r.Cause, r.End, r.Initiator = e.id, e.start, cause, end, e.initiator
	r.HasMAC = e.state&hasMAC != 0
	r.SrcMAC, r.DstMAC, r.EtherType = e.srcMAC, e.dstMAC, e.etherType
	e.side[0].record(&r.Side[0])
	e.side[1].record(&r.Side[1])
	r.TCP = TCP{} // a TCP flow of later fragments alone has no state
	if e.tcp != none {
		t.tcps.at(e.tcp).record(&r.TCP)
	}
	e.side = [2]side{}
	e.state = e.state&^unreported | reported
	t.stats.Records++
}
