package agent

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// lookAfterState makes the state folder anew when it was deleted, and looks after the spool. An error is that of another agent which
// has taken the folder.
func (a *Agent) lookAfterState() error {
	if a.state.vanished() {
		if err := a.state.renew(&a.host); err != nil {
			a.log.Error("the state folder was deleted", zap.String("code", "state-deleted"), zap.Error(err))
			if errors.Is(err, errAnother) {
				return err
			}
		} else {
			a.log.Warn("the state folder was deleted: it was made anew; the host enrols again at its next start", zap.String("code", "state-deleted"))
			a.crashes.moved(a.state.root)
			a.unlisten()
			a.listen()
		}
	}
	a.lookAfterSpool()
	return nil
}

// lookAfterSpool records when the spool cannot use its folder, or can again.
func (a *Agent) lookAfterSpool() {
	switch why := a.spool.Stats().Degraded; {
	case why != "" && a.degraded.IsZero():
		a.degraded = time.Now()
		a.log.Error("the spool cannot be written: records wait in memory", zap.String("code", "spool-degraded"), zap.String("error", why))
		a.event(Event{Kind: "spool-degraded", From: a.degraded, Text: why})
	case why == "" && !a.degraded.IsZero():
		a.log.Info("the spool can be written again", zap.String("code", "spool-recovered"))
		a.event(Event{Kind: "spool-recovered", From: a.degraded, To: time.Now()})
		a.degraded = time.Time{}
	}
}

// watchClock notices at once that the clock was set or that the system has slept, where the system tells of it. Elsewhere the
// next frame, change of the network or status record shows it.
func (a *Agent) watchClock(ctx context.Context) error {
	for range platform.WatchClock(ctx) {
		a.clocks.now()
	}
	return nil
}

// decoderOff records that something is switched off because it crashed.
func (a *Agent) decoderOff(off crash, text string) {
	text = strings.TrimSuffix(off.Path+" is off for a day: three crashes in ten minutes: "+text, ": ")
	a.log.Error(text, zap.String("code", "decoder-off"))
	a.event(Event{Kind: "decoder-off", From: off.At, To: off.until(), Text: text})
}

// clockChanged records that the system was asleep or its clock was set, and makes everything go on from there.
func (a *Agent) clockChanged(kind string, from, to time.Time) {
	text := "the system slept for " + to.Sub(from).Round(time.Second).String()
	if kind == "clock-step" {
		text = "the clock was set"
	}
	a.log.Warn(text, zap.String("code", kind), zap.Time("from", from), zap.Time("to", to))
	a.event(Event{Kind: kind, From: from, To: to, Text: text})
	a.meters.interrupt()
	a.uplink.wake(true)
}
