package agent

import (
	"context"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// Stream meters without an agent: nothing is kept, nothing is delivered, everything goes to Emit.
type Stream struct {
	Config  Config        // Interfaces, and what Config.MeterFlags sets, are used
	Version argus.Version // of the records; 0 is argus.V5

	// Emit takes the pieces of an Argus stream: a START record, then numbered records. It is never called twice at once and
	// keeps nothing. Its error ends the metering and is returned.
	Emit func(records []byte) error

	mu     sync.Mutex // makes the meters' calls one after the other; guards what follows
	next   uint64
	failed error // of Emit
}

// File meters the frames of a capture file, in their time, and reports every flow that is open at its end.
func (s *Stream) File(ctx context.Context, src capture.Source) error {
	id, err := s.begin()
	if err != nil {
		return err
	}
	m := newMeter(&s.Config, newRoom(s.Config.flowLimit()), nil, src,
		argus.Encoder{Version: s.Version, Monitor: id, Label: s.Config.label("")}, s.emit)
	return m.run(ctx)
}

// Live meters the interfaces of this host until ctx ends.
func (s *Stream) Live(ctx context.Context, log *zap.Logger) error {
	id, err := s.begin()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ms := meters{
		config: &s.Config, log: log, room: newRoom(s.Config.flowLimit()), monitor: id, version: s.Version,
		slots: make(map[slotKey]*slot), ending: make(map[*slot]bool),
		clocks: newClocks(platform.ReadClocks, func(string, time.Time, time.Time) {}),
		emit: func(records []byte, n int) error {
			err := s.emit(records, n)
			if err != nil {
				cancel()
			}
			return err
		},
	}
	ms.local = ms.ends.local
	if err := ms.run(ctx); err != nil {
		return err
	}
	return s.failed
}

// begin emits the record that begins a stream, under the identity that an agent on this host would have.
func (s *Stream) begin() (uuid.UUID, error) {
	id, err := monitorID(s.Config.MonitorID)
	if err != nil {
		return uuid.Nil, err
	}
	host, err := platform.Identify(id, nil)
	if err != nil {
		return uuid.Nil, err
	}
	now := time.Now()
	mar := reporter{config: &s.Config, began: now, totals: func() (Counters, int) { return Counters{}, 0 }}
	enc := argus.Encoder{Version: s.Version, Monitor: host.ID, Interface: manName}
	return host.ID, s.Emit(enc.AppendManagement(nil, mar.start(now)))
}

func (s *Stream) emit(records []byte, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if _, err := argus.Number(records, s.next+1); err != nil {
		return err
	}
	s.next += uint64(n)
	s.failed = s.Emit(records)
	return s.failed
}
