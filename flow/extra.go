package flow

// extra is what few flows have; it lives as long as its flow.
type extra struct {
	tunnel    Tunnel // oriented like the flow
	icmp      ICMPReport
	mpls      [2]uint32 // label stack entry of each side's last packet that had one
	esp       ESP
	responder [6]byte
}

// extraOf returns the extra of e, made when there is none.
func (t *Table) extraOf(e *entry) *extra {
	if e.extra == none {
		e.extra = t.extras.alloc()
	}
	return t.extras.at(e.extra)
}

// countExtra notes what few packets have. p came from side dir of e.
func (t *Table) countExtra(e *entry, p *Packet, dir int) {
	if p.Tunnel != nil && (e.extra == none || t.extras.at(e.extra).tunnel.Encaps == 0) {
		x := t.extraOf(e)
		x.tunnel = *p.Tunnel
		if dir == 1 {
			x.tunnel.Key.turn()
		}
	}
	if p.Has&HasMPLS != 0 {
		t.extraOf(e).mpls[dir] = p.MPLS
	}
	switch {
	case p.Proto == ProtoESP && p.Has&HasLaterFragment == 0:
		fresh := e.extra == none || e.state&(sawSrc|sawDst) == 0
		t.extraOf(e).esp.add(p.ESPSeq, fresh)
	case p.Family == FamilyARP && dir == 1 && e.class == classARP:
		t.extraOf(e).responder = p.Sender
	}
}

// turn makes k the key of the other direction.
func (k *Key) turn() {
	k.Src, k.Dst = k.Dst, k.Src
	if k.portsTurn() {
		k.SrcPort, k.DstPort = k.DstPort, k.SrcPort
	}
}

// espJump is how far a sequence number may be from the last one of its association: RFC 4303 section 3.4.3 wants a
// replay window of 32 to 64 numbers, and who skips more than this has begun anew.
const espJump = 1 << 16

// add follows the sequence numbers of a security association; seq is its first one when fresh.
func (s *ESP) add(seq uint32, fresh bool) {
	switch ahead := int32(seq - s.Last); {
	case fresh || ahead > espJump || ahead < -espJump: // a new association, or its rekeyed peer
		s.Last = seq
	case ahead > 0:
		s.Lost += uint32(ahead) - 1
		s.Last = seq
	case ahead < 0 && s.Lost > 0: // it comes late, if it is no replay
		s.Lost--
	}
}

// mark notes on the flow that an ICMP error message quotes that it was spoken of. A flow that is not known stays so.
// The mark is told by the flow's next record.
func (t *Table) mark(p *Packet) {
	var key packed
	p.Quote.Key.pack(&key)
	_, e := t.find(&key, t.hasher.hash(&key))
	if e == nil {
		return
	}
	t.extraOf(e).icmp = ICMPReport{
		Type: uint8(p.Type >> 8), Code: uint8(p.Type), Family: p.Family, From: p.Src, To: p.Dst, Gateway: p.Quote.Gateway,
	}
}

// recordExtra moves what few flows have to r.
func (t *Table) recordExtra(e *entry, r *Record) {
	r.Tunnel = Tunnel{} // one by one: in one assignment they would be copies
	r.ICMP = ICMPReport{}
	r.ESP, r.Responder = ESP{}, [6]byte{}
	if e.extra == none {
		return
	}
	x := t.extras.at(e.extra)
	r.Tunnel, r.ICMP, r.ESP, r.Responder = x.tunnel, x.icmp, x.esp, x.responder
	for dir := range r.Side {
		if r.Side[dir].HasMPLS {
			r.Side[dir].MPLS = x.mpls[dir]
		}
	}
	x.icmp, x.esp.Lost = ICMPReport{}, 0
}
