package agent

import (
	"os"
	"runtime/debug"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	// mostMemory is what the Go runtime should stay within, octets, where the machine has enough: a full flow table with
	// as much again for its growth, and the rest of the agent.
	mostMemory = 64 << 20

	// collectAt is how much garbage, in percent of what is in use, the heap holds before it is collected, and in hundredths of 4 MiB
	// where little is in use: an idle agent would hold 4 MiB of it. The packet's way makes none.
	collectAt = 50

	flowMemory = 1 << 10 // octets of the budget for each flow that may be open, without user data
	dataMemory = 4       // and for each octet of user data: both sides, and as much again for garbage
	leastFlows = 1 << 10 // on the smallest machine
)

// memoryBudget returns the octets that the agent may take on a machine of so much memory, under the limit of its unit or
// container (0 for unknown, and for none): a sixteenth of the one, three quarters of the other, and never more than it needs.
func memoryBudget(machine, limit int64) int64 {
	budget := int64(mostMemory)
	if machine > 0 {
		budget = min(budget, machine/16)
	}
	if limit > 0 {
		budget = min(budget, limit/4*3)
	}
	return budget
}

// flowLimit returns how many flows may be open: what was asked for, or 64 Ki where the budget is whole, fewer where it is not
// or user data take their part of it.
func (c *Config) flowLimit() int {
	if c.MaxFlows > 0 {
		return c.MaxFlows
	}
	return max(int(memoryBudget(machineMemory(), cgroupLimit())/c.memoryPerFlow()), leastFlows)
}

// memoryPerFlow returns the octets of the budget for each flow that may be open.
func (c *Config) memoryPerFlow() int64 { return flowMemory + dataMemory*int64(c.UserData) }

// limitMemory tells the garbage collector the budget, which grows with a flow table that was asked for, but not beyond the
// unit's limit. GOMEMLIMIT in the environment wins. It returns the limit that holds.
func (c *Config) limitMemory() int64 {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		limit := cgroupLimit()
		budget := memoryBudget(machineMemory(), limit)
		if asked := int64(c.MaxFlows) * c.memoryPerFlow(); asked > budget {
			if budget = asked; limit > 0 {
				budget = min(budget, limit/4*3)
			}
		}
		debug.SetMemoryLimit(budget)
	}
	return debug.SetMemoryLimit(-1)
}

// giveBack returns to the system what is resident and not in use: pages of the program, and, if all, of the heap. An agent
// that meters a lot would only have to fetch them again.
func (a *Agent) giveBack(all bool) {
	_, counters, _ := a.totals()
	busy := counters.Captured()-a.gaveBack > busyFrames
	a.gaveBack = counters.Captured()
	switch {
	case busy:
	case all:
		debug.FreeOSMemory()
		fallthrough
	default:
		platform.ReleaseProgram()
	}
}

// busyFrames is how many frames between two looks at the memory make an agent busy.
const busyFrames = 10_000
