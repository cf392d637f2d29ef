package collector

import (
	"context"
	"errors"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

const (
	// gatherOctets of the records of one sensor are a batch: whatever they are, they are within wire.MaxCompressed when compressed.
	gatherOctets = 768 << 10
	// gatherRecords too: half of what a store takes between two commits.
	gatherRecords = 1 << 14
	// gatherHours is how often their hour changes in a batch: a store writes a file for each hour between two commits.
	gatherHours = 128
	// gatherAll bounds the records of all sensors together that wait.
	gatherAll = 16 << 20
	// maxSensors bounds the sensors of one stream: one that makes up identities must not fill memory.
	maxSensors = 1 << 14
)

// errSensors tells that a stream has records of more sensors than can be.
var errSensors = errors.New("records of more than 16384 sensors in one stream: more are left out")

// gatherer makes batches of the records of a stream, each sensor's in order and with numbers of its own in an epoch of the stream.
type gatherer struct {
	origin string
	epoch  wire.Epoch
	put    func(context.Context, *journal.Batch) error
	known  func(uuid.UUID) uint64 // the last sequence of a sensor that need not come again; nil: none

	zip     *zstd.Encoder
	sensors map[uuid.UUID]*gathered
	waiting int // octets
	stream  []byte
}

// gathered are the records of a sensor that wait.
type gathered struct {
	next    uint64 // sequence
	known   uint64
	count   uint64
	hour    int64 // of the last record
	hours   int   // changes of it
	records []byte
}

func newGatherer(origin string, epoch wire.Epoch, put func(context.Context, *journal.Batch) error) (*gatherer, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(wire.MaxWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return &gatherer{origin: origin, epoch: epoch, put: put, zip: zip, sensors: map[uuid.UUID]*gathered{}}, nil
}

// add takes one record in, of a time in Unix nanoseconds. fresh: it was not known before.
func (g *gatherer) add(ctx context.Context, sensor uuid.UUID, at int64, record []byte) (fresh bool, err error) {
	s := g.sensors[sensor]
	if s == nil {
		if len(g.sensors) >= maxSensors {
			return false, errSensors
		}
		s = &gathered{}
		if g.known != nil {
			s.known = g.known(sensor)
		}
		g.sensors[sensor] = s
	}
	if s.next++; s.next <= s.known {
		return false, nil
	}
	s.records = append(s.records, record...)
	s.count++
	if hour := at / int64(time.Hour); hour != s.hour {
		s.hour = hour
		s.hours++
	}
	g.waiting += len(record)
	switch {
	case g.waiting >= gatherAll:
		err = g.flush(ctx)
	case len(s.records) >= gatherOctets || s.count >= gatherRecords || s.hours >= gatherHours:
		err = g.send(ctx, sensor, s)
	}
	return true, err
}

// flush sends all that waits.
func (g *gatherer) flush(ctx context.Context) error {
	for id, s := range g.sensors {
		if err := g.send(ctx, id, s); err != nil {
			return err
		}
	}
	return nil
}

// send makes a batch of what waits of a sensor.
func (g *gatherer) send(ctx context.Context, sensor uuid.UUID, s *gathered) error {
	if s.count == 0 {
		return nil
	}
	now := time.Now()
	first := s.next - s.count + 1
	enc := argus.Encoder{Monitor: sensor}
	g.stream = enc.AppendManagement(g.stream[:0], &argus.Management{Cause: flow.CauseStart, Sequence: uint32(first), Start: now.UnixNano(), Now: now.UnixNano()})
	g.stream = append(g.stream, s.records...)
	err := g.put(ctx, &journal.Batch{Monitor: sensor, Epoch: g.epoch, First: first, Last: s.next, Received: now, Origin: g.origin, Body: g.zip.EncodeAll(g.stream, nil)})
	if err != nil {
		return err
	}
	g.waiting -= len(s.records)
	s.count, s.hours = 0, 0
	if s.records = s.records[:0]; cap(s.records) > 2*gatherOctets || len(g.sensors) > 64 {
		s.records = nil
	}
	return nil
}
