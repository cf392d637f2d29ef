package account

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

const (
	// An agent's clock can be right when it is not further ahead than this, or behind: what it says waited in a spool.
	maxAhead, maxBehind = time.Hour, 400 * 24 * time.Hour
	// defaultInterval is that between the status records of an agent of which none has come.
	defaultInterval = time.Minute
	// leastInterval keeps an agent that reports each second and is busy for three from counting as frozen.
	leastInterval = 10 * time.Second
	// skewWindow has batches enough that one of them came at once.
	skewWindow = 10 * time.Minute
	// maxJitter is how far a clock that nobody sets may go back.
	maxJitter = 5 * time.Second
	// shortest is the length of an interval that would have none: something is missing, however short it was.
	shortest = time.Second
)

// Step returns the state of a monitor after e, and the intervals that e ends. A state that cannot be read is begun anew. At most maxState octets
// and a few dozen rows come of it, whatever an agent says. The word of an agent counts, with its certificate, and not that of an Argus sensor
// of the same identity: whoever stands in for one can say nothing of the agent.
func Step(state []byte, e *Evidence) (next []byte, missing []Missing) {
	f := fold{e: e}
	c, err := Read(state)
	switch {
	case len(state) == 0 || err != nil: // a damaged one is as good as none
		f.c.Sensor = e.Sensor
	case c.Sensor == e.Sensor:
		f.c = c
	case e.Sensor:
		return state, nil
	}
	f.enter()
	switch {
	case e.Gap != nil:
		f.gap(e.Gap)
	case e.Record == nil || f.late():
	case e.Record.Kind == argus.KindManagement:
		f.management(&e.Record.Management)
	case e.Record.Kind == argus.KindEvent:
		f.event(&e.Record.Event)
	}
	return f.c.state(), f.missing
}

// fold is one step.
type fold struct {
	c       Condition
	e       *Evidence
	epoch   wire.Epoch // of the rows
	missing []Missing
}

// at returns a time of the agent as it can be: otherwise that of the arrival.
func (f *fold) at(t time.Time) time.Time {
	if t.After(f.e.Received.Add(maxAhead)) || t.Before(f.e.Received.Add(-maxBehind)) {
		return f.e.Received
	}
	return t
}

// when returns the time that the record speaks of last, zero when there is none.
func (f *fold) when() time.Time {
	r := f.e.Record
	switch {
	case r == nil:
		return time.Time{}
	case r.Kind == argus.KindManagement:
		return f.at(time.Unix(0, r.Management.Now))
	case r.Kind == argus.KindEvent:
		return f.at(time.Unix(0, r.Event.End))
	}
	return time.Time{}
}

// enter notes which epoch speaks, and the clocks. Two that speak in turn are two agents with one identity.
func (f *fold) enter() {
	c, e := &f.c, f.e
	f.clocks()
	f.epoch = e.Epoch
	if e.Epoch == c.Epoch {
		return
	}
	if e.Epoch == c.former {
		if !f.when().After(c.left.Add(time.Second)) {
			return // the rest of an old life, late
		}
		c.Cloned = e.Received
	}
	f.epoch = c.Epoch
	for i := range c.held {
		f.settle(&c.held[i], c.gaveUp())
	}
	f.epoch, c.held, c.turned = e.Epoch, nil, c.Epoch != 0
	c.former, c.left, c.Epoch = c.Epoch, c.Last, e.Epoch
}

// late tells that a record of an old life of the spool came behind those of a new one: what it says is over.
func (f *fold) late() bool { return f.e.Epoch != f.c.Epoch }

// clocks compares the two clocks. A batch that was sent again is late, so that the least of some minutes counts.
func (f *fold) clocks() {
	c, e := &f.c, f.e
	if e.Sent.IsZero() {
		return
	}
	behind := e.Received.Sub(e.Sent) // saturates
	if since := e.Received.Sub(c.skewSince); c.skewSince.IsZero() || since > skewWindow || since < 0 {
		c.skewBefore, c.skewNow, c.skewSince = c.skewNow, behind, e.Received
		c.skewKnown = min(c.skewKnown+1, 2)
	}
	c.skewNow = min(c.skewNow, behind)
	c.Skew = c.skewNow
	if c.skewKnown > 1 {
		c.Skew = min(c.Skew, c.skewBefore)
	}
}

