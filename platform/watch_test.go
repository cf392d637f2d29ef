package platform

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestPollEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*pollInterval)
		defer cancel()
		wait := poll(ctx)
		for wait() { // other programs may change the interfaces meanwhile
		}
		if ctx.Err() == nil {
			t.Error("ended before its context")
		}
	})
}

// TestWatchGoesOn: a system that gives notice no more, by an error of the socket, is asked instead, and the channel stays open.
func TestWatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		changed := make(chan struct{}, 1)
		asked := 0
		go relay(ctx, changed, func() bool { return false }, func(ctx context.Context) func() bool {
			return func() bool {
				if asked++; asked > 2 {
					<-ctx.Done()
					return false
				}
				return true
			}
		})
		synctest.Wait()
		if _, open := <-changed; !open || asked != 3 {
			t.Errorf("told: %v, asked %d times", open, asked)
		}
		cancel()
		if _, open := <-changed; open {
			t.Error("goes on after its context")
		}
	})
}
