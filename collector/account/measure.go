package account

import (
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Loss is what one reason took.
type Loss struct {
	Intervals int           `json:"intervals"`
	Time      time.Duration `json:"-"` // of those that overlap once
	Records   uint64        `json:"records"`
	Packets   uint64        `json:"packets"`
}

// Completeness is how much of a span of time is accounted for.
type Completeness struct {
	Span    time.Duration // that was asked about
	Missing time.Duration // of it, in which something may be missing; what overlaps counts once
	Reasons map[Reason]Loss
}

// Percent returns the share of the span in which nothing is known to be missing, or false when the span has no time.
// It is below 100 whenever anything is missing.
func (c *Completeness) Percent() (share float64, ok bool) {
	if c.Span <= 0 {
		return 0, false
	}
	return 100 * float64(c.Span-c.Missing) / float64(c.Span), true
}

// Add adds the account of another host.
func (c *Completeness) Add(o *Completeness) {
	c.Span += o.Span
	c.Missing += o.Missing
	for reason, l := range o.Reasons {
		sum := c.loss(reason)
		c.Reasons[reason] = Loss{sum.Intervals + l.Intervals, sum.Time + l.Time, add(sum.Records, l.Records), add(sum.Packets, l.Packets)}
	}
}

func (c *Completeness) loss(reason Reason) Loss {
	if c.Reasons == nil {
		c.Reasons = map[Reason]Loss{}
	}
	return c.Reasons[reason]
}

// Measure adds up what is missing of one host from since to until, and sorts rows by their begin.
func Measure(since, until time.Time, rows []Missing) Completeness {
	slices.SortStableFunc(rows, func(a, b Missing) int { return a.From.Compare(b.From) })
	c := Completeness{Span: max(until.Sub(since), 0)}
	reached := map[Reason]time.Time{} // how far the intervals of a reason have come
	var all time.Time
	for i := range rows {
		m := &rows[i]
		if !m.From.Before(until) || !m.To.After(since) {
			continue
		}
		from, to := later(m.From, since), m.To
		if to.After(until) {
			to = until
		}
		reason := Reason(m.Reason)
		l := c.loss(reason)
		l.Intervals++
		l.Records, l.Packets = add(l.Records, m.Records), add(l.Packets, m.Packets)
		l.Time += beyond(from, to, reached[reason])
		c.Reasons[reason] = l
		c.Missing += beyond(from, to, all)
		reached[reason], all = later(reached[reason], to), later(all, to)
	}
	return c
}

// beyond returns how much of an interval lies after a time.
func beyond(from, to, after time.Time) time.Duration {
	return max(to.Sub(later(from, after)), 0)
}

// Lasting returns what is missing at now for as long as that lasts: the agent is stopped, or is silent when the caller says so, interfaces
// are not metered, gaps of which the agent has not told more.
func (c *Condition) Lasting(monitor uuid.UUID, now time.Time, silent bool) (rows []Missing) {
	row := func(from, to time.Time, m Missing, reason Reason) {
		m.Monitor, m.Epoch, m.From, m.To, m.Reason = monitor, c.Epoch, from, to, string(reason)
		if !m.To.After(m.From) {
			m.To = m.From.Add(shortest)
		}
		rows = append(rows, m)
	}
	last, until := c.last(), now
	switch {
	case c.First.IsZero():
	case c.Stopped:
		row(last, now, Missing{}, Stopped)
		until = last
	case silent:
		row(last, now, Missing{}, Silent)
		until = last
	}
	for _, i := range c.interfaces {
		if !i.open.IsZero() {
			row(i.open, until, Missing{Interface: i.name}, NotMetering)
		}
	}
	for _, h := range c.held {
		m, to := Missing{First: h.first, Last: h.last}, h.to
		if to.IsZero() {
			to = now
		}
		if h.reported > 0 {
			m.Records = h.reported
			row(h.from, to, m, c.gaveUp())
		}
		if h.unreported > 0 {
			m.Records = h.unreported
			row(h.from, to, m, NeverArrived)
		}
	}
	return rows
}

// last returns when the last report was made, by the collector's clock.
func (c *Condition) last() time.Time {
	if c.Skew.Abs() < maxJitter {
		return c.Last // they are the same, but for the way
	}
	if t := c.Last.Add(c.Skew); t.Before(c.Received) {
		return t
	}
	return c.Received
}

// Blind returns the interfaces that are to be metered and are not.
func (c *Condition) Blind() (names []string) {
	for _, i := range c.interfaces {
		if !i.open.IsZero() {
			names = append(names, i.name)
		}
	}
	return names
}

// Quiet returns for how long an agent may say nothing before it counts as silent: limit, or three of its intervals when that is longer.
func (c *Condition) Quiet(limit time.Duration) time.Duration {
	return max(limit, 3*min(c.interval(), time.Hour))
}
