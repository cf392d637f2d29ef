package account

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// life makes an agent's life of n pieces of evidence: reports with counters that mostly rise, restarts, sleeps, gaps, clones, clocks that
// are set, lies.
func life(r *rand.Rand, n int) (list []Evidence) {
	now, ahead, epoch := day, time.Second, wire.Epoch(1)
	num := func() any {
		return []any{r.IntN(1000), uint64(1<<64 - 1), 0, -1, 1e300, "x"}[max(0, r.IntN(40)-34)]
	}
	for range n {
		now = now.Add(time.Duration(r.IntN(60)) * time.Second)
		e := Evidence{Monitor: monitor, Epoch: epoch, Received: now.Add(ahead), Previous: now, Sent: now}
		text := func(format string, args ...any) {
			e.Record = &argus.Record{Kind: argus.KindEvent, Cause: flow.CauseStatus, Event: argus.Event{End: now.UnixNano(), Data: fmt.Appendf(nil, "prog=argus-endpoint\n"+format, args...)}}
		}
		switch r.IntN(12) {
		case 0:
			e.Gap = &Gap{First: r.Uint64N(1000), Last: r.Uint64N(2000), Reported: r.Uint64N(1000)}
		case 1:
			now = now.Add(time.Duration(r.IntN(7200)-3600) * time.Second)
			epoch = wire.Epoch(1 + r.IntN(3))
			continue
		case 2, 3, 4:
			cause := []flow.Cause{flow.CauseStatus, flow.CauseStatus, flow.CauseStart, flow.CauseStop}[r.IntN(4)]
			e.Record = &argus.Record{Kind: argus.KindManagement, Cause: cause, Management: argus.Management{Cause: cause, Now: now.UnixNano(), Interval: uint16(r.IntN(100))}}
		case 5, 6, 7:
			text(`{"version":%q,"totals":{"discarded":%v,"quarantined":%v,"lost":%v,"ring_dropped":%v,"dropped_from":"2026-11-22T09:00:00Z","dropped_to":"9999-11-22T09:00:00Z"}}`, longWord(r), num(), num(), num(), num())
		case 8, 9, 10:
			text(`{"interface":{"name":"%s%d","metering":%v,"since":%q,"ring_dropped":%v,"captured":%v,"nic":{"rx_packets":%v}}}`, longWord(r), r.IntN(40), r.IntN(4) > 0,
				now.Add(-time.Duration(r.IntN(3))*time.Minute).Format(time.RFC3339), num(), num(), num())
		case 11:
			kinds := []string{"asleep", "clock-step", "spool-degraded", "spool-recovered", "decoder-off", "unclean-restart", "else"}
			text(`{"event":{"kind":%q,"from":"0001-01-01T00:00:00Z","to":%q,"text":%q}}`, kinds[r.IntN(len(kinds))], now.Format(time.RFC3339), longWord(r))
		}
		list = append(list, e)
	}
	return list
}

func longWord(r *rand.Rand) string {
	return string(bytes.Repeat([]byte("Wörter\u202e"), r.IntN(12)))
}

// TestACrashChangesNothing: from any stored state on, the same evidence gives the same rows and the same state.
func TestACrashChangesNothing(t *testing.T) {
	for seed := range uint64(200) {
		list := life(rand.New(rand.NewPCG(seed, 1)), 60)
		states, rows := [][]byte{nil}, [][]Missing{}
		for i := range list {
			next, missing := Step(states[i], &list[i])
			check(t, next, missing, list[i].Received)
			states, rows = append(states, next), append(rows, missing)
		}
		for cut := 0; cut < len(list); cut += 7 {
			state := bytes.Clone(states[cut])
			for i := cut; i < len(list); i++ {
				next, missing := Step(state, &list[i])
				if !reflect.DeepEqual(missing, rows[i]) || !bytes.Equal(next, states[i+1]) {
					t.Fatalf("seed %d, cut at %d: evidence %d gives another account", seed, cut, i)
				}
				state = next
			}
		}
	}
}

// check is what must be true of any step.
func check(t *testing.T, next []byte, missing []Missing, received time.Time) {
	t.Helper()
	c, err := Read(next)
	if err != nil || len(next) > 1023 {
		t.Fatalf("a state of %d octets: %v", len(next), err)
	}
	if len(missing) > 40 {
		t.Fatalf("%d rows of one piece of evidence", len(missing))
	}
	for _, m := range missing {
		if !m.From.Before(m.To) || m.Reason == "" || m.Records|m.Packets == 0 && (m.Reason == string(SpoolFull) || m.Reason == string(RingOverrun)) {
			t.Fatalf("row %+v", m)
		}
		if m.To.After(received.Add(2*maxAhead)) || m.From.Before(received.Add(-2*maxBehind)) {
			t.Fatalf("row far off: %+v, received %v", m, received)
		}
		if !utf8.ValidString(m.Interface) || len(m.Interface) > maxText {
			t.Fatalf("interface %q", m.Interface)
		}
	}
	for _, m := range c.Lasting(monitor, received, true) {
		if !m.From.Before(m.To) {
			t.Fatalf("lasting %+v", m)
		}
	}
}

func FuzzStep(f *testing.F) {
	f.Add([]byte(nil), uint64(1), []byte(`{"version":"v1","totals":{"discarded":5,"lost":2,"ring_dropped":9,"captured":1}}`), day.UnixNano(), uint16(60), uint8(16), uint64(1), uint64(9), uint64(4))
	f.Add([]byte(nil), uint64(2), []byte(`{"interface":{"name":"eth0","metering":false,"since":"2026-11-22T10:00:00Z","ring_dropped":9,"nic":{"rx_packets":1000}}}`), int64(-1), uint16(0), uint8(48), uint64(9), uint64(1), uint64(4))
	f.Add([]byte(nil), uint64(1), []byte(`{"event":{"kind":"asleep","from":"2026-11-22T09:00:00Z","to":"2026-11-22T10:00:00Z","text":"x"}}`), int64(1<<62), uint16(65535), uint8(32), uint64(0), uint64(1<<64-1), uint64(1<<64-1))
	f.Fuzz(func(t *testing.T, state []byte, epoch uint64, text []byte, now int64, interval uint16, cause uint8, first, last, reported uint64) {
		if c, err := Read(state); err == nil { // one that is read is written as it was, or is not one of ours
			if _, err := Read(c.state()); err != nil {
				t.Fatalf("state of what was read: %v", err)
			}
		}
		Step(state, &Evidence{Monitor: monitor, Epoch: wire.Epoch(epoch), Received: day, Gap: &Gap{First: first, Last: last, Reported: reported}})
		// from here on the state is ours
		state = nil
		received, why := day.Add(time.Minute), flow.Cause(cause)
		for i := range 6 {
			e := Evidence{Monitor: monitor, Epoch: wire.Epoch(epoch + uint64(i&1)), Received: received, Previous: day, Sent: time.Unix(0, now)}
			switch i % 3 {
			case 0:
				e.Record = &argus.Record{Kind: argus.KindManagement, Cause: why, Management: argus.Management{Cause: why, Now: now, Interval: interval}}
			case 1:
				e.Gap = &Gap{First: first, Last: last, Reported: reported}
			case 2:
				e.Record = &argus.Record{Kind: argus.KindEvent, Cause: why, Event: argus.Event{Cause: why, End: now, Data: append([]byte("prog=argus-endpoint\n"), text...)}}
			}
			next, missing := Step(state, &e)
			check(t, next, missing, received)
			state, received = next, received.Add(time.Minute)
		}
	})
}
