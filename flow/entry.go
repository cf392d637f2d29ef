package flow

// entry is what a table knows of an open flow for as long as it is open: 128 octets, two cache lines, no pointer.
// The first line and the numbers after it are what every packet reads or writes. What tells of the interval of one
// record stands in sides, which exist only while the flow has packets that no record told of.
type entry struct {
	key   packed
	last  [2]int64 // capture time of each side's last packet, once it had one
	seen  uint32   // coarse time of the last packet, by the table's clock
	begun uint32   // coarse time of the interval's first packet, valid with unreported packets

	side  [2]uint32 // numbers of the sides of the interval, none without packets; [0] from the initiator
	tcp   uint32    // number of the TCP state, none for other protocols
	extra uint32    // number of what few flows have, none without
	state state
	class class
	slot  uint8 // of the wheel

	typ       uint16 // Key.Type of the first packet
	etherType uint16
	mac       [2][6]byte // the first one seen of each end, zero when none was
	serial    uint32
	start     int64 // the flow's first packet, capture time
	links     [queues]links
}

// state is a set of facts about an entry.
type state uint16

const (
	swapped  state = 1 << iota // the initiator is the second end of the packed key
	reported                   // it has given a record
	sawSrc                     // packets came from the initiator
	sawDst                     // packets came from the other side (sawSrc<<1)
	answered                   // it stands in the queue of flows worth keeping
	touched                    // packets came since it was queued for eviction
	hasMAC                     // mac and etherType are set
	multiMAC                   // other hardware addresses came later
	closed                     // the protocol closed it
	dataSrc                    // payload came from the initiator, not over TCP
	dataDst                    // payload came from the other side (dataSrc<<1)
	dstFirst                   // the other side sent payload first
)

// initiatorShift is where an entry's Initiator stands, above the facts: three bits.
const initiatorShift = 13

// coarseShift makes coarse time of nanoseconds: 2^16 ns, which wraps after 78 hours.
const coarseShift = 16

// identityShift makes the half of a flow's identity that tells flows of one number apart: 2^36 ns, 69 s, in which no table begins
// 2^32 flows. Identities of flows that begin together differ little, which saves three octets a record where they are compressed.
const identityShift = 36

// coarse returns ts in the unit in which entries keep their own times: differences are modulo 2^32.
func coarse(ts int64) uint32 { return uint32(ts >> coarseShift) }

// unreported tells whether e has packets that no record told of.
func (e *entry) unreported() bool { return e.side[0]&e.side[1] != none }

// direction returns the side of e that a packet came from, given whether it runs against the packed key.
func (e *entry) direction(reversed bool) int {
	if reversed != (e.state&swapped != 0) {
		return 1
	}
	return 0
}

func (s state) initiator() Initiator { return Initiator(s >> initiatorShift) }

// remember keeps the hardware addresses of a packet from side dir, and notes when later ones are others.
func (e *entry) remember(p *Packet, dir int) {
	switch {
	case p.Has&HasMAC == 0:
	case e.state&hasMAC == 0:
		e.state |= hasMAC
		e.mac[dir], e.mac[1-dir], e.etherType = p.SrcMAC, p.DstMAC, p.EtherType
	case e.mac[dir] != p.SrcMAC || e.mac[1-dir] != p.DstMAC:
		e.rememberEnd(p.SrcMAC, dir)
		e.rememberEnd(p.DstMAC, 1-dir)
	}
}

// rememberEnd takes the address of one end where it differs. A link header may have none: a Linux cooked one has the
// sender's alone.
func (e *entry) rememberEnd(mac [6]byte, dir int) {
	switch {
	case mac == [6]byte{} || mac == e.mac[dir]:
	case e.mac[dir] == [6]byte{}:
		e.mac[dir] = mac
	default:
		e.state |= multiMAC
	}
}

// countData notes which side of a flow without connection sent payload, and which one first.
func (e *entry) countData(dir int) {
	if dir == 1 && e.state&dataSrc == 0 {
		e.state |= dstFirst
	}
	e.state |= dataSrc << dir
}

// datagrams fills h with the history of a UDP flow: each side's first payload.
func (e *entry) datagrams(h *History) {
	*h = History{}
	if e.class != classUDP {
		return
	}
	letters, senders := "Dd", 0
	if e.state&dstFirst != 0 {
		letters = "dD"
	}
	if e.state&dataSrc != 0 {
		senders++
	}
	if e.state&dataDst != 0 {
		senders++
	}
	copy(h[:], letters[:senders])
}

// record fills r with what e has to report, and ends the interval.
func (t *Table) record(e *entry, r *Record, cause Cause, end End) {
	if e.state&reported == 0 {
		cause = CauseStart
	}
	e.key.unpack(&r.Key, e.state&swapped != 0, e.typ)
	r.EstimatedSegments = false
	for dir := range e.side {
		t.endSide(e, dir, r)
	}
	if e.state&reported == 0 { // captures merged from several interfaces: not the first packet added was the earliest
		first, _ := r.Span()
		e.start = min(e.start, first)
	}
	r.ID = t.ids + uint64(e.start>>identityShift)<<32 + uint64(e.serial)
	r.Start, r.Cause, r.End, r.Initiator = e.start, cause, end, e.state.initiator()
	r.HasMAC, r.MultiMAC = e.state&hasMAC != 0, e.state&multiMAC != 0
	r.SrcMAC, r.DstMAC, r.EtherType = e.mac[0], e.mac[1], e.etherType
	t.recordExtra(e, r)
	e.datagrams(&r.History)
	r.TCP = TCP{} // a TCP flow of later fragments alone has no state
	if e.tcp != none {
		t.tcps.at(e.tcp).record(r, &t.tcps)
	}
	e.state |= reported
	t.stats.Records++
}
