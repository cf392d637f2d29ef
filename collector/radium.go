package collector

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

const (
	// relayDelay is how long a record waits for others. Each sensor's make a batch, and a disk has time for some hundreds a second: those of
	// a stream with many sensors wait longer, by relaySensor for each, up to relayMost.
	relayDelay, relaySensor, relayMost = time.Second, 5 * time.Millisecond, time.Minute
	// relayEnd bounds the last batches.
	relayEnd = 5 * time.Second
)

// Radium collects from Argus sensors and radiums until ctx ends: their records come to g as they are. A collector that takes nothing makes them
// wait, in the sensors.
func Radium(ctx context.Context, g *Ingest, sources []feed.Source, log *zap.Logger) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for _, source := range sources {
		r := &relay{own: g.config.feedID(), log: log.With(zap.String("source", source.Address))}
		var err error
		if r.gather, err = newGatherer(store.Radium, wire.NewEpoch(), g.Append); err != nil {
			return err
		}
		wg.Go(func() { stop(r.run(ctx, source)) })
	}
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// relay takes the records of one source.
type relay struct {
	own uuid.UUID // of the collector's feed
	log *zap.Logger

	mu     sync.Mutex // guards gather
	gather *gatherer
}

// run follows the source until ctx ends or the collector refuses.
func (r *relay) run(ctx context.Context, source feed.Source) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	wg.Go(func() { stop(r.flush(ctx)) })
	err := feed.Follow(ctx, source, func(rec *argus.Record) error { return r.take(ctx, rec) }, func(err error) {
		r.log.Warn("the connection to a sensor is lost, or cannot be made; it is tried again", zap.String("code", "source"), zap.Error(err))
	})
	stop(err)
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayEnd)
	defer cancel()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return r.gather.flush(last)
}

// flush sends what has waited long enough.
func (r *relay) flush(ctx context.Context) error {
	delay := relayDelay
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
		r.mu.Lock()
		err := r.gather.flush(ctx)
		delay = min(max(relayDelay, time.Duration(len(r.gather.sensors))*relaySensor), relayMost)
		r.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// errLoop tells that what is collected would come back for ever.
var errLoop = errors.New("the source is the feed of the collector that is to have its records: give the address of a sensor")

func (r *relay) take(ctx context.Context, rec *argus.Record) error {
	if rec.Kind == argus.KindManagement && rec.Cause == flow.CauseStart {
		if rec.Monitor.Host() == r.own || rec.Version == argus.V3 && argus.MonitorV3(rec.Monitor.Host()) == argus.MonitorV3(r.own) {
			return errLoop
		}
		r.log.Info("connected", zap.Stringer("sensor", rec.Monitor), zap.Uint8("version", uint8(rec.Version)))
	}
	if rec.Kind == argus.KindOther {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.gather.add(ctx, rec.Monitor.Host(), rec.Flow.Start, rec.Raw)
	if errors.Is(err, errSensors) {
		r.log.Warn("a source has too many sensors", zap.String("code", "sensors"), zap.Error(err))
		return nil
	}
	return err
}
