package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func (j *Journal) consume(ctx context.Context, shard int, c jetstream.OrderedConsumerConfig) (jetstream.MessagesContext, error) {
	consumer, err := j.streams[shard].OrderedConsumer(ctx, c)
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxBytes(max(pullLeast, pullBytes/len(j.streams))))
}

// next returns the next entry. Only Append writes to the streams: what does not parse is a foreign message and no batch.
func next(ctx context.Context, msgs jetstream.MessagesContext) (Entry, error) {
	for {
		msg, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return Entry{}, fmt.Errorf("journal read: %w", err)
		}
		if e, err := entryOf(msg); err == nil {
			return e, nil
		}
	}
}

// quiet is how long nothing comes from a stream before it is asked whether it is still the same.
const quiet = 10 * time.Second

// errReplaced tells that a stream was lost and made anew: its sequences mean something else.
var errReplaced = errors.New("the stream was made anew")

// reader reads a stream from its beginning. The consumer behind it goes on by itself after the loss of a server, at the sequence
// where it was: in a stream that was made anew it would leave out all before.
type reader struct {
	*Journal
	shard    int
	msgs     jetstream.MessagesContext
	consumer string // which gave the last message: another one may be of another stream
}

func (j *Journal) reader(ctx context.Context, shard int) (*reader, error) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := j.streams[shard].Info(limited)
	if err != nil {
		return nil, err
	}
	j.created[shard].Store(info.Created.UnixNano())
	// A consumer that cannot be made at once is an error: waiting for it does not end with ctx.
	msgs, err := j.consume(limited, shard, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy, MaxResetAttempts: 1})
	if err != nil {
		return nil, err
	}
	return &reader{Journal: j, shard: shard, msgs: msgs}, nil
}

func (r *reader) next(ctx context.Context) (Entry, error) {
	for {
		limited, cancel := context.WithTimeout(ctx, r.quiet)
		e, err := next(limited, r.msgs)
		cancel()
		waited := errors.Is(err, context.DeadlineExceeded)
		if err == nil && e.consumer == r.consumer || err != nil && !waited || ctx.Err() != nil {
			return e, err
		}
		if replaced := r.same(ctx, r.shard); replaced != nil || err == nil {
			r.consumer = e.consumer
			return e, replaced
		}
	}
}

// same fails when the stream of a shard is not the one that Batches began with.
func (j *Journal) same(ctx context.Context, shard int) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := j.streams[shard].Info(ctx)
	if began := j.created[shard].Load(); err == nil && began != 0 && info.Created.UnixNano() != began {
		err = errReplaced
	}
	return err
}
