package account

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

var (
	monitor = uuid.Must(uuid.FromString("aaaaaaaa-0000-4000-8000-000000000001"))
	day     = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
)

// host is an agent that speaks to Step.
type host struct {
	t       *testing.T
	epoch   wire.Epoch
	now     time.Time     // its clock
	ahead   time.Duration // of the collector's clock, and the way
	state   []byte
	rows    []Missing
	totals  map[string]any
	links   map[string]map[string]any
	version string
}

func newHost(t *testing.T) *host {
	return &host{t: t, epoch: 7, now: day, ahead: time.Second, totals: map[string]any{}, links: map[string]map[string]any{}, version: "v1"}
}

func (h *host) give(r *argus.Record, g *Gap) {
	h.t.Helper()
	e := Evidence{Monitor: monitor, Epoch: h.epoch, Received: h.now.Add(h.ahead), Previous: h.now.Add(h.ahead - 30*time.Second), Sent: h.now, Record: r, Gap: g}
	before := slices.Clone(h.state)
	next, rows := Step(h.state, &e)
	if !slices.Equal(before, h.state) {
		h.t.Fatal("Step changed the state that it was given")
	}
	if len(next) > 1023 {
		h.t.Fatalf("a state of %d octets", len(next))
	}
	h.state, h.rows = next, append(h.rows, rows...)
}

func (h *host) condition() *Condition {
	h.t.Helper()
	c, err := Read(h.state)
	if err != nil {
		h.t.Fatal(err)
	}
	return &c
}

func (h *host) text(cause flow.Cause, key string, v any) {
	h.t.Helper()
	b, err := json.Marshal(map[string]any{"version": h.version, key: v})
	if err != nil {
		h.t.Fatal(err)
	}
	h.raw(cause, "prog=argus-endpoint\n"+string(b)+"\n")
}

func (h *host) raw(cause flow.Cause, text string) {
	h.give(&argus.Record{Kind: argus.KindEvent, Cause: cause, Event: argus.Event{Cause: cause, Start: h.now.UnixNano(), End: h.now.UnixNano(), Data: []byte(text)}}, nil)
}

func (h *host) mar(cause flow.Cause) {
	h.give(&argus.Record{Kind: argus.KindManagement, Cause: cause, Management: argus.Management{Cause: cause, Now: h.now.UnixNano(), Interval: 60}}, nil)
}

// report is what an agent says each minute.
func (h *host) report(cause flow.Cause) {
	h.t.Helper()
	h.mar(cause)
	for _, name := range []string{"eth0", "eth1"} {
		if l := h.links[name]; l != nil {
			l["name"] = name
			h.text(cause, "interface", l)
		}
	}
	h.text(cause, "totals", h.totals)
}

func (h *host) minutes(n int) {
	for range n {
		h.now = h.now.Add(time.Minute)
		h.report(flow.CauseStatus)
	}
}

func (h *host) hole(first, last, reported uint64) {
	h.give(nil, &Gap{monitor, h.epoch, first, last, reported, h.now})
}

func (h *host) event(kind string, from, to time.Time, text string) {
	h.text(flow.CauseStatus, "event", map[string]any{"kind": kind, "from": from, "to": to, "text": text})
}

