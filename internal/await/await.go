// Package await waits for what a test has set going. Only tests import it.
package await

import (
	"testing"
	"time"
)

// Event asks until happened answers true, at first every millisecond and ever less often, and returns how long that took. It fails the
// test when the event does not come. Within is how long it may take on a machine that does nothing else: one that is busy gets ten
// times as long, at most a minute more, and never so long that the end of the whole test comes before it is told what was waited for.
func Event(tb testing.TB, within time.Duration, what string, happened func() bool) time.Duration {
	tb.Helper()
	began := time.Now()
	limit := within + min(9*within, time.Minute)
	if t, ok := tb.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, ok := t.Deadline(); ok {
			limit = min(limit, max(time.Until(end)-5*time.Second, time.Second))
		}
	}
	for pause := time.Millisecond; !happened(); pause = min(pause+pause/4, 100*time.Millisecond) {
		if took := time.Since(began); took > limit {
			tb.Fatalf("not within %v, nor after %v: %s", within, took.Round(time.Millisecond), what)
		}
		time.Sleep(pause)
	}
	return time.Since(began)
}
