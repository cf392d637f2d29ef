package agent

import (
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// manName is the interface name by which readers call an agent's reports on itself; no interface is given it.
const manName = "man0"

// reporter makes the management records of an agent.
type reporter struct {
	config  *Config
	began   time.Time
	totals  func() (c Counters, metered int)
	pending func() uint64 // records that wait in the spool
	readers func() int

	mu   sync.Mutex // guards what follows
	last time.Time  // of the previous record
	told Counters   // what it had counted
}

// start returns the record that begins a stream.
func (r *reporter) start(now time.Time) *argus.Management {
	_, metered := r.totals()
	return &argus.Management{
		Cause: flow.CauseStart, Start: r.began.UnixNano(), Now: now.UnixNano(), LinkType: 1, LinkStatus: 1, Interfaces: uint32(metered),
		FlowInterval: wholeSeconds(r.config.StatusInterval), Interval: wholeSeconds(r.config.MARInterval),
	}
}

// next returns the record about the time since the previous one, when c was counted: cause is CauseStatus or CauseStop.
func (r *reporter) next(now time.Time, cause flow.Cause, c *Counters) *argus.Management {
	m := r.start(now)
	m.Cause = cause
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Start = r.last.UnixNano()
	m.Packets, m.Bytes = c.Captured()-r.told.Captured(), c.CapturedBytes()-r.told.CapturedBytes()
	m.Records, m.Flows = uint32(c.Records-r.told.Records), uint32(c.Table.Flows-r.told.Table.Flows)
	m.Dropped = uint32(c.Dropped - r.told.Dropped)
	m.Open, m.Memory = uint32(c.Table.Open), uint32(c.Table.Memory)
	m.Queue, m.Clients = uint32(r.pending()), uint32(r.readers())
	r.last, r.told = now, *c
	return m
}

func wholeSeconds(d time.Duration) uint16 {
	return uint16(min(max(d.Round(time.Second)/time.Second, 1), 1<<16-1))
}
