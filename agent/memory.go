package agent

import (
	"os"
	"runtime/debug"
)

// memoryBudget is what the Go runtime should stay within, octets: a full flow table with as much again for its growth,
// and the rest of the agent. A limit of the unit or container that is lower counts for three quarters.
const memoryBudget = 64 << 20

// limitMemory tells the garbage collector the budget. GOMEMLIMIT in the environment wins.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	budget := int64(memoryBudget)
	if limit := cgroupLimit(); limit > 0 {
		budget = min(budget, limit/4*3)
	}
	debug.SetMemoryLimit(budget)
}
