//go:build !linux

package store

import "time"

// cpuTime returns 0: it is measured on Linux.
func cpuTime() time.Duration { return 0 }

// The memory is measured on Linux too.
func forgetPeak() {}

func peakMB() float64 { return 0 }
