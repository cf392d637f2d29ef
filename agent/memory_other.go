//go:build !linux

package agent

// Machines of other systems have the memory that the agent wants.
func machineMemory() int64 { return 0 }

func cgroupLimit() int64 { return 0 }
