package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// replayFunc is what feed.Config.Replay takes.
type replayFunc func(ctx context.Context, expression string, match func(*argus.Record) bool, write func([]byte) error) error

// ServeFeed serves flows by the Argus protocol until ctx ends: those that q chooses of the store, to every client from the beginning,
// after which its connection ends; or, without q, those that match of what arrives at the running collector from now on.
func ServeFeed(ctx context.Context, p *Place, f Feed, q *store.Query, match func(*argus.Record) bool, log *zap.Logger) error {
	if err := f.Check(); err != nil {
		return err
	}
	if q != nil {
		servers, err := f.open(ctx, log, func(v argus.Version) replayFunc {
			return func(ctx context.Context, expression string, match func(*argus.Record) bool, write func([]byte) error) error {
				err := p.replay(ctx, *q, expression, match, &argus.Encoder{Version: v}, write)
				if err != nil && ctx.Err() == nil {
					log.Debug("replay", zap.Error(err))
				}
				return err
			}
		})
		if err != nil {
			return err
		}
		return servers.run(ctx)
	}
	body, err := Follow(ctx, p, uuid.Nil) // a collector that does not run is an error at once
	if err != nil {
		return err
	}
	servers, err := f.open(ctx, log, nil)
	if err != nil {
		return errors.Join(err, body.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { servers.pass(ctx, p, body, match) })
	return servers.run(ctx)
}

// pass publishes what the running collector gives, until ctx ends.
func (f *feeds) pass(ctx context.Context, p *Place, body io.ReadCloser, match func(*argus.Record) bool) {
	for ctx.Err() == nil {
		err := f.passStream(ctx, body, match)
		for ctx.Err() == nil && err != nil {
			f.log.Warn("the collector does not give its flows", zap.String("code", "feed-collector"), zap.Error(err))
			select {
			case <-ctx.Done():
				return
			case <-time.After(feedRetry):
			}
			body, err = Follow(ctx, p, uuid.Nil)
		}
	}
}

func (f *feeds) passStream(ctx context.Context, body io.ReadCloser, match func(*argus.Record) bool) error {
	defer body.Close()
	stop := context.AfterFunc(ctx, func() { _ = body.Close() })
	defer stop()
	in := argus.NewReader(body)
	for {
		r, err := in.Next()
		if err != nil {
			return err
		}
		if match == nil || match(r) {
			f.publish(r.Raw)
		}
	}
}

// replayBlock is about how many octets of records go to a client at once.
const replayBlock = 64 << 10

// replay writes what the store holds now of q's flows for which match says true; expression, which says the same, rules out files and
// row groups.
func (p *Place) replay(ctx context.Context, q store.Query, expression string, match func(*argus.Record) bool, enc *argus.Encoder, write func([]byte) error) error {
	own, err := filter.Parse([]string{expression})
	if err != nil {
		return err
	}
	Narrow(&q, own.Needs())
	if before := q.Match; before != nil {
		q.Match = func(r *argus.Record) bool { return before(r) && match(r) }
	} else {
		q.Match = match
	}
	if err := Flush(ctx, p); err != nil && !errors.Is(err, ErrNotRunning) {
		return fmt.Errorf("bring the latest flows into the store: %w", err)
	}
	v, err := p.OpenView(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	var block []byte
	for r, err := range v.Scan(q) {
		if err != nil {
			return err
		}
		if block = enc.AppendRecord(block, r); len(block) >= replayBlock {
			if err := write(block); err != nil {
				return err
			}
			block = block[:0]
		}
	}
	return write(block)
}
