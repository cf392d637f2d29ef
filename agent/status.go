package agent

import (
	"sort"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// Status is what an agent says of itself on its local socket, as JSON.
type Status struct {
	Version        string            `json:"version"`
	PID            int               `json:"pid"`
	Monitor        uuid.UUID         `json:"monitor"`
	MonitorOrigin  string            `json:"monitor_origin"`
	Host           string            `json:"host"`
	ClonedFrom     *uuid.UUID        `json:"cloned_from,omitempty"` // the state folder came from another host
	Started        time.Time         `json:"started"`
	Now            time.Time         `json:"now"`
	UncleanRestart bool              `json:"unclean_restart"` // the last run did not end in order
	State          string            `json:"state_folder"`
	BadConfig      string            `json:"bad_configuration,omitempty"` // what is wrong with the file; the last good one is used
	Interfaces     []InterfaceStatus `json:"interfaces"`
	Totals         Totals            `json:"totals"`
	FlowLimit      int               `json:"flow_limit"`   // how many flows may be open, of all interfaces together
	MemoryLimit    int64             `json:"memory_limit"` // octets that the Go runtime stays within
	Spool          SpoolStatus       `json:"spool"`
	Uplink         UplinkStatus      `json:"uplink"`
	Readers        int               `json:"readers"` // local readers of live flows
	SlowReaders    uint64            `json:"slow_readers_dropped"`
	SwitchedOff    []SwitchedOff     `json:"switched_off,omitempty"`
	Unknown        string            `json:"listeners_unknown,omitempty"` // why not all is known of who listens
	Events         []Event           `json:"events,omitempty"`            // the last few
}

// Missing returns what the sums of the records leave unexplained: 0 when they close.
func (t *Totals) Missing() int64 {
	return int64(t.Inherited+t.Spooled+t.Reports) - int64(t.Durable+t.Discarded+t.Pending)
}

// SwitchedOff is a part of the agent that crashed three times in ten minutes: the setting that stands for it, "interface NAME",
// or "process", after which all optional parts are off.
type SwitchedOff struct {
	Path  string    `json:"path"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"` // then it is tried again
}

// InterfaceStatus is one interface of the host, metered or not.
type InterfaceStatus struct {
	Name     string     `json:"name"`
	Short    string     `json:"inf,omitempty"` // its name in the records, at most 4 octets
	Kind     string     `json:"kind"`
	Method   string     `json:"method,omitempty"` // capture.Stats.Method, while it is metered
	Metered  bool       `json:"metering"`         // "metered" is the number of its frames, in Accounts
	Reason   string     `json:"reason,omitempty"` // why it is not metered, or why its last meter ended; "" before the first one
	Since    *time.Time `json:"since,omitempty"`
	Restarts uint64     `json:"restarts,omitempty"`
	Panics   uint64     `json:"panics,omitempty"`
	Accounts
	Filtered uint64            `json:"filtered,omitempty"` // frames that a filter in the kernel kept from the ring
	NIC      *platform.Traffic `json:"nic,omitempty"`      // the system's own counters since Since, when last read

	of *slot
}

// Totals are the accounts of all interfaces since the start, those that went away included, and of the records: the sums close,
// inherited + spooled + reports = durable + discarded + pending.
type Totals struct {
	Accounts
	Epoch       string    `json:"epoch"` // of the spool: its life
	Next        uint64    `json:"next"`  // the sequence that the next record gets
	Reports     uint64    `json:"reports"`
	Inherited   uint64    `json:"inherited,omitempty"` // pending in the spool at the start
	Sent        uint64    `json:"sent"`                // answered by a collector, repeated ones once
	Durable     uint64    `json:"durable"`             // in the collector's store
	Discarded   uint64    `json:"discarded,omitempty"` // given up, or set aside:
	Quarantined uint64    `json:"quarantined,omitempty"`
	DroppedFrom time.Time `json:"dropped_from,omitzero"` // of the latest ones given up
	DroppedTo   time.Time `json:"dropped_to,omitzero"`
	Pending     uint64    `json:"pending"`
}

// Accounts says what became of every frame and every record. The sums close:
// captured = metered + unmetered, and records = own uplink's records + spooled + lost + those that are about to be spooled.
// A counter without a value is 0.
type Accounts struct {
	Captured    uint64            `json:"captured"`
	Bytes       uint64            `json:"captured_bytes"`         // of these, on the wire
	RingDropped uint64            `json:"ring_dropped,omitempty"` // never seen: the kernel's ring was full
	Metered     uint64            `json:"metered"`
	Unmetered   uint64            `json:"unmetered,omitempty"` // no header of them was sound:
	UnmeteredBy map[string]uint64 `json:"unmetered_by,omitempty"`
	Malformed   map[string]uint64 `json:"malformed,omitempty"`
	OwnUplink   Own               `json:"own_uplink,omitzero"` // metered but not sent: records that carried records
	Excluded    Own               `json:"excluded,omitzero"`   // metered but not kept: the configuration's filter does not choose them
	FlowsOpen   int               `json:"flows_open"`
	Flows       uint64            `json:"flows"`
	Evicted     uint64            `json:"evicted,omitempty"` // flows that had to go because the table was full; their records were made
	Records     uint64            `json:"records"`
	Spooled     uint64            `json:"spooled"`
	Lost        uint64            `json:"lost,omitempty"` // records that the spool did not take
	TableBytes  int               `json:"table_bytes"`
}

// SpoolStatus is the state of the queue on disk.
type SpoolStatus struct {
	Epoch       string `json:"epoch"`
	Next        uint64 `json:"next"`    // the next record's sequence
	Durable     uint64 `json:"durable"` // every sequence up to this one is in the collector's store, or counted as dropped
	Pending     uint64 `json:"pending"`
	Bytes       int64  `json:"bytes"`
	Limit       int64  `json:"limit"`
	Dropped     uint64 `json:"dropped"`
	Quarantined uint64 `json:"quarantined"`
	Degraded    string `json:"degraded,omitempty"` // why the queue is in memory
}

func accounts(c *Counters) Accounts {
	return Accounts{
		Captured: c.Captured(), Bytes: c.CapturedBytes(), RingDropped: c.Dropped, Metered: c.Metered(), Unmetered: framesOf(&c.unmetered), UnmeteredBy: c.Unmetered(),
		Malformed: c.Malformed(), OwnUplink: c.Own, Excluded: c.Excluded, FlowsOpen: c.Table.Open, Flows: c.Table.Flows, Evicted: c.Table.Evicted,
		Records: c.Table.Records, Spooled: c.Records, Lost: c.Lost, TableBytes: c.Table.Memory,
	}
}

func (s *slot) status() (InterfaceStatus, Counters) {
	c := s.counters()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := InterfaceStatus{
		Name: s.in.Name, Short: s.short, Kind: s.in.Kind, Method: s.method, Metered: s.running, Since: &s.since,
		Restarts: s.restarts, Panics: s.panics, Accounts: accounts(&c), of: s,
	}
	if s.nicKnown {
		nic := s.nic
		st.NIC = &nic
		if s.in.Kind == "loopback" { // which shows each frame twice
			st.Filtered = nic.TxPackets
		}
	}
	if s.err != nil {
		st.Reason = firstLine(s.err.Error())
	}
	return st, c
}

// inOrder returns the interfaces of a census and those that are not to be metered by name, those that are metered first.
func (ms *meters) inOrder(list []InterfaceStatus) []InterfaceStatus {
	ms.mu.Lock()
	for _, in := range ms.idle {
		list = append(list, InterfaceStatus{Name: in.Name, Kind: in.Kind, Reason: in.Reason})
	}
	ms.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { // a third of the code that slices.SortFunc makes for so large a struct
		if a, b := &list[i], &list[j]; a.Metered != b.Metered {
			return a.Metered
		}
		return list[i].Name < list[j].Name
	})
	return list
}

func firstLine(s string) string {
	for i, r := range s {
		if r == '\n' {
			return s[:i]
		}
	}
	return s
}
