package collector

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/account"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// says makes a batch of what an agent says of itself at a time: its regular report.
func (a *agent) says(at time.Time, cause flow.Cause, dropped uint64, texts ...string) batch {
	a.t.Helper()
	enc := argus.Encoder{Monitor: a.id, Interface: "man0"}
	head := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Sequence: uint32(a.next), Now: time.Now().UnixNano()})
	b := enc.AppendManagement(nil, &argus.Management{Cause: cause, Start: at.UnixNano(), Now: at.UnixNano(), Interval: 60})
	for _, text := range texts {
		b = enc.AppendEvent(b, &argus.Event{Cause: cause, Start: at.UnixNano(), End: at.UnixNano(), Data: []byte("prog=argus-endpoint\n" + text)})
	}
	a.next += dropped
	n, err := argus.Number(b, a.next)
	if err != nil {
		a.t.Fatal(err)
	}
	out := batch{first: a.next, last: a.next + uint64(n) - 1, body: a.zip.EncodeAll(append(head, b...), nil)}
	a.next += uint64(n)
	out.header = http.Header{
		"Content-Type": {wire.ContentFlows}, "Content-Encoding": {wire.EncodingZstd},
		wire.HeaderEpoch: {a.epoch.String()}, wire.HeaderDropped: {strconv.FormatUint(dropped, 10)},
		wire.HeaderFirst: {strconv.FormatUint(out.first, 10)}, wire.HeaderLast: {strconv.FormatUint(out.last, 10)},
	}
	return out
}

func query(since time.Duration) Query {
	now := time.Now()
	return Query{Since: now.Add(-since), Until: now, Now: now, Silent: DefaultSilent}
}

// TestGapsFromEndToEnd: what an agent says of itself is in the store as intervals, with a commit and a restart of the collector between.
func TestGapsFromEndToEnd(t *testing.T) {
	s, stop := start(t, testConfig(t))
	a, b := newAgent(t, token(t, s)), newAgent(t, token(t, s))
	begin := time.Now().Add(-100 * time.Minute).Truncate(time.Second)
	at := func(m int) time.Time { return begin.Add(time.Duration(m) * time.Minute) }
	a.post(a.says(at(0), flow.CauseStart, 0, `{"totals":{}}`))
	a.post(a.says(at(1), flow.CauseStatus, 0, `{"interface":{"name":"eth0","metering":true,"since":"`+at(0).Format(time.RFC3339)+`","ring_dropped":7}}`, `{"totals":{"ring_dropped":7}}`))
	a.post(a.says(at(2), flow.CauseStop, 0, `{"totals":{"ring_dropped":7}}`))
	flushAll(t, s)
	stop()
	s.config.Listen = s.Addr().String()
	s, _ = start(t, s.config)
	a.dial()
	a.post(a.says(at(12), flow.CauseStart, 0, `{"event":{"kind":"asleep","from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}}`))
	a.post(a.says(at(13), flow.CauseStatus, 25, `{"totals":{"discarded":25}}`))
	for m := 14; m < 100; m++ {
		a.post(a.says(at(m), flow.CauseStatus, 0, `{"totals":{"discarded":25}}`))
	}
	b.dial()
	b.post(b.says(at(50), flow.CauseStart, 0))
	for m := 51; m < 100; m++ {
		b.post(b.says(at(m), flow.CauseStatus, 0))
	}
	flushAll(t, s)

	gaps, hosts, err := Gaps(t.Context(), &s.config.Place, query(24*time.Hour))
	if err != nil || len(hosts) != 2 {
		t.Fatalf("%d hosts, %v", len(hosts), err)
	}
	var got []string
	for _, g := range gaps {
		if g.Monitor != a.id || g.Host != "made-by-hand" || g.Lasts {
			t.Errorf("%+v", g)
		}
		got = append(got, fmt.Sprintf("%v-%v %s %s %d %d %d-%d", g.From.Sub(begin).Minutes(), g.To.Sub(begin).Minutes(), g.Interface, g.Reason, g.Records, g.Packets, g.First, g.Last))
	}
	want := []string{"0-1 eth0 ring-overrun 0 7 0-0", "2-12  stopped 0 0 0-0", "12-13  spool-full 25 0 10-34"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("gaps\n%v\nwant\n%v", got, want)
	}
	for _, h := range hosts {
		missing, reasons := 12.*60, 3
		if h.Monitor == b.id {
			missing, reasons = 0, 0
		}
		if h.State != HostUp || h.Complete.Missing != missing || len(h.Complete.Reasons) != reasons || h.Complete.Percent == nil || (*h.Complete.Percent == 100) != (missing == 0) {
			t.Errorf("host %+v", h)
		}
	}
	total := Total(hosts)
	if total.Percent == nil || *total.Percent >= 100 || total.Reasons[account.Stopped].Seconds != 600 || !total.Since.Equal(begin) {
		t.Errorf("total %+v", total)
	}
	if text, err := json.Marshal(total); err != nil || !json.Valid(text) {
		t.Error(err)
	}
	checkEvents(t, s, a)
}

