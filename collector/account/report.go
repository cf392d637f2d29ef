package account

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// report is the text of an agent's event record (docs/status-record.md), as far as it counts here.
type report struct {
	Version   string         `json:"version"`
	Started   time.Time      `json:"started"`
	Interface *interfaceText `json:"interface"`
	Totals    *totals        `json:"totals"`
	Event     *eventText     `json:"event"`
}

type counters struct {
	Captured      uint64            `json:"captured"`
	CapturedBytes uint64            `json:"captured_bytes"`
	RingDropped   uint64            `json:"ring_dropped"`
	Metered       uint64            `json:"metered"`
	Unmetered     uint64            `json:"unmetered"`
	UnmeteredBy   map[string]uint64 `json:"unmetered_by"`
	OwnUplink     struct {
		Records uint64 `json:"records"`
	} `json:"own_uplink"`
	Excluded struct {
		Records uint64 `json:"records"`
	} `json:"excluded"`
	Records uint64 `json:"records"`
	Spooled uint64 `json:"spooled"`
	Lost    uint64 `json:"lost"`
}

type interfaceText struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	Metering bool      `json:"metering"`
	Since    time.Time `json:"since"`
	Filtered uint64    `json:"filtered"`
	NIC      *struct {
		Received      uint64 `json:"rx_packets"`
		Sent          uint64 `json:"tx_packets"`
		ReceivedBytes uint64 `json:"rx_bytes"`
		SentBytes     uint64 `json:"tx_bytes"`
	} `json:"nic"` // an older agent does not tell
	counters
}

type totals struct {
	Reports     *uint64    `json:"reports"` // an older agent does not tell this and what follows
	Inherited   uint64     `json:"inherited"`
	Durable     uint64     `json:"durable"`
	Discarded   uint64     `json:"discarded"`
	Quarantined uint64     `json:"quarantined"`
	Pending     uint64     `json:"pending"`
	DroppedFrom *time.Time `json:"dropped_from"`
	DroppedTo   *time.Time `json:"dropped_to"`
	counters
}

type eventText struct {
	Kind string    `json:"kind"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Text string    `json:"text"`
}

const unreadable = "a report is no JSON of counters"

// event takes the text of an agent.
func (f *fold) event(e *argus.Event) {
	_, text, ours := bytes.Cut(e.Data, []byte("prog=argus-endpoint\n"))
	if !ours || f.c.First.IsZero() {
		return
	}
	text = bytes.TrimRight(text, "\x00\n")
	if len(text) == 0 || text[0] != '{' {
		return // an older agent's words
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		f.c.Broken, f.c.broken = unreadable, unreadable
		return
	}
	f.c.Version = clip(r.Version, maxText/2)
	now := f.when()
	if f.c.told.IsZero() { // the first that was ever heard
		f.c.told = f.at(r.Started)
	}
	switch {
	case r.Interface != nil:
		f.network(r.Interface, now, f.e.Record.Cause == flow.CauseStop)
	case r.Totals != nil:
		f.totals(r.Totals, now)
	case r.Event != nil:
		f.happened(r.Event)
	}
}

// totals ends a report.
func (f *fold) totals(t *totals, now time.Time) {
	c := &f.c
	f.closes(&t.counters, "")
	if t.Reports != nil && t.Inherited+t.Spooled+*t.Reports != t.Durable+t.Discarded+t.Pending {
		c.broken = "inherited + spooled + reports = durable + discarded + pending"
	}
	f.discards(t, now)
	if lost := rise(&c.lost, t.Lost); lost > 0 {
		f.row(Missing{From: c.told, To: now, Records: lost}, Lost)
	}
	ring := rise(&c.ring, t.RingDropped)
	if ring > c.attributed {
		f.row(Missing{From: c.told, To: now, Packets: ring - c.attributed}, RingOverrun)
	}
	c.attributed, c.told = 0, now
	c.Broken, c.broken = c.broken, ""
}

// closes checks the sums that are true of every report.
func (f *fold) closes(n *counters, name string) {
	var by uint64
	for _, v := range n.UnmeteredBy {
		by += v
	}
	sum := ""
	switch {
	case n.Captured != n.Metered+n.Unmetered:
		sum = "captured = metered + unmetered"
	case by != n.Unmetered:
		sum = "unmetered = all of unmetered_by"
	case n.Records < n.OwnUplink.Records+n.Excluded.Records+n.Spooled+n.Lost:
		sum = "records >= own_uplink + excluded + spooled + lost"
	default:
		return
	}
	if name != "" {
		sum = name + ": " + sum
	}
	f.c.broken = clip(sum, maxText)
}

// happened takes an event of the agent's life. Its end and its start are told by the reports.
func (f *fold) happened(e *eventText) {
	c := &f.c
	from, to := f.at(e.From), f.at(e.To)
	switch e.Kind {
	case "asleep":
		if from.Before(to) {
			f.row(Missing{From: from, To: to}, Asleep)
			c.slept = later(c.slept, to)
		}
	case "clock-step":
		c.Stepped, c.slept = f.e.Received, to
	case "spool-degraded":
		if c.Degraded = clip(e.Text, maxText); c.Degraded == "" {
			c.Degraded = e.Kind
		}
	case "spool-recovered":
		c.Degraded = ""
	case "decoder-off":
		c.OffUntil = e.To // some time to come
		if late := f.e.Received.Add(maxBehind); c.OffUntil.After(late) || c.OffUntil.Before(c.First) {
			c.OffUntil = late
		}
		if c.DecoderOff = clip(e.Text, maxText); c.DecoderOff == "" {
			c.DecoderOff = e.Kind
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func nameKey(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return h.Sum64()
}
