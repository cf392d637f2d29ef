// Package account tells in which intervals something of a host may be missing, and why: Step folds what an agent says of itself and the
// holes in its sequences into a small state, and Measure adds up what came of it.
//
// Both are pure: the store keeps the state and the rows with the commit of the records that they come from, so that each interval is
// there exactly once, whatever crashes between.
package account

import (
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// Reason says why something is missing (docs/completeness.md).
type Reason string

// The reasons. Silent is only said of the time that lasts: what the host has in its spool may still come.
const (
	Stopped      Reason = "stopped"       // the agent was stopped in order, or its end is among what is lost
	Killed       Reason = "killed"        // it ended without its last word: a crash, a power cut
	Asleep       Reason = "asleep"        // the host slept, or the agent was frozen
	SpoolFull    Reason = "spool-full"    // the spool gave up its oldest records
	RingOverrun  Reason = "ring-overrun"  // the kernel's ring had no room for frames
	Disconnected Reason = "disconnected"  // an Argus sensor ran on, and nobody collected from it
	NeverArrived Reason = "never-arrived" // sequences that the agent does not say it gave up
	Lost         Reason = "lost"          // records that the spool did not take, lost with memory or damage, or that were set aside
	NotMetering  Reason = "not-metering"  // an interface that is to be metered is not, or its meter sees nothing of what passes
	Silent       Reason = "silent"        // nothing is heard
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{Stopped, Killed, Asleep, SpoolFull, RingOverrun, Disconnected, NeverArrived, Lost, NotMetering, Silent}
}

// Evidence is one thing that arrived from a monitor: a status or event record, or a gap before it.
type Evidence struct {
	Monitor  uuid.UUID
	Epoch    wire.Epoch
	Received time.Time     // the batch
	Previous time.Time     // the monitor's batch before it, zero when there is none
	Sent     time.Time     // the agent's clock when it sent the batch, zero when it does not say
	Record   *argus.Record // either a record of kind event or management, new and in the order of the sequences; borrowed
	Gap      *Gap          // or sequences that will not come, before the first record behind them
	Sensor   bool          // of an Argus sensor: its status records are all that it says of itself
}

// Gap is a run of sequences that never came.
type Gap struct {
	Monitor  uuid.UUID  `json:"monitor"`
	Epoch    wire.Epoch `json:"epoch"`
	First    uint64     `json:"first"`
	Last     uint64     `json:"last"`
	Reported uint64     `json:"reported"` // of them, those that the agent said it had to drop
	Noticed  time.Time  `json:"noticed"`  // when the batch after it was received
}

// Missing is an interval in which something may be missing: a row of the table gaps. Its times are the agent's clock, like those of
// flows, unless that cannot be right.
type Missing struct {
	Monitor     uuid.UUID
	Interface   string // "" is the whole host
	From, To    time.Time
	Reason      string
	Records     uint64 // that are missing, as far as known
	Packets     uint64
	Epoch       wire.Epoch
	First, Last uint64 // sequences, 0 when unknown
}
