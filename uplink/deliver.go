package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

const (
	window  = 128 << 10        // octets of the zstd window: no batch is much larger
	stalled = 10 * time.Minute // without progress of the watermark, what was sent is sent again: a journal may have lost it
)

// deliver sends batches and asks for the watermark until something fails.
func (c *Client) deliver(ctx context.Context) error {
	if err := c.compare(ctx); err != nil {
		return err
	}
	c.connected, c.homeAfter = time.Now(), 30*time.Minute+rand.N(30*time.Minute)
	for {
		if now := time.Now(); c.renewalDue(now) {
			c.renewTry = now.Add(c.c.renewals)
			switch err := c.renew(ctx); {
			case ctx.Err() != nil:
				c.renewTry = time.Time{} // the network has changed: that was no attempt
				return ctx.Err()
			case err != nil:
				c.c.Log.Warn("certificate was not renewed", zap.String("code", "uplink-renew"), zap.Time("until", c.id.cert.Leaf.NotAfter), zap.Error(err))
				if now.After(c.id.cert.Leaf.NotAfter) {
					return err
				} // else there is time: delivery goes on
			}
		}
		b, epoch, err := c.nextWork(ctx)
		switch {
		case err == nil && b.First == 0 && epoch == 0 && !time.Now().Before(c.goHome()):
			err = errHome
		case err != nil:
			return err
		case b.First != 0:
			if err = c.offer(ctx, b, false); errors.Is(err, errLost) {
				err = c.beginAgain(ctx)
			}
		case epoch != 0:
			_, err = c.askDurable(ctx, epoch)
		}
		if err != nil {
			return err
		}
	}
}

// nextWork waits until a batch is due, or an epoch is due to be asked about, or something else is (neither is returned).
func (c *Client) nextWork(ctx context.Context) (b spool.Batch, epoch uint64, err error) {
	for {
		now := time.Now()
		wait := min(c.nextRenewal().Sub(now), c.goHome().Sub(now))
		if wait <= 0 {
			return b, 0, nil
		}
		b, left := c.lease(now)
		if b.First != 0 {
			return b, 0, nil
		}
		wait = min(wait, left)
		if epoch, left = c.unacknowledged(now); left <= 0 {
			return b, epoch, nil
		}
		wait = min(wait, left)
		if err := c.await(ctx, wait); err != nil {
			return b, 0, err
		}
	}
}

const never = time.Duration(1<<63 - 1)

// lease returns a batch if one is due, or else how long to wait for it.
func (c *Client) lease(now time.Time) (spool.Batch, time.Duration) {
	records, octets := c.c.Queue.Ready()
	switch {
	case records == 0:
		c.oldest = time.Time{}
		return spool.Batch{}, never
	case c.oldest.IsZero():
		c.oldest = now
	}
	left := c.c.BatchInterval - now.Sub(c.oldest)
	if left > 0 && records < uint64(c.c.BatchRecords) && octets < int64(c.c.BatchBytes) {
		return spool.Batch{}, left
	}
	b, ok := c.c.Queue.Lease(c.c.BatchBytes, c.c.BatchRecords)
	if ok {
		c.oldest = time.Time{}
	}
	return b, c.c.BatchInterval // what is not on disk yet, Wait will tell of
}

// unacknowledged returns the epoch to ask about and how long to wait before. When the store has made no progress for long, what
// was sent is put back to be sent again.
func (c *Client) unacknowledged(now time.Time) (epoch uint64, left time.Duration) {
	epoch, ok := c.c.Queue.Unacknowledged()
	switch {
	case !ok:
		c.markSince = now
		return 0, never
	case now.Sub(c.markSince) > stalled:
		c.markSince = now
		c.c.Queue.Rewind() // which makes the queue tell that it has something
	}
	return epoch, wire.PollInterval - now.Sub(c.answered)
}

// await waits for a time or until the queue has something.
func (c *Client) await(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.c.Queue.Wait():
	case <-t.C:
	}
	return nil
}

// beginAgain goes on over a new connection. Who knows what became of what the collector took? All that is not durable
// goes before anything new. Where every connection ends soon, the same batch goes ever more slowly: the store will have it.
func (c *Client) beginAgain(ctx context.Context) error {
	c.c.Queue.Rewind()
	if err := c.compare(ctx); err != nil {
		return err
	}
	b, ok := c.c.Queue.Lease(c.c.BatchBytes, c.c.BatchRecords)
	if !ok {
		return nil
	}
	switch from := (wire.Watermark{Epoch: wire.Epoch(b.Epoch), Sequence: b.First}); {
	case from != c.begunFrom:
		c.begunFrom, c.begun = from, time.Now()
	case !pause(ctx, min(backoff(time.Since(c.begun)), wire.PollInterval)):
		return ctx.Err()
	}
	return c.offer(ctx, b, true)
}

// offer posts a batch until it is not answered with "busy": what was sent before it is in the journal, and to send that again would
// be what keeps the collector busy. A collector that is full is left for another one if there is one.
func (c *Client) offer(ctx context.Context, b spool.Batch, oldest bool) error {
	for {
		err := c.post(ctx, b, oldest)
		e, answered := errors.AsType[*answerError](err)
		if !answered || e.status != http.StatusTooManyRequests && (e.status != http.StatusServiceUnavailable || len(c.addresses) > 1) || c.renewalDue(time.Now()) {
			return err
		}
		c.count(func(s *Stats) { s.Attempts++ })
		c.enter(StateWaiting, fmt.Sprintf("%s: %v", c.address(), err))
		if !pause(ctx, e.wait+backoff(c.outage())) {
			return ctx.Err()
		}
	}
}

