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
		r := newReplays(p, *q)
		servers, err := f.open(ctx, p.feedID(), log, func(v argus.Version) replayFunc {
			return func(ctx context.Context, expression string, match func(*argus.Record) bool, write func([]byte) error) error {
				return r.run(ctx, expression, match, &argus.Encoder{Version: v}, write)
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
	servers, err := f.open(ctx, p.feedID(), log, nil)
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

const (
	maxReplays = 8           // that read the store at once: each takes some 40 MB
	flushPause = time.Second // between the commits that clients ask for: each makes files
)

// replays are those of one range of the store, for all clients.
type replays struct {
	place *Place
	query store.Query
	turns chan struct{} // full: wait

	flushing chan struct{} // guards what follows
	tried    time.Time     // a running collector was asked
	flushed  time.Time     // when the last flush began that ended well
}

func newReplays(p *Place, q store.Query) *replays {
	return &replays{place: p, query: q, turns: make(chan struct{}, maxReplays), flushing: make(chan struct{}, 1)}
}

// run is a client's replay. It waits until there is room for it.
func (r *replays) run(ctx context.Context, expression string, match func(*argus.Record) bool, enc *argus.Encoder, write func([]byte) error) error {
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.flush(ctx); err != nil {
		return fmt.Errorf("bring the latest flows into the store: %w", err)
	}
	return r.replay(ctx, expression, match, enc, write)
}

// flush brings what has arrived until now into the store. Those who ask at once share one commit.
func (r *replays) flush(ctx context.Context) error {
	asked := time.Now()
	select {
	case r.flushing <- struct{}{}:
		defer func() { <-r.flushing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.flushed.After(asked) {
		return nil
	}
	select {
	case <-time.After(time.Until(r.tried.Add(flushPause))):
	case <-ctx.Done():
		return ctx.Err()
	}
	began := time.Now()
	err := Flush(ctx, r.place)
	if errors.Is(err, ErrNotRunning) {
		err = nil
	} else {
		r.tried = began
	}
	if err == nil {
		r.flushed = began
	}
	return err
}

// replay writes what the store holds now of the range's flows for which match says true; expression, which says the same, rules out
// files and row groups.
func (r *replays) replay(ctx context.Context, expression string, match func(*argus.Record) bool, enc *argus.Encoder, write func([]byte) error) error {
	q := r.query
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
	v, err := r.place.OpenView(ctx)
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
