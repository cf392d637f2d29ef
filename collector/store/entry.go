package store

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

// File is a data file of the store.
type File struct {
	Name       string    `json:"name"` // of the object
	Rows       int64     `json:"rows"`
	Bytes      int64     `json:"bytes"`
	Sum        uint32    `json:"crc32c,omitempty"` // of all octets; 0: not known
	MinMonitor string    `json:"min_monitor"`      // lowest and highest in the order of text
	MaxMonitor string    `json:"max_monitor"`
	MinTime    int64     `json:"min_time"` // earliest stime and latest ltime, microseconds
	MaxTime    int64     `json:"max_time"`
	Events     bool      `json:"events,omitempty"`  // of the table events
	Missing    bool      `json:"missing,omitempty"` // of the table gaps
	Hour       time.Time `json:"hour"`
}

// Mark is how far an epoch of a monitor has come.
type Mark struct {
	Monitor  uuid.UUID  `json:"monitor"`
	Epoch    wire.Epoch `json:"epoch"`
	Sequence uint64     `json:"sequence"` // all up to this one are in the store, or lost
	Records  uint64     `json:"records"`  // in the store
	Lost     uint64     `json:"lost"`     // sequences that are in no record: the sum of the gaps
	Repeated uint64     `json:"repeated"` // records that came again and were dropped
	First    time.Time  `json:"first"`    // when the first and the last batch were received
	Last     time.Time  `json:"last"`
	Origin   string     `json:"origin,omitempty"` // Batch.Origin
}

// Gap is a run of sequences that never came.
type Gap struct {
	Monitor  uuid.UUID
	Epoch    wire.Epoch
	First    uint64
	Last     uint64
	Reported uint64    // of them, those that the agent said it had to drop
	Noticed  time.Time // when the batch after it was received
}

// heard is the account of a monitor (Config.Account).
type heard struct {
	Monitor uuid.UUID `json:"monitor"`
	State   []byte    `json:"state"`
}

// retired is a file that no longer counts, and goes when those who still read it have had time to end.
type retired struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// entry is what a commit adds to the state, or, a snapshot, all of it.
type entry struct {
	Writer  uuid.UUID  `json:"writer,omitzero"` // who committed, so that no two commits are the same
	Files   []File     `json:"files,omitempty"`
	Retired []retired  `json:"retired,omitempty"`
	Marks   []Mark     `json:"marks,omitempty"`
	Gone    []epochKey `json:"gone,omitempty"` // epochs that are forgotten
	Heard   []heard    `json:"heard,omitempty"`
	Horizon time.Time  `json:"horizon,omitzero"` // View.Horizon
}

var errDamaged = errors.New("the object is damaged")

// encode writes e as zstd of lines of JSON. The sum that ends a frame of zstd guards them.
func (e *entry) encode(w io.Writer) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	lines := json.NewEncoder(z)
	for _, part := range e.split() {
		if err := lines.Encode(part); err != nil {
			return errors.Join(err, z.Close())
		}
	}
	return z.Close()
}

// decodeEntry gives what encode wrote to apply, line by line, and fails with errDamaged when that is not all of it.
func decodeEntry(r io.Reader, apply func(*entry)) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(1<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	some := false
	for lines := json.NewDecoder(z); ; some = true {
		var e entry
		switch err := lines.Decode(&e); {
		case err == io.EOF && some:
			return nil
		case err != nil:
			return errors.Join(errDamaged, err)
		}
		apply(&e)
	}
}