// post sends a batch. A nil error means that the collector has it or will never take it. Only the oldest of those that are not durable
// may go over a new connection, any other fails with errLost: a collector that was away may have lost what it had taken.
func (c *Client) post(ctx context.Context, b spool.Batch, oldest bool) error {
	if !oldest && c.own.count() != c.known {
		return errLost // a question has made another connection, or a renewal that failed
	}
	preamble, body, err := c.encode(b)
	if err != nil {
		return err
	}
	h := http.Header{
		"Content-Type":     {wire.ContentFlows},
		"Content-Encoding": {wire.EncodingZstd},
		wire.HeaderEpoch:   {wire.Epoch(b.Epoch).String()},
		wire.HeaderFirst:   {strconv.FormatUint(b.First, 10)},
		wire.HeaderLast:    {strconv.FormatUint(b.Last, 10)},
		wire.HeaderDropped: {strconv.FormatUint(b.Dropped, 10)},
	}
	c.sent = max(c.sent, b.Last)
	c.own.sealed.Store(!oldest)
	a, err := c.ask(ctx, c.transport(), http.MethodPost, wire.PathFlows, h, body)
	c.own.sealed.Store(false)
	c.known = c.own.count()
	if err != nil {
		return err
	}
	switch a.status {
	case http.StatusNoContent:
		if _, err := c.durable(a, b.Epoch); err != nil {
			return err
		}
		c.refused = time.Time{}
		fresh := b.Last - min(max(c.taken[b.Epoch], b.First-1), b.Last)
		c.taken[b.Epoch] = max(c.taken[b.Epoch], b.Last)
		c.count(func(s *Stats) {
			s.Batches++
			s.Records += b.Last - b.First + 1
			s.Sent += fresh
			s.Bytes += uint64(len(body))
		})
		return nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return c.quarantine(ctx, b, preamble, a)
	}
	return a.err(wire.PathFlows)
}

// encode returns the START record and the compressed body of a batch, in buffers that are used again.
func (c *Client) encode(b spool.Batch) (preamble, body []byte, err error) {
	if c.enc == nil {
		c.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, nil, err
		}
	}
	c.body = c.c.Preamble(c.body[:0])
	n := len(c.body)
	c.body = append(c.body, b.Records...)
	c.out = c.enc.EncodeAll(c.body, c.out[:0])
	return c.body[:n], c.out, nil
}

// quarantine sets aside a batch that the collector will never take. A collector that takes none is asked ever more slowly.
func (c *Client) quarantine(ctx context.Context, b spool.Batch, preamble []byte, a *answer) error {
	err := c.c.Queue.Quarantine(b, preamble)
	c.count(func(s *Stats) { s.Quarantined++ })
	if c.refused.IsZero() {
		c.refused = time.Now()
		c.c.Log.Error("the collector will never take a batch; it is set aside", zap.String("code", "uplink-quarantine"),
			zap.Uint64("first", b.First), zap.Uint64("last", b.Last), zap.NamedError("answer", a.err(wire.PathFlows)), zap.Error(err))
	}
	pause(ctx, backoff(time.Since(c.refused)))
	return ctx.Err()
}

// askDurable asks for the watermark of an epoch and commits it.
func (c *Client) askDurable(ctx context.Context, epoch uint64) (wire.Watermark, error) {
	a, err := c.ask(ctx, c.transport(), http.MethodGet, wire.PathDurable, http.Header{wire.HeaderEpoch: {wire.Epoch(epoch).String()}}, nil)
	if err != nil {
		return wire.Watermark{}, err
	}
	if a.status != http.StatusNoContent {
		return wire.Watermark{}, a.err(wire.PathDurable)
	}
	return c.durable(a, epoch)
}

var errNoWatermark = errors.New("the answer is not a collector's")

// durable reads the watermark of a good answer and frees what lies below. One of another epoch, or beyond what the collector
// can have, frees nothing.
func (c *Client) durable(a *answer, epoch uint64) (w wire.Watermark, err error) {
	w, err = wire.ParseWatermark(a.header.Get(wire.HeaderDurable))
	if err != nil {
		c.count(func(s *Stats) { s.BadAnswers++ })
		return w, fmt.Errorf("%w: %w", errNoWatermark, err)
	}
	c.noteBundle(a.header)
	c.answered = time.Now()
	c.down = time.Time{}
	c.enter(StateUp, "")
	if uint64(w.Epoch) != epoch || c.resumed && w.Sequence > c.sent {
		c.count(func(s *Stats) { s.BadAnswers++ })
		if uint64(w.Epoch) == epoch {
			c.wentBack(w)
		}
		return w, nil
	}
	if w != c.mark {
		c.mark, c.markSince = w, c.answered
	}
	if err := c.c.Queue.Commit(epoch, w.Sequence); err != nil {
		c.c.Log.Warn("spool was not freed", zap.String("code", "uplink-commit"), zap.Error(err))
	}
	return w, nil
}
