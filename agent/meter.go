package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

const (
	flushSize  = 16 << 10        // records go on when they fill this many octets,
	flushAfter = int64(1e9)      // or when the oldest has waited this long, ns
	idleWait   = 5 * time.Minute // the longest sleep of a silent interface: a laptop's battery matters
	leastWait  = 10 * time.Millisecond

	// ringDelay is longer than the kernel keeps a frame before it hands a block that is not full to the reader.
	ringDelay = 250 * time.Millisecond
)

// emitter takes n encoded records, which it may number but not keep.
type emitter func(records []byte, n int) error

// meter turns the frames of one source into records. One goroutine owns it, and everything on the packet's way is a
// plain call: nothing is locked, sent or allocated for a packet.
type meter struct {
	*lease // the flow table
	src    capture.Source
	clocks *clocks // nil for a file
	enc    argus.Encoder
	own    func(src, dst netip.AddrPort) bool // tells the agent's own uplink from other flows; may be nil
	keep   func(*argus.Record) bool           // chooses the records to keep; nil: all
	emit   emitter
	state  func(Counters) // gets a copy of the counters when no frame waits, and once a second while one always does; may be nil
	until  time.Time      // when something that is off may be tried again, in a meter anew; zero for never

	dec     capture.Decoder
	frame   capture.Frame
	packet  flow.Packet
	buf     []byte // records not yet emitted
	n       int
	flushAt int64 // when they must go, in packet time; math.MaxInt64 without any
	clock   int64 // the time of the last packet or of the last look at the clock, ns since 1970, by the steady clock
	told    int64 // when state was last called
	offset  int64 // the wall clock, by which frames are stamped, less the steady one
	slept   int64 // as the clocks said at the last look
	count   Counters

	stopping atomic.Bool
	stopTime time.Time // when the end was asked for, valid with stopping: later frames belong to others
}

// newMeter returns a meter that takes its flows' room from r. local is flow.Config.Local.
func newMeter(c *Config, r *room, local func(netip.Addr, uint16) (here, listens bool), src capture.Source, enc argus.Encoder, emit emitter) *meter {
	enc.FlowHash = c.FlowHash
	table := c.table()
	table.Local = local
	m := &meter{
		lease: newTable(table, r), src: src, enc: enc, emit: emit,
		dec: capture.Decoder{KeepOuter: !c.TunnelParsing, DNSTransactions: c.DNSTransactions},
		buf: make([]byte, 0, flushSize+flushSize/4),
	}
	if c.Filter != "" {
		f, _ := filter.Parse([]string{c.Filter}) // check has read it
		m.keep = f.Match
	}
	return m
}

