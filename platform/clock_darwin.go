package platform

import (
	"time"

	"golang.org/x/sys/unix"
)

// Of mach's time.h: the one goes on while the system sleeps, the other does not.
const (
	clockMonotonic = 6
	clockUptimeRaw = 8
)

func readClocks() Instant {
	var all, awake unix.Timespec
	i := Instant{Wall: time.Now().UnixNano()}
	if unix.ClockGettime(clockMonotonic, &all) == nil && unix.ClockGettime(clockUptimeRaw, &awake) == nil {
		i.Awake, i.Slept = awake.Nano(), all.Nano()-awake.Nano()
	}
	return i
}
