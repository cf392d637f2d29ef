package account

import (
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

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