// run meters until ctx ends, the source does, or emit fails, then reports every open flow. The end of a file is no error.
// Time is the packets'; the clocks are asked only when none waits, or when it jumps.
func (m *meter) run(ctx context.Context) error {
	m.flushAt = math.MaxInt64
	if m.clocks != nil {
		now := m.clocks.now()
		m.offset, m.slept = now.offset(), now.slept
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		m.stopTime = time.Now()
		m.stopping.Store(true)
		m.src.Interrupt()
	})
	err := m.loop()
	if !stop() {
		<-done
		m.drain()
	}
	m.endFlows()
	m.flush()
	m.tell()
	switch {
	case m.count.emitErr != nil:
		return m.count.emitErr
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

func (m *meter) loop() error {
	wait := time.Duration(0)
	for {
		data, err := m.src.Next(&m.frame, wait)
		switch {
		case err == nil && m.late():
			return nil
		case err == nil:
			m.add(data)
			wait = 0 // the frames that are there, then rest
		case errors.Is(err, capture.ErrTimeout) && m.stopping.Load():
			return nil
		case errors.Is(err, capture.ErrTimeout):
			wait = m.rest(m.now())
		default:
			return err
		}
		if m.count.emitErr != nil {
			return m.count.emitErr
		}
	}
}

// late tells whether the frame came after the end was asked for.
func (m *meter) late() bool { return m.stopping.Load() && m.frame.Timestamp.After(m.stopTime) }

// drain takes what the ring still holds from before the end.
func (m *meter) drain() {
	for end := time.Now().Add(ringDelay); time.Now().Before(end); {
		data, err := m.src.Next(&m.frame, time.Until(end))
		if err != nil && !errors.Is(err, capture.ErrTimeout) || m.late() {
			return
		}
		if err == nil {
			m.add(data)
		}
	}
}

func (m *meter) add(data []byte) {
	reason := m.dec.Decode(data, &m.frame, &m.packet)
	m.packet.Time -= m.offset
	if uint64(m.packet.Time-m.clock+jump) > 2*uint64(jump) && m.clocks != nil {
		m.jumped()
	}
	m.clock = m.packet.Time
	if m.packet.Family == flow.FamilyNone {
		m.count.unmetered[reason]++
		m.count.octets += uint64(m.packet.FrameLen)
	} else if m.table.Add(&m.packet) {
		m.due(m.clock)
		return
	}
	if m.clock >= m.flushAt {
		m.due(m.clock)
	}
}

// due takes the records that are ready at now.
func (m *meter) due(now int64) {
	m.clock = now
	for r := range m.table.Due(now) {
		m.record(r)
	}
	if now >= m.flushAt || m.flushAt != math.MaxInt64 && now < m.flushAt-flushAfter { // the clock may have been set back
		m.flush()
	}
	if d := now - m.told; d >= flushAfter || d < 0 {
		m.tell()
	}
}

func (m *meter) record(r *flow.Record) {
	if m.own != nil && r.IsTCP() && m.own(netip.AddrPortFrom(r.SrcAddr(), r.SrcPort), netip.AddrPortFrom(r.DstAddr(), r.DstPort)) {
		m.count.Own.add(r)
		return
	}
	m.date(r)
	start := len(m.buf)
	m.buf = m.enc.AppendFlow(m.buf, r)
	if m.keep != nil && !m.keeps(m.buf[start:]) {
		m.buf = m.buf[:start]
		m.count.Excluded.add(r)
		return
	}
	m.n++
	if m.flushAt == math.MaxInt64 {
		m.flushAt = m.clock + flushAfter
	}
	if len(m.buf) >= flushSize {
		m.flush()
	}
}

// keeps tells whether the configuration's filter chooses the record.
func (m *meter) keeps(record []byte) bool {
	for r, err := range argus.Records(record) {
		return err == nil && m.keep(r)
	}
	return false
}

// endFlows reports every open flow.
func (m *meter) endFlows() {
	for r := range m.table.Flush(m.clock) {
		m.record(r)
	}
}

// abandon ends a meter that met a defect of ours: the records made so far are kept, those of the open flows too where the defect is
// not in their table, and the frame in hand is accounted for.
func (m *meter) abandon(stack []byte) {
	if !bytes.Contains(stack, []byte("/flow.(*Table).")) {
		func() {
			defer func() { _ = recover() }() // one defect is enough
			m.endFlows()
		}()
	}
	m.flush()
	frames := m.dec.Counts()
	if taken, done := framesOf(&frames), m.table.Stats().Packets+framesOf(&m.count.unmetered); taken > done {
		m.count.unmetered[capture.Decoded] += taken - done
		m.count.octets += uint64(m.packet.FrameLen)
	}
	m.tell()
}

func (m *meter) flush() {
	records, n := m.buf, m.n
	m.buf, m.n, m.flushAt = m.buf[:0], 0, math.MaxInt64
	if n == 0 {
		return
	}
	m.count.Records += uint64(n)
	m.show() // who asks must not find more records in the spool than were made
	if err := m.emit(records, n); err != nil {
		m.count.Records -= uint64(n)
		m.count.Lost += uint64(n)
		m.count.emitErr = err
	}
}

// rest does what there is to do at now, when no frame waits, and returns how long the source may sleep. Records go on
// at once when no others will join them within their second: to wake up for them alone would cost more.
func (m *meter) rest(now int64) time.Duration {
	m.due(now)
	if m.table.NextDue() >= m.flushAt {
		m.flush()
	}
	m.tell()
	return m.wait()
}

// wait is how long the source may sleep when no frame comes.
func (m *meter) wait() time.Duration {
	next := min(m.table.NextDue(), m.flushAt)
	if next-m.clock >= int64(idleWait) {
		return idleWait
	}
	return max(time.Duration(next-m.clock), leastWait)
}

func (m *meter) tell() {
	m.told = m.clock
	m.trim()
	if m.state == nil {
		return
	}
	if s, err := m.src.Stats(); err == nil {
		m.count.Dropped = s.Dropped
	}
	m.show()
}

// show hands out the counters as they are.
func (m *meter) show() {
	if m.state != nil {
		m.count.frames = m.dec.Counts()
		m.count.Table = m.table.Stats()
		m.state(m.count)
	}
}