func checkEvents(t *testing.T, s *Server, a *agent) {
	t.Helper()
	q := query(24 * time.Hour)
	q.Only = map[string]bool{a.id.String(): true}
	n := 0
	for e, err := range Events(t.Context(), &s.config.Place, q) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; e.Monitor != a.id || e.Report == nil || e.Time.Before(q.Since) || e.Cause == "" || e.Epoch != a.epoch.String() {
			t.Errorf("event %+v", e)
		}
	}
	if n != 92 {
		t.Errorf("%d events, want 92", n)
	}
	q.Only = map[string]bool{"nobody": true}
	if _, err := Hosts(t.Context(), &s.config.Place, q); err == nil {
		t.Error("a host that is none has no gaps")
	}
	for _, err := range Events(t.Context(), &s.config.Place, q) {
		if err == nil {
			t.Error("a host that is none has events")
		}
	}
}

func TestStatesOfAHost(t *testing.T) {
	s, stop := start(t, testConfig(t))
	up, stopped, waiting := newAgent(t, token(t, s)), newAgent(t, token(t, s)), newAgent(t, token(t, s))
	now := time.Now()
	up.post(up.says(now, flow.CauseStart, 0, `{"totals":{"captured":5,"metered":4}}`))
	stopped.post(stopped.says(now, flow.CauseStop, 0))
	authority, err := s.config.FindAuthority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer authority.Close()
	if err := authority.Revoke(waiting.id); err != nil {
		t.Fatal(err)
	}
	flushAll(t, s)
	want := func(after time.Duration, states map[*agent]HostState) {
		t.Helper()
		q := query(time.Hour)
		q.Now = q.Now.Add(after)
		hosts, err := Hosts(t.Context(), &s.config.Place, q)
		if err != nil || len(hosts) != 3 {
			t.Fatalf("%+v, %v", hosts, err)
		}
		for a, state := range states {
			for _, h := range hosts {
				if h.Monitor == a.id && h.State != state {
					t.Errorf("after %v %s (%s), want %s", after, h.State, h.Why, state)
				}
			}
		}
	}
	want(0, map[*agent]HostState{up: HostInconsistent, stopped: HostStopped, waiting: HostRevoked})
	up.post(up.says(time.Now(), flow.CauseStatus, 0, `{"interface":{"name":"eth0","metering":false}}`, `{"totals":{"captured":5,"metered":5}}`))
	flushAll(t, s)
	want(0, map[*agent]HostState{up: HostBlind})
	up.post(up.says(time.Now(), flow.CauseStatus, 0, `{"interface":{"name":"eth0","metering":true,"since":"`+time.Now().Format(time.RFC3339Nano)+`"}}`, `{"totals":{"captured":5,"metered":5}}`))
	flushAll(t, s)
	want(0, map[*agent]HostState{up: HostUp})
	stop()
	want(time.Hour, map[*agent]HostState{up: HostSilent, stopped: HostStopped})
}

