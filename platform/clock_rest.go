//go:build !linux && !darwin && !windows

package platform

import "time"

var begun = time.Now()

func readClocks() Instant {
	now := time.Now()
	return Instant{Wall: now.UnixNano(), Awake: int64(now.Sub(begun))}
}
