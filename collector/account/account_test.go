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

func TestRingOverrun(t *testing.T) {
	h := started(t)
	h.minutes(1)
	h.links["eth0"]["ring_dropped"], h.totals["ring_dropped"] = 9, 9
	h.minutes(1)
	delete(h.links, "eth0") // an interface that has nothing new to say is left out
	h.minutes(5)
	h.links["eth0"] = map[string]any{"metering": true, "since": day, "ring_dropped": 10}
	h.totals["ring_dropped"] = 12 // and two of one that we do not know
	h.minutes(1)
	h.want("1-2 eth0 ring-overrun 0 9", "7-8 eth0 ring-overrun 0 1", "7-8  ring-overrun 0 2")
	h.links["eth1"] = map[string]any{"metering": true, "since": h.now.Add(30 * time.Second), "ring_dropped": 4}
	h.totals["ring_dropped"] = 16
	h.minutes(1)
	if got := h.rows[3:]; len(got) != 1 || got[0].Interface != "eth1" || got[0].From != day.Add(8*time.Minute+30*time.Second) {
		t.Errorf("of a new interface: %+v", got)
	}
}

func TestInterfaceNotMetered(t *testing.T) {
	h := started(t)
	h.minutes(2)
	h.links["eth0"] = map[string]any{"metering": false, "reason": "no ring", "since": day}
	h.minutes(3)
	h.want()
	c := h.condition()
	if got := c.Blind(); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("blind: %v", got)
	}
	if rows := c.Lasting(monitor, h.now, false); len(rows) != 1 || rows[0].Interface != "eth0" || rows[0].From != day.Add(2*time.Minute) {
		t.Errorf("lasting: %+v", rows)
	}
	h.links["eth0"] = map[string]any{"metering": true, "since": h.now.Add(30 * time.Second)}
	h.minutes(1)
	h.want("2-5.5 eth0 not-metering 0 0")
	h.links["eth0"]["metering"] = false // it ends with the agent
	h.report(flow.CauseStop)
	if got := h.condition().Blind(); len(h.rows) > 1 || got != nil {
		t.Errorf("blind at the end: %v, %v", got, h.rows)
	}
}

// TestBlindMeter: the network interface counts, the meter sees nothing.
func TestBlindMeter(t *testing.T) {
	h := started(t)
	count := func(nic, captured int) {
		h.links["eth0"]["nic"] = map[string]any{"rx_packets": nic, "tx_packets": nic}
		h.links["eth0"]["captured"], h.links["eth0"]["metered"] = captured, captured
		h.minutes(1)
	}
	count(100, 200)
	count(130, 200) // a little that is not for us is no reason to cry
	count(300, 200)
	count(310, 900) // what passed at the moment of the report is seen by the next one
	count(310, 900)
	h.want()
	count(1000, 900)
	count(1000, 900)
	count(2000, 900)
	if h.condition().Blind() == nil {
		t.Error("not blind")
	}
	count(2000, 901)
	h.want("5-9 eth0 not-metering 0 0")
	if h.condition().Blind() != nil {
		t.Error("still blind")
	}
}

// TestHalfBlindMeter: by octets, of which a loopback interface counts each twice.
func TestHalfBlindMeter(t *testing.T) {
	for _, c := range []struct {
		kind         string
		rx, tx, seen int // MB a minute
		rows         []string
	}{
		{"ethernet", 50, 50, 98, nil},
		{"ethernet", 50, 50, 40, []string{"0-4 eth0 not-metering 0 0"}},
		{"loopback", 50, 50, 49, nil},
		{"loopback", 50, 50, 20, []string{"0-4 eth0 not-metering 0 0"}},
	} {
		h := started(t)
		l := h.links["eth0"]
		l["kind"], l["captured"], l["metered"] = c.kind, 10, 10
		for i := range 4 {
			l["nic"] = map[string]any{"rx_bytes": (i + 1) * c.rx << 20, "tx_bytes": (i + 1) * c.tx << 20, "rx_packets": 1}
			l["captured"], l["metered"] = i+10, i+10
			if l["captured_bytes"] = (i + 1) * c.seen << 20; i == 3 {
				l["captured_bytes"] = int64(1 << 40)
			}
			h.minutes(1)
		}
		h.want(c.rows...)
	}
}

func TestSleepAndClockSteps(t *testing.T) {
	h := started(t)
	h.minutes(1)
	slept := h.now
	h.now = h.now.Add(8 * time.Hour)
	h.event("asleep", slept.Add(10*time.Second), h.now.Add(-time.Second), "")
	h.minutes(1)
	if len(h.rows) != 1 || h.rows[0].Reason != "asleep" || h.rows[0].To.Sub(h.rows[0].From) != 8*time.Hour-11*time.Second {
		t.Errorf("sleep: %+v", h.rows)
	}
	h.now = h.now.Add(time.Hour) // the clock is set
	h.ahead -= time.Hour
	h.event("clock-step", h.now.Add(-time.Hour), h.now, "")
	h.minutes(1)
	h.now = h.now.Add(-2 * time.Hour)
	h.ahead += 2 * time.Hour
	h.minutes(1)
	if len(h.rows) != 1 || h.condition().Stepped.IsZero() {
		t.Errorf("a clock that is set loses nothing: %+v", h.rows[1:])
	}
	h.rows, h.now = nil, h.now.Add(20*time.Minute) // an agent that does not know that it was frozen
	h.minutes(1)
	if len(h.rows) != 1 || h.rows[0].Reason != "asleep" || h.rows[0].To.Sub(h.rows[0].From) != 21*time.Minute {
		t.Errorf("frozen: %+v", h.rows)
	}
}

