package flow

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"net/netip"
	"time"
	"unsafe"
)

// Config bounds and times a Table.
type Config struct {
	MaxFlows       int           // open flows; when the table is full the least valuable one is evicted
	StatusInterval time.Duration // an active flow reports this often (ARGUS_FLOW_STATUS_INTERVAL)
	Timeouts       Timeouts      // a flow is forgotten after this silence
	UserData       int           // octets of payload kept of each side in each record; 0: none (ARGUS_CAPTURE_DATA_LEN)

	// Grow is asked before a flow beyond MaxFlows begins: how many may be open from now on. Nil: no more.
	Grow func() (maxFlows int)

	// Local tells whether a is an address of this host, and then whether it listens on TCP port port. It is called when a TCP
	// connection is first seen without its SYN. Nil, as for a file: only the ports tell who began it.
	Local func(a netip.Addr, port uint16) (here, listens bool)
}

// DefaultConfig returns the settings of a sensor that nobody has configured: 64 Ki flows are 14 MB when each is a packet
// of UDP, 22 MB of TCP, 38 MB when all are connections in full swing.
func DefaultConfig() Config {
	return Config{MaxFlows: 1 << 16, StatusInterval: 5 * time.Second}
}

// Stats counts what a Table has done since it was made.
type Stats struct {
	Packets uint64 // frames added
	Bytes   uint64 // their octets on the wire
	Flows   uint64 // flows begun
	Records uint64 // records lent
	Evicted uint64 // flows that had to go because the table was full
	Open    int    // flows open now
	Memory  int    // octets held
}

// Table meets both directions of every flow in one entry. One goroutine owns it.
type Table struct {
	config  Config
	status  int64           // the status interval, ns
	idle    [classes]uint32 // how long a flow of each class is kept without a packet, coarse
	index   index
	hasher  hasher
	entries slab[entry]
	tcps    connections
	sides   slab[side]
	spreads slab[spread]
	extras  slab[extra]
	data    userData
	wheel   wheel
	trimAt  int64 // the time of the wheel to trim the slabs
	waiting queue // by age: flows that were never answered, evicted first
	over    queue // by age: connections that have closed, evicted next
	open    queue // by age: flows with packets both ways, and lasting ones
	frags   fragments

	clock int64 // the table's time: packet time that never runs backwards
	skew  int64 // clock less packet time, not 0 after packet time stepped back

	ready  [2]Record // records that Add had to make, of the flow it met and of one that it evicted; for the next Due
	nready int
	lent   Record // by Due and Flush
	ids    uint64 // added to every flow's identity
	serial uint32 // flows begun, modulo 2^32
	stats  Stats
}

// backstep is how far packet time may run backwards (captures merged from several interfaces do) before it is taken
// for a clock that was set, ns.
const backstep = 10e9

// longestStatus is what coarse time can tell apart, 39 hours in ns.
const longestStatus = math.MaxInt32 << coarseShift

// NewTable returns an empty table.
func NewTable(c Config) *Table {
	t := &Table{
		config: c, status: min(int64(c.StatusInterval), longestStatus), idle: c.Timeouts.byClass(),
		index: newIndex(), wheel: newWheel(),
		waiting: queue{none, none}, over: queue{none, none}, open: queue{none, none},
		data:  userData{limit: min(max(c.UserData, 0), userDataMax)},
		clock: math.MinInt64,
	}
	var seed [8 * 7]byte
	rand.Read(seed[:])
	for i := range t.hasher {
		t.hasher[i] = binary.LittleEndian.Uint64(seed[8*i:]) | 1
	}
	t.ids = binary.LittleEndian.Uint64(seed[48:])
	return t
}

// Add folds one packet in. It reports whether Due has something to give at p.Time: the caller then drains it.
// A later fragment gets the ports of its datagram's first one: p.Key may change.
func (t *Table) Add(p *Packet) (due bool) {
	now := t.tick(p.Time)
	if p.Has&HasFragment != 0 {
		t.frags.join(p, &t.hasher)
	}
	if p.Quote != nil {
		t.mark(p)
	}
	var key packed
	reversed := p.Key.pack(&key)
	hash := t.hasher.hash(&key)
	n, e := t.find(&key, hash)
	reused := false
	if e != nil {
		if open, again := t.settle(n, e, p, reversed, now); !open {
			e, reused = nil, again
		}
	}
	if e == nil {
		n, e = t.begin(p, &key, hash, reversed, now)
		if reused {
			t.tcps.at(e.tcp).status = TCPPortReuse
		}
	}
	t.count(n, e, p, reversed, now)
	t.stats.Packets++
	t.stats.Bytes += uint64(p.FrameLen)
	return t.nready > 0 || now>>tickShift > t.wheel.now
}

