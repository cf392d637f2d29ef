package platform

import (
	"context"
	"reflect"
	"time"
)

// Watch reports changes of links, addresses and routes from the moment it returns. One value in the channel stands for
// any number of changes since the last: the receiver lists the interfaces again. The channel is closed when ctx has ended
// and nothing runs any more. Where the system gives no notice, the interfaces are compared every few seconds.
func Watch(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	wait, err := subscribe(ctx)
	if err != nil {
		wait = poll(ctx)
	}
	go relay(ctx, changed, wait, poll)
	return changed
}

// relay tells of changes until ctx has ended: as wait learns of them, and as otherwise does when the system gives notice no more.
func relay(ctx context.Context, changed chan<- struct{}, wait func() bool, otherwise func(context.Context) func() bool) {
	defer close(changed)
	tell := func() {
		select {
		case changed <- struct{}{}:
		default: // one is waiting already
		}
	}
	for {
		for wait() {
			tell()
		}
		if ctx.Err() != nil {
			return
		}
		tell()
		wait = otherwise(ctx)
	}
}

// pollInterval is a compromise between a laptop's battery and the one second within which a new interface should be metered.
const pollInterval = 5 * time.Second

// poll returns a function that blocks until the interfaces differ, or ctx ends: then it returns false.
func poll(ctx context.Context) (wait func() bool) {
	last, _ := Interfaces()
	ticker := time.NewTicker(pollInterval)
	return func() bool {
		for {
			select {
			case <-ctx.Done():
				ticker.Stop()
				return false
			case <-ticker.C:
			}
			now, err := Interfaces()
			if err == nil && !reflect.DeepEqual(now, last) {
				last = now
				return true
			}
		}
	}
}
