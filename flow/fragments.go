package flow

// fragmentSlots bounds the datagrams whose first fragment is remembered; a power of two.
const fragmentSlots = 512

// fragmentHold is how long a first fragment is remembered, ns (RFC 791 section 3.2 suggests 15 s for reassembly,
// RFC 8200 section 4.5 gives 60 s; Argus holds fragments for 5 s).
const fragmentHold = 30e9

// fragments remembers what the first fragment of a datagram said of its flow, so that the later ones, which carry
// no transport header, are counted there. Two datagrams of one slot displace each other: nothing grows.
type fragments struct {
	slots []fragmentSlot // made when the first fragment comes
}

type fragmentSlot struct {
	src, dst         [16]byte
	id               uint32
	proto            uint8
	family           Family
	srcPort, dstPort uint16
	typ              uint16
	time             int64
}

// join gives a later fragment the ports of its datagram's first fragment, which it remembers when it passes.
func (f *fragments) join(p *Packet, h *hasher) {
	if f.slots == nil {
		f.slots = make([]fragmentSlot, fragmentSlots)
	}
	key := Key{Src: p.Src, Dst: p.Dst, Proto: p.Proto, Family: p.Family}
	var pk packed
	key.pack(&pk)
	pk[4] ^= uint64(p.FragID)
	s := &f.slots[h.hash(&pk)%fragmentSlots]
	if p.Has&HasLaterFragment == 0 {
		*s = fragmentSlot{p.Src, p.Dst, p.FragID, p.Proto, p.Family, p.SrcPort, p.DstPort, p.Type, p.Time}
		return
	}
	if s.id == p.FragID && s.src == p.Src && s.dst == p.Dst && s.proto == p.Proto && s.family == p.Family &&
		p.Time-s.time < fragmentHold && s.time-p.Time < fragmentHold {
		p.SrcPort, p.DstPort, p.Type = s.srcPort, s.dstPort, s.typ
	}
}