// row adds an interval. One that ends before it begins is between the arrivals of what bounds it: the agent's clock was set.
func (f *fold) row(m Missing, reason Reason) {
	m.Monitor, m.Epoch, m.Reason = f.e.Monitor, f.epoch, string(reason)
	if m.To.Before(m.From) {
		m.From, m.To = f.c.Received, f.e.Received
	}
	if m.To.Sub(m.From) < shortest {
		m.To = m.From.Add(shortest)
	}
	f.missing = append(f.missing, m)
}

// management follows the life of the agent by its regular reports, which all versions of it make.
func (f *fold) management(m *argus.Management) {
	c, now := &f.c, f.when()
	switch {
	case c.First.IsZero():
		c.First = now
	case c.Stopped:
		f.row(Missing{From: c.Last, To: now}, Stopped)
	case m.Cause == flow.CauseStart && f.cut():
		f.row(Missing{From: c.Last, To: now}, Stopped)
	case m.Cause == flow.CauseStart && f.e.Sensor && !f.at(time.Unix(0, m.Start)).After(c.Last): // it greets who connects again
		f.row(Missing{From: c.Last, To: now}, Disconnected)
	case m.Cause == flow.CauseStart:
		f.row(Missing{From: c.Last, To: now}, Killed)
	default:
		f.pause(now)
	}
	if f.e.Sensor && m.Cause != flow.CauseStart && m.Dropped > 0 {
		f.row(Missing{From: f.at(time.Unix(0, m.Start)), To: now, Packets: uint64(m.Dropped)}, RingOverrun)
	}
	f.bound(now)
	if m.Cause == flow.CauseStart {
		f.begin(now)
	}
	c.Interval = time.Duration(m.Interval) * time.Second
	c.Last, c.Received, c.Stopped = now, f.e.Received, m.Cause == flow.CauseStop
}

// cut tells that the agent's last words before its start are among what is missing.
func (f *fold) cut() bool {
	n := len(f.c.held)
	return n > 0 && f.c.held[n-1].to.IsZero()
}

// pause finds a sleep that the agent did not tell of: it missed two reports, and nothing that it sent is missing.
func (f *fold) pause(now time.Time) {
	c := &f.c
	switch gone := now.Sub(c.Last); {
	case gone < -maxJitter:
		c.Stepped, c.slept = f.e.Received, time.Time{}
	case gone > 3*max(c.interval(), leastInterval) && !f.cut() && !c.slept.After(c.Last):
		f.row(Missing{From: c.Last, To: now}, Asleep)
	}
}

func (c *Condition) interval() time.Duration {
	if c.Interval <= 0 {
		return defaultInterval
	}
	return c.Interval
}

// begin is the start of an agent: all its counters are 0.
func (f *fold) begin(now time.Time) {
	c := &f.c
	for i := range c.interfaces {
		f.close(&c.interfaces[i], c.Last)
	}
	for i := range c.held {
		f.settle(&c.held[i], c.gaveUp())
	}
	c.held, c.interfaces = nil, nil
	c.Started, c.told = now, now
	c.discarded, c.quarantined, c.lost, c.ring, c.attributed, c.debt = 0, 0, 0, 0, 0, 0
	c.Broken, c.broken, c.Degraded, c.DecoderOff = "", "", "", ""
}

// add adds counts that may be anything.
func add(a, b uint64) uint64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxUint64
}

// rise returns by how much a counter has risen, and keeps it.
func rise(last *uint64, now uint64) uint64 {
	before := *last
	*last = now
	if now < before {
		return 0
	}
	return now - before
}

// clip returns at most n octets of s that a screen can show.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, s)
	for len(s) > n {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
	}
	return s
}