// TestStatesThatTimeMakes: a host that was approved is not silent since the year 1, and one that was stopped and asks again is.
func TestStatesThatTimeMakes(t *testing.T) {
	now := time.Now()
	ago := func(m int) time.Time { return now.Add(-time.Duration(m) * time.Minute) }
	known := &pki.Monitor{Key: "k"}
	for name, c := range map[string]struct {
		h     Host
		c     account.Condition
		state HostState
		why   string
	}{
		"approved":                          {Host{}, account.Condition{}, HostPending, "has not come"},
		"enrolled":                          {Host{Enrolled: ago(1)}, account.Condition{}, HostUp, "nothing yet"},
		"enrolled and never seen":           {Host{Enrolled: ago(90)}, account.Condition{}, HostSilent, "for 1h30m"},
		"stopped":                           {Host{Enrolled: ago(90), Last: ago(60), Heard: ago(60)}, account.Condition{Last: ago(60), Received: ago(60), Stopped: true}, HostStopped, "since 1h00m"},
		"stopped, asks, nothing comes":      {Host{Enrolled: ago(90), Last: ago(60), Heard: ago(1)}, account.Condition{Last: ago(60), Received: ago(60), Stopped: true}, HostBlind, "for 1h00m"},
		"stopped, asked, nothing came":      {Host{Enrolled: ago(90), Last: ago(60), Heard: ago(20)}, account.Condition{Last: ago(60), Received: ago(60), Stopped: true}, HostSilent, "for 20m"},
		"stopped, started a few minutes on": {Host{Enrolled: ago(90), Last: ago(1), Heard: ago(1)}, account.Condition{Last: ago(1), Received: ago(1)}, HostUp, ""},
	} {
		c.h.judge(known, &c.c, &Query{Now: now, Silent: DefaultSilent})
		if c.h.State != c.state || !strings.Contains(c.h.Why, c.why) {
			t.Errorf("%s: %s (%s), want %s (%s)", name, c.h.State, c.h.Why, c.state, c.why)
		}
	}
}

// TestHostThatOnlyAsks is heard, and not silent.
func TestHostThatOnlyAsks(t *testing.T) {
	s, stop := start(t, testConfig(t))
	a := newAgent(t, token(t, s))
	heard := func() time.Time {
		t.Helper()
		hosts, err := Hosts(t.Context(), &s.config.Place, query(time.Hour))
		if err != nil || len(hosts) != 1 || hosts[0].State != HostUp {
			t.Fatalf("%+v, %v", hosts, err)
		}
		return hosts[0].Heard
	}
	if at := heard(); !at.IsZero() {
		t.Errorf("heard at %v before it has asked", at)
	}
	before := time.Now().Truncate(time.Second)
	a.durable()
	if at := heard(); at.Before(before) {
		t.Errorf("heard at %v, it asked after %v", at, before)
	}
	stop()
	if at := heard(); !at.IsZero() { // only running collectors know
		t.Errorf("heard at %v", at)
	}
}

// TestTimeOfWhichSomethingIsKnown: from the first word, and as far back as things are kept, to now, or to the last word of a host that is put out.
func TestTimeOfWhichSomethingIsKnown(t *testing.T) {
	now := time.Now()
	ago := func(h int) time.Time { return now.Add(-time.Duration(h) * time.Hour) }
	for name, c := range map[string]struct {
		first, horizon time.Time
		state          HostState
		since, until   time.Time
	}{
		"all that was asked": {ago(99), time.Time{}, HostUp, ago(24), now},
		"first word":         {ago(10), ago(20), HostUp, ago(10), now},
		"removed since":      {ago(99), ago(20), HostUp, ago(20), now},
		"revoked":            {ago(10), time.Time{}, HostRevoked, ago(10), ago(2)},
		"nothing":            {time.Time{}, time.Time{}, HostUp, now, now},
	} {
		h := Host{State: c.state}
		b := books{horizon: c.horizon, conditions: map[uuid.UUID]account.Condition{h.Monitor: {First: c.first, Last: ago(2)}}}
		_, got := b.gapsOf(&h, &Query{Since: ago(24), Until: now, Now: now})
		if !got.Since.Equal(c.since) || !got.Until.Equal(c.until) || (got.Percent == nil) != c.first.IsZero() {
			t.Errorf("%s: %v to %v, want %v to %v", name, got.Since, got.Until, c.since, c.until)
		}
	}
}
