package agent

import (
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// jump is how far apart two frames, or the clock's time, may be before the meter asks what became of the clock, ns.
const jump = int64(time.Second)

// now returns the time of the steady clock, after what there is to do when the system has slept.
func (m *meter) now() int64 {
	if m.clocks == nil {
		return time.Now().UnixNano()
	}
	now := m.clocks.now()
	m.wake(now)
	return now.steady
}

// wake ends every flow that was open when the system went to sleep, with the times that its packets had.
func (m *meter) wake(now moment) {
	if now.slept-m.slept < int64(leastSleep) {
		return
	}
	for r := range m.table.Flush(m.clock) {
		if r.End == flow.EndForced {
			r.End = flow.EndAsleep
		}
		m.record(r)
	}
	m.flush()
	m.slept, m.offset = now.slept, now.offset()
}

// jumped finds out why the time of the frame in hand is far from that of the one before: nothing came for a while, the system
// slept, or its clock was set. Frames from before and after the step go by the offset to which they fit, so that durations
// are true and no flow ends for it.
func (m *meter) jumped() {
	wall := m.packet.Time + m.offset
	now := m.clocks.now()
	m.wake(now)
	before, after := wall-m.offset-now.steady, wall-now.wall
	if max(after, -after) < max(before, -before) {
		m.offset = now.offset()
	}
	m.packet.Time = wall - m.offset
}

// date gives a record the times of the wall clock.
func (m *meter) date(r *flow.Record) {
	if m.offset == 0 {
		return
	}
	r.Start += m.offset
	for i := range r.Side {
		if s := &r.Side[i]; s.Packets > 0 {
			s.First += m.offset
			s.Last += m.offset
		}
	}
}
