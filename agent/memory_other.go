//go:build !linux

package agent

func cgroupLimit() int64 { return 0 }
