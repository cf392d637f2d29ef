package flow

import (
	"iter"
	"time"
)

// Config bounds and times a Table.
type Config struct {
	MaxFlows       int           // open flows; the one of least value is evicted when the table is full
	StatusInterval time.Duration // an active flow reports this often (Argus FLOW_STATUS_INTERVAL)
}

// DefaultConfig returns the settings of a sensor that nobody has configured.
func DefaultConfig() Config {
	return Config{MaxFlows: 1 << 16, StatusInterval: 5 * time.Second}
}

// Stats counts what a Table has done since it was made.
type Stats struct {
	Packets uint64 // packets added
	Bytes   uint64 // their frame octets
	Flows   uint64 // flows begun
	Records uint64 // records lent
	Evicted uint64 // flows that had to go because the table was full
	Open    int    // flows open now
	Memory  int    // octets held
}

// Table meets both directions of every flow in one entry. One goroutine owns it.
type Table struct{}

// NewTable returns an empty table.
func NewTable(c Config) *Table { return &Table{} }

// Add folds one packet in. It reports whether Due has something to give at p.Time: the caller then drains it.
func (t *Table) Add(p *Packet) (due bool) { return false }

// Due lends a record for every flow that has one to give at time now (ns since 1970).
// A record is valid until the next step of the iteration.
func (t *Table) Due(now int64) iter.Seq[*Record] { return func(func(*Record) bool) {} }

// Flush lends the last record of every open flow that has something unreported, and forgets them all (EndForced).
func (t *Table) Flush(now int64) iter.Seq[*Record] { return func(func(*Record) bool) {} }

// NextDue returns the earliest time (ns since 1970) at which Due may have something to do, math.MaxInt64 without open flows.
func (t *Table) NextDue() int64 { return 0 }

// Stats returns the counters.
func (t *Table) Stats() Stats { return Stats{} }