// want compares the rows: from and to in minutes after day, interface, reason, records, packets.
func (h *host) want(rows ...string) {
	h.t.Helper()
	var got []string
	for _, m := range h.rows {
		if m.Monitor != monitor {
			h.t.Errorf("a row of %v", m.Monitor)
		}
		got = append(got, fmt.Sprintf("%g-%g %s %s %d %d", m.From.Sub(day).Minutes(), m.To.Sub(day).Minutes(), m.Interface, m.Reason, m.Records, m.Packets))
	}
	if !slices.Equal(got, rows) {
		h.t.Errorf("missing:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(rows, "\n"))
	}
}

func started(t *testing.T) *host {
	h := newHost(t)
	h.links["eth0"] = map[string]any{"metering": true, "since": day, "captured": 0}
	h.report(flow.CauseStart)
	return h
}

func TestNothingIsMissing(t *testing.T) {
	h := started(t)
	h.links["eth0"]["captured"], h.links["eth0"]["metered"] = 5, 5
	h.minutes(30)
	h.want()
	c := h.condition()
	if !c.First.Equal(day) || !c.Last.Equal(day.Add(30*time.Minute)) || !c.Received.Equal(c.Last.Add(time.Second)) || c.Stopped || c.Broken != "" || c.Version != "v1" {
		t.Errorf("%+v", c)
	}
	if rows := c.Lasting(monitor, h.now, false); len(rows) != 0 {
		t.Errorf("missing now: %+v", rows)
	}
	if rows := c.Lasting(monitor, h.now.Add(time.Hour), true); len(rows) != 1 || rows[0].Reason != "silent" || rows[0].To.Sub(rows[0].From) != time.Hour {
		t.Errorf("of a silent host %+v", rows)
	}
}

func TestStoppedAndKilled(t *testing.T) {
	h := started(t)
	h.minutes(2)
	h.now = h.now.Add(30 * time.Second)
	h.report(flow.CauseStop)
	if rows := h.condition().Lasting(monitor, h.now.Add(time.Minute), true); len(rows) != 1 || rows[0].Reason != "stopped" {
		t.Errorf("of a stopped host %+v", rows)
	}
	h.now = day.Add(10 * time.Minute)
	h.report(flow.CauseStart)
	h.minutes(1)
	h.now = day.Add(20 * time.Minute)
	h.report(flow.CauseStart)
	h.event("unclean-restart", day, day, "")
	h.minutes(1)
	h.want("2.5-10  stopped 0 0", "11-20  killed 0 0")
}

// TestAfterTheSpoolWasFull: the records around the hole bound it; the agent counts it when the totals come that know of it.
func TestAfterTheSpoolWasFull(t *testing.T) {
	h := started(t)
	h.minutes(2) // what was made after this is dropped at 10:30, until 10:20; all is sent at 10:40
	h.now = day.Add(40 * time.Minute)
	h.hole(100, 1099, 1000)
	for m := 20; m <= 40; m++ {
		h.now = day.Add(time.Duration(m) * time.Minute)
		h.ahead = day.Add(40 * time.Minute).Sub(h.now)
		if m > 30 {
			h.totals["discarded"] = 1000
		}
		h.report(flow.CauseStatus)
	}
	h.want("2-20  spool-full 1000 0")
	h.minutes(5)
	h.want("2-20  spool-full 1000 0")
}

func TestGapNobodyAnswersFor(t *testing.T) {
	h := started(t)
	h.minutes(1)
	h.hole(10, 14, 2)
	h.minutes(1)
	h.want("1-2  never-arrived 3 0", "1-2  spool-full 2 0")
	h.minutes(1)
	h.want("1-2  never-arrived 3 0", "1-2  spool-full 2 0")
}

func TestQuarantineIsLost(t *testing.T) {
	h := started(t)
	h.minutes(1)
	h.hole(10, 14, 5)
	h.totals["discarded"], h.totals["quarantined"] = 5, 5
	h.minutes(3)
	h.want("1-2  lost 5 0")

	h = started(t)
	h.event("spool-degraded", h.now, h.now, "read-only file system") // and what was in memory went with the process
	h.minutes(1)
	h.hole(10, 14, 5)
	h.report(flow.CauseStart)
	h.want("1-1.0166666666666666  stopped 0 0", "1-1.0166666666666666  lost 5 0")
	if h.condition().Degraded != "" {
		t.Error("degraded after the start")
	}
}

// TestRestartBehindAGap: what was given up before the start is told by the gap alone, or by the start's totals too.
func TestRestartBehindAGap(t *testing.T) {
	for name, discarded := range map[string]int{"counted at the start": 50, "never counted": 0} {
		t.Run(name, func(t *testing.T) {
			h := started(t)
			h.minutes(1)
			h.hole(10, 59, 50)
			h.now = h.now.Add(10 * time.Minute)
			h.totals["discarded"] = discarded
			h.report(flow.CauseStart)
			h.minutes(5)
			h.want("1-11  stopped 0 0", "1-11  spool-full 50 0")
		})
	}
}

// TestEndOfALifeOfTheSpool: no gap shows what was given up at the end of an epoch.
func TestEndOfALifeOfTheSpool(t *testing.T) {
	h := started(t)
	h.minutes(1)
	h.epoch = 8
	h.totals["discarded"] = 20
	h.minutes(1)
	h.want("1-2  spool-full 20 0")
	h.minutes(2)
	h.want("1-2  spool-full 20 0")
	h.totals["discarded"] = 50 // what was given up and no gap shows had come
	h.minutes(3)
	h.want("1-2  spool-full 20 0")
}

// TestSpoolFullBeforeTheFirstWord: only the agent knows when that began.
func TestSpoolFullBeforeTheFirstWord(t *testing.T) {
	h := newHost(t)
	h.hole(1, 30, 30)
	h.totals["discarded"], h.totals["dropped_from"], h.totals["dropped_to"] = 30, day.Add(-time.Hour), day
	h.minutes(2)
	h.want("-60-1  spool-full 30 0")
}

func TestSumThatDoesNotClose(t *testing.T) {
	for name, change := range map[string]func(h *host){
		"captured = metered + unmetered":   func(h *host) { h.totals["captured"] = 1 },
		"eth0: captured":                   func(h *host) { h.links["eth0"]["captured"] = 1 },
		"unmetered_by":                     func(h *host) { h.totals["captured"], h.totals["unmetered"] = 1, 1 },
		"excluded + spooled":               func(h *host) { h.totals["spooled"] = 1 },
		"inherited + spooled + reports":    func(h *host) { h.totals["reports"] = 1 },
		"a report is no JSON":              func(h *host) { h.totals["lost"] = -5 },
		"a report is no JSON of counters":  func(h *host) { h.links["eth0"]["captured"] = "many" },
		"durable + discarded + pending":    func(h *host) { h.totals["reports"], h.totals["inherited"], h.totals["pending"] = 0, uint64(1<<63), 3 },
		"records >= own_uplink + excluded": func(h *host) { h.totals["lost"] = uint64(1<<64 - 1) },
	} {
		h := started(t)
		change(h)
		h.minutes(1)
		if got := h.condition().Broken; !strings.Contains(got, name) {
			t.Errorf("%s: %q", name, got)
		}
	}
	h := started(t)
	h.totals["reports"], h.totals["inherited"], h.totals["spooled"], h.totals["durable"], h.totals["pending"], h.totals["records"] = 10, 5, 100, 90, 25, 100
	h.minutes(1)
	if got := h.condition().Broken; got != "" {
		t.Errorf("a sum that closes: %q", got)
	}
}

func TestTwoAgentsWithOneIdentity(t *testing.T) {
	h := started(t)
	h.minutes(1)
	h.epoch = 8
	h.minutes(1)
	if !h.condition().Cloned.IsZero() {
		t.Error("a new life of a spool is no clone")
	}
	h.epoch, h.now = 7, h.now.Add(-90*time.Second)
	h.mar(flow.CauseStatus)
	if c := h.condition(); !c.Cloned.IsZero() || c.Epoch != 8 {
		t.Errorf("the rest of an old life is no clone: %+v", c)
	}
	h.now = h.now.Add(2 * time.Minute)
	h.minutes(1)
	if h.condition().Cloned.IsZero() {
		t.Error("two lives in turn are two agents")
	}
	h.want()
}

func TestLostAndOlderAgents(t *testing.T) {
	h := started(t)
	h.totals["lost"], h.totals["records"] = 3, 3
	h.minutes(2)
	h.want("0-1  lost 3 0")
	h = newHost(t)
	h.mar(flow.CauseStart)
	h.raw(flow.CauseStatus, "prog=argus-endpoint\nunclean restart: the agent's last run did not end in order\n")
	h.now = h.now.Add(time.Minute)
	h.mar(flow.CauseStatus)
	h.raw(flow.CauseStatus, "prog=argus-lsof\n{\"totals\":{\"lost\":5}}\n")
	h.hole(4, 4, 1)
	for range 3 {
		h.now = h.now.Add(time.Minute)
		h.mar(flow.CauseStatus)
	}
	if rows := h.condition().Lasting(monitor, h.now, false); len(rows) != 1 || rows[0].Reason != "spool-full" || rows[0].To != day.Add(2*time.Minute) {
		t.Errorf("a gap of which nothing more is told: %+v", rows)
	}
	h.want()
}
