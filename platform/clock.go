package platform

import "context"

// Instant is what the system's clocks show at one moment, ns.
type Instant struct {
	Wall  int64 // since 1970; it may be set to anything at any time
	Awake int64 // since some moment in the past, while the system was awake; nobody can set it
	Slept int64 // how long the system has slept since it was booted
}

// ReadClocks reads the clocks: on Linux CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME (clock_gettime(2)), on macOS those of
// clock_gettime(3), on Windows GetTickCount64 and QueryUnbiasedInterruptTime; elsewhere Slept is 0.
func ReadClocks() Instant { return readClocks() }

// WatchClock tells when the clock was set or the system has slept, as far as the system tells of it at once: on Linux, and
// of sleep on Windows. One value stands for any number of changes. The channel is closed when ctx has ended and nothing runs any more.
func WatchClock(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	wait, err := clockChanges(ctx)
	if err != nil {
		wait = func() bool { <-ctx.Done(); return false }
	}
	go func() {
		defer close(changed)
		for wait() {
			select {
			case changed <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return changed
}