// TestClockGoesBackOverARestart: the interval is that between the arrivals.
func TestClockGoesBackOverARestart(t *testing.T) {
	h := started(t)
	h.report(flow.CauseStop)
	h.now, h.ahead = h.now.Add(-24*time.Hour), h.ahead+24*time.Hour+5*time.Minute
	h.report(flow.CauseStart)
	if len(h.rows) != 1 || h.rows[0].To.Sub(h.rows[0].From) != 5*time.Minute || h.rows[0].Reason != "stopped" {
		t.Errorf("%+v", h.rows)
	}
}

func TestSkew(t *testing.T) {
	h := started(t)
	h.ahead = time.Hour // a batch that was sent again after an hour
	h.minutes(1)
	h.ahead = 7 * time.Second
	h.minutes(30)
	if got := h.condition().Skew; got != 7*time.Second {
		t.Errorf("skew %v, want 7s", got)
	}
	h.ahead = 3 * time.Hour // its clock is behind
	h.minutes(30)
	if rows := h.condition().Lasting(monitor, h.now.Add(h.ahead+10*time.Minute), true); len(rows) != 1 || rows[0].To.Sub(rows[0].From) != 10*time.Minute {
		t.Errorf("silent for ten minutes: %+v", rows)
	}
	h.ahead = -20 * time.Second
	h.minutes(1)
	if got := h.condition().Skew; got != -20*time.Second {
		t.Errorf("skew %v, want -20s", got)
	}
}

func TestSumThatDoesNotClose(t *testing.T) {
	for name, change := range map[string]func(h *host){
		"captured = metered + unmetered":    func(h *host) { h.totals["captured"] = 1 },
		"eth0: captured":                    func(h *host) { h.links["eth0"]["captured"] = 1 },
		"unmetered_by":                      func(h *host) { h.totals["captured"], h.totals["unmetered"] = 1, 1 },
		"own_uplink + spooled":              func(h *host) { h.totals["spooled"] = 1 },
		"inherited + spooled + reports":     func(h *host) { h.totals["reports"] = 1 },
		"a report is no JSON":               func(h *host) { h.totals["lost"] = -5 },
		"a report is no JSON of counters":   func(h *host) { h.links["eth0"]["captured"] = "many" },
		"durable + discarded + pending":     func(h *host) { h.totals["reports"], h.totals["inherited"], h.totals["pending"] = 0, uint64(1<<63), 3 },
		"records >= own_uplink + spooled +": func(h *host) { h.totals["lost"] = uint64(1<<64 - 1) },
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

func TestMeasure(t *testing.T) {
	at := func(m int) time.Time { return day.Add(time.Duration(m) * time.Minute) }
	rows := []Missing{
		{From: at(50), To: at(70), Reason: "killed", Records: 1},
		{From: at(10), To: at(20), Reason: "ring-overrun", Packets: 5, Interface: "eth0"},
		{From: at(15), To: at(25), Reason: "ring-overrun", Packets: 6, Interface: "eth1"},
		{From: at(12), To: at(18), Reason: "asleep"},
		{From: at(-20), To: at(-10), Reason: "stopped"},
		{From: at(-20), To: at(5), Reason: "stopped"},
		{From: at(60), To: at(90), Reason: "lost"},
	}
	c := Measure(at(0), at(60), rows)
	if share, ok := c.Percent(); !ok || share != 50 || c.Missing != 30*time.Minute {
		t.Errorf("%v %v, missing %v", share, ok, c.Missing)
	}
	if l := c.Reasons[RingOverrun]; l != (Loss{2, 15 * time.Minute, 0, 11}) {
		t.Errorf("ring %+v", l)
	}
	if l := c.Reasons[Killed]; len(c.Reasons) != 4 || l.Time != 10*time.Minute || l.Records != 1 {
		t.Errorf("%+v", c.Reasons)
	}
	if empty := Measure(at(0), at(0), rows); empty.Span != 0 {
		t.Errorf("%+v", empty)
	} else if _, ok := empty.Percent(); ok {
		t.Error("no time has a share")
	}
	sum := Completeness{}
	sum.Add(&c)
	sum.Add(&c)
	if share, _ := sum.Percent(); share != 50 || sum.Reasons[RingOverrun].Packets != 22 {
		t.Errorf("sum %+v", sum)
	}
}
