package collector

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/account"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// keepAccount is store.Config.Account.
func keepAccount(state []byte, e *store.Evidence) (next []byte, missing []store.Missing) {
	next, rows := account.Step(state, &account.Evidence{Monitor: e.Monitor, Epoch: e.Epoch, Received: e.Received, Previous: e.Previous,
		Sent: e.Sent, Record: e.Record, Gap: (*account.Gap)(e.Gap), Sensor: e.Sensor})
	for _, m := range rows {
		missing = append(missing, store.Missing(m))
	}
	return next, missing
}

// Query asks about hosts in a span of time.
type Query struct {
	Since, Until time.Time // [Since, Until)
	Now          time.Time
	Silent       time.Duration   // for how long a host may say nothing; those that report seldom have three of their intervals
	Only         map[string]bool // the hosts with these names or UUIDs; nil: all
}

// known fails when a host that q asks for is none.
func (q *Query) known(hosts map[uuid.UUID]*Host) error {
	found := map[string]bool{}
	for _, h := range hosts {
		found[h.Name], found[h.Monitor.String()] = true, true
	}
	for name := range q.Only {
		if !found[name] {
			return fmt.Errorf("no host has the name or the UUID %q: see argus-collector hosts", name)
		}
	}
	return nil
}

// DefaultSilent is for how long a host may say nothing: it reports each minute, and that is in the store another minute later.
const DefaultSilent = 5 * time.Minute

// Gap is an interval in which something of a host may be missing.
type Gap struct {
	Monitor   uuid.UUID      `json:"monitor"`
	Host      string         `json:"host"`
	Interface string         `json:"interface,omitempty"` // empty: the whole host
	From      time.Time      `json:"from"`                // by the host's clock
	To        time.Time      `json:"to"`
	Lasts     bool           `json:"lasts,omitempty"` // it has no end yet: To is now
	Reason    account.Reason `json:"reason"`
	Records   uint64         `json:"records"`
	Packets   uint64         `json:"packets"`
	Epoch     string         `json:"epoch,omitempty"`
	First     uint64         `json:"first,omitempty"` // sequences
	Last      uint64         `json:"last,omitempty"`
}

// Completeness is how much of a span of time is accounted for.
type Completeness struct {
	Since   time.Time               `json:"since"` // of what was asked about, from the first contact on, and as far back as things are kept
	Until   time.Time               `json:"until"`
	Percent *float64                `json:"percent"` // null: nothing is known of that time
	Missing float64                 `json:"missing_seconds"`
	Reasons map[account.Reason]Loss `json:"reasons,omitempty"`

	sum account.Completeness
}

// Loss is what one reason took: seconds that overlap count once.
type Loss struct {
	Seconds float64 `json:"seconds"`
	account.Loss
}

func completeness(since, until time.Time, sum account.Completeness) Completeness {
	c := Completeness{Since: since, Until: until, Missing: sum.Missing.Seconds(), sum: sum}
	if share, ok := sum.Percent(); ok {
		c.Percent = &share
	}
	for reason, l := range sum.Reasons {
		if c.Reasons == nil {
			c.Reasons = map[account.Reason]Loss{}
		}
		c.Reasons[reason] = Loss{l.Time.Seconds(), l}
	}
	return c
}

// Total returns the completeness of all hosts together.
func Total(hosts []Host) Completeness {
	var sum account.Completeness
	var since, until time.Time
	for i := range hosts {
		c := &hosts[i].Complete
		if sum.Add(&c.sum); c.sum.Span == 0 {
			continue
		}
		if since.IsZero() || c.Since.Before(since) {
			since = c.Since
		}
		if c.Until.After(until) {
			until = c.Until
		}
	}
	return completeness(since, until, sum)
}

// books is what the store says of the accounts of all hosts.
type books struct {
	marks      []store.Mark
	conditions map[uuid.UUID]account.Condition
	missing    map[uuid.UUID][]account.Missing
	horizon    time.Time
}

func readBooks(ctx context.Context, p *Place, q *Query) (*books, error) {
	b := &books{conditions: map[uuid.UUID]account.Condition{}, missing: map[uuid.UUID][]account.Missing{}}
	v, err := p.OpenView(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil // nothing has been stored yet
	}
	if err != nil {
		return nil, err
	}
	defer v.Close()
	b.marks, b.horizon = v.Marks(), v.Horizon()
	for id, state := range v.Heard() {
		c, err := account.Read(state)
		if err != nil {
			c.Broken = "the account that was kept of it cannot be read" // until its next word, which begins a new one
		}
		b.conditions[id] = c
	}
	for m, err := range v.Missing(q.Since, q.Until, uuid.Nil) {
		if err != nil {
			return nil, err
		}
		b.missing[m.Monitor] = append(b.missing[m.Monitor], account.Missing(*m))
	}
	return b, nil
}

// gapsOf returns what is missing of a host in the span, and how complete it is for that.
func (b *books) gapsOf(h *Host, q *Query) ([]Gap, Completeness) {
	c := b.conditions[h.Monitor]
	end, rows := q.Now, slices.DeleteFunc(b.missing[h.Monitor], func(m account.Missing) bool { return h.others(m.Epoch) })
	if h.State == HostRevoked { // it has nothing more to say
		end = c.Last
	} else {
		rows = append(rows, c.Lasting(h.Monitor, q.Now, h.quiet)...)
	}
	since, until := q.Since, q.Until
	for _, t := range []time.Time{c.First, b.horizon} {
		if t.After(since) {
			since = t
		}
	}
	if until.After(end) {
		until = end
	}
	if c.First.IsZero() || since.After(until) {
		since = until
	}
	sum := account.Measure(since, until, rows)
	var gaps []Gap
	for _, m := range rows {
		if m.From.Before(q.Until) && m.To.After(q.Since) {
			gaps = append(gaps, Gap{Monitor: m.Monitor, Host: h.Name, Interface: m.Interface, From: m.From, To: m.To, Lasts: m.To.Equal(q.Now),
				Reason: account.Reason(m.Reason), Records: m.Records, Packets: m.Packets, Epoch: m.Epoch.String(), First: m.First, Last: m.Last})
		}
	}
	return gaps, completeness(since, until, sum)
}

// others tells that an epoch is not one of those that tell how the host is.
func (h *Host) others(epoch wire.Epoch) bool {
	text := epoch.String()
	return slices.ContainsFunc(h.Epochs, func(e HostEpoch) bool { return e.Epoch == text && trustOf(e.Origin) < h.trust })
}

// Gaps returns what is missing of the hosts, in the order of its begin, and the hosts.
func Gaps(ctx context.Context, p *Place, q Query) ([]Gap, []Host, error) {
	hosts, err := Hosts(ctx, p, q)
	if err != nil {
		return nil, nil, err
	}
	var gaps []Gap
	for i := range hosts {
		gaps = append(gaps, hosts[i].gaps...)
	}
	slices.SortStableFunc(gaps, func(a, b Gap) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Host, b.Host), bytes.Compare(a.Monitor[:], b.Monitor[:]))
	})
	return gaps, hosts, nil
}
