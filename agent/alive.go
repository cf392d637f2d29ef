package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// hungAfter is how long a part may take to answer. Reports and a sync of the spool wait for the disk.
const hungAfter = 20 * time.Second

// pulse is how a loop shows that it moves: it receives, and does nothing.
type pulse chan struct{}

// ready tells the caller of Run that the agent does what it is for, and hands out what tells whether it still does.
func (a *Agent) ready(ctx context.Context) {
	if a.config.Ready != nil {
		a.config.Ready(func() error { return a.alive(ctx, hungAfter) })
	}
}

// alive returns nil when every meter, the watch over the interfaces, the reports and the spool's way to the disk move, or when
// ctx has ended; else what hangs for longer than patience.
func (a *Agent) alive(ctx context.Context, patience time.Duration) error {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	synced := a.sync(ctx)
	if synced == nil {
		return nil
	}
	waits := []struct {
		part string
		ok   func() bool
	}{
		{"the reports", func() bool { return a.reports.beats(limit) }},
		{"the watch over the interfaces", func() bool { return a.meters.pulse.beats(limit) }},
		{"the spool", func() bool { return came(limit, synced) }},
	}
	for _, w := range waits {
		if !w.ok() && ctx.Err() == nil {
			return fmt.Errorf("%s: no sign of life for %s", w.part, patience)
		}
	}
	if name := a.meters.silent(limit); name != "" && ctx.Err() == nil {
		return fmt.Errorf("the meter of %s: no sign of life for %s", name, patience)
	}
	return nil
}

// sync has the spool go the way to its disk. What it returns is closed at the end of that, and nil when ctx has ended.
func (a *Agent) sync(ctx context.Context) <-chan struct{} {
	a.checking.Lock()
	defer a.checking.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	synced := make(chan struct{})
	a.checks.Go(func() {
		defer close(synced)
		_ = a.spool.Sync() // what fails is told elsewhere
	})
	return synced
}

// beats tells whether the loop takes a pulse before ctx ends.
func (p pulse) beats(ctx context.Context) bool {
	select {
	case p <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// came tells whether c was closed before ctx ended.
func came(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// silent wakes every meter and returns the interface of one that shows nothing before ctx ends, "" when all do.
func (ms *meters) silent(ctx context.Context) string {
	ms.mu.Lock()
	slots := slices.Collect(maps.Values(ms.slots))
	ms.mu.Unlock()
	shown := make([]<-chan struct{}, len(slots))
	for i, s := range slots {
		shown[i] = s.ask()
	}
	for i, s := range slots {
		if !came(ctx, shown[i]) {
			return s.in.Name
		}
	}
	return ""
}

// ask wakes the meter. What it returns is closed when the meter has told its counters, has ended, or does not run.
func (s *slot) ask() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := make(chan struct{})
	if !s.running {
		close(asked)
		return asked
	}
	s.asked = append(s.asked, asked)
	s.src.Interrupt()
	return asked
}

// show tells those who asked that the meter moves. The caller holds the lock.
func (s *slot) show() {
	for _, asked := range s.asked {
		close(asked)
	}
	s.asked = nil
}

// first calls f when every meter that is there now has opened its source, or it is known why it cannot. It does not where none
// ever will: then the agent ends.
func (ms *meters) first(ctx context.Context, f func()) {
	ms.mu.Lock()
	slots := slices.Collect(maps.Values(ms.slots))
	ms.mu.Unlock()
	ms.wg.Go(func() {
		refused := 0
		for _, s := range slots {
			if !came(ctx, s.tried) {
				return
			}
			s.mu.Lock()
			if hopeless(s.err) {
				refused++
			}
			s.mu.Unlock()
		}
		if refused == 0 || refused < len(slots) {
			f()
		}
	})
}