// tick advances the table's clock to packet time ts and returns it.
func (t *Table) tick(ts int64) int64 {
	now := ts + t.skew
	if now > t.clock {
		if t.clock == math.MinInt64 {
			t.wheel.now = now >> tickShift
		}
		t.clock = now
	} else if now < t.clock-backstep {
		t.skew += t.clock - now
	}
	return t.clock
}

// find returns the open flow of key, nil when there is none.
func (t *Table) find(key *packed, hash uint32) (uint32, *entry) {
	mask := t.index.mask()
	for i := hash & mask; t.index.slots[i] != 0; i = (i + 1) & mask {
		slot := t.index.slots[i]
		if uint32(slot>>32) != hash {
			continue
		}
		n := uint32(slot) - 1
		if e := t.entries.at(n); e.key.equal(key) {
			return n, e
		}
	}
	return none, nil
}

// settle closes the books of flow n before p is counted: an interval that is over gives its record. It reports whether
// the flow is still open: one that is over goes, because it was silent for too long, or because its tuple was reused
// by a new connection.
func (t *Table) settle(n uint32, e *entry, p *Packet, reversed bool, now int64) (open, reused bool) {
	if coarse(now)-e.seen >= t.idle[e.class] {
		t.finish(n, CauseTimeout, EndIdle)
		return false, false
	}
	if p.TCP.Flags&SYN != 0 && e.tcp != none && p.Has&HasLaterFragment == 0 &&
		t.tcps.at(e.tcp).newConnection(p, e.direction(reversed)) {
		t.finish(n, CauseStop, EndDetected)
		return false, true
	}
	if e.unreported() && coarse(now)-e.begun >= coarse(t.status) {
		t.record(e, &t.ready[t.nready], CauseStatus, EndNone)
		t.nready++
		t.requeue(n, e, t.after(e.seen, t.idle[e.class]))
	}
	return true, false
}

// begin opens a flow with its first packet p.
func (t *Table) begin(p *Packet, key *packed, hash uint32, reversed bool, now int64) (uint32, *entry) {
	if t.stats.Open >= t.config.MaxFlows {
		t.makeRoom()
	}
	n := t.entries.alloc()
	e := t.entries.at(n)
	by, swap := t.config.begins(p)
	e.key, e.typ, e.class, e.state = *key, p.Type, classOf(p), state(by)<<initiatorShift
	if reversed != swap {
		e.state |= swapped
	}
	e.side, e.tcp, e.extra = [2]uint32{none, none}, none, none
	e.start, e.seen, e.serial = p.Time, coarse(now), t.serial
	t.serial++
	if e.class == classTCP {
		e.tcp = t.tcps.alloc()
	}
	t.index.insert(hash, n)
	t.waiting.push(&t.entries, byAge, n)
	t.wheel.put(&t.entries, n, now+t.status)
	t.stats.Flows++
	t.stats.Open++
	return n, e
}

// makeRoom makes room for one flow.
func (t *Table) makeRoom() {
	if t.config.Grow != nil {
		t.config.MaxFlows = max(t.config.MaxFlows, t.config.Grow())
	}
	if t.stats.Open >= t.config.MaxFlows {
		t.evict()
	}
}

// Limit sets how many flows may be open, not below those that are: after Config.Grow gave more than is needed now.
func (t *Table) Limit(maxFlows int) { t.config.MaxFlows = max(maxFlows, t.stats.Open) }

// requeue moves flow n to time due of the wheel.
func (t *Table) requeue(n uint32, e *entry, due int64) {
	t.wheel.take(&t.entries, n)
	t.wheel.put(&t.entries, n, due)
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Memory = t.entries.memory() + t.sides.memory() + t.spreads.memory() + t.tcps.memory() + t.extras.memory() +
		t.data.memory() + 8*len(t.index.slots) + len(t.frags.slots)*int(unsafe.Sizeof(fragmentSlot{}))
	return s
}
