package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName    = "FLOWS"
	subjectPrefix = "flows."
	// dedupeWindow is how long JetStream remembers a batch by its identity. The store's watermark
	// remembers for ever; this window only saves work.
	dedupeWindow = 2 * time.Minute
	// pullBytes bounds what a reader holds in memory ahead of its consumer.
	pullBytes = 8 << 20
)

// ErrFull means that the journal has reached its size: the batch was not taken and can be sent again later.
var ErrFull = errors.New("journal is full")

// Batch is what an agent posted, as it was posted. (Monitor, Epoch, sequence) is the identity of a record.
type Batch struct {
	Monitor     uuid.UUID  // whose records: from the certificate
	Epoch       wire.Epoch // of the agent's spool
	First, Last uint64     // sequences of the first and the last record
	Dropped     uint64     // sequences directly before First that never come
	Received    time.Time  // when the receiver took it
	Body        []byte     // zstd: an Argus v5 stream
}

// Entry is a batch at its place in the journal.
type Entry struct {
	Batch
	Seq uint64 // 1, 2, 3 ... in the order of arrival
}

// Journal is the client of the stream. Its methods may be called from several goroutines.
type Journal struct {
	js     jetstream.JetStream
	stream jetstream.Stream
}

// Open makes the stream when there is none, and sets its limit: when maxBytes are kept, Append returns ErrFull.
func Open(ctx context.Context, nc *nats.Conn, maxBytes int64) (*Journal, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        streamName,
		Description: "batches of flow records on their way to the store",
		Subjects:    []string{subjectPrefix + "*"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    maxBytes,
		Duplicates:  dedupeWindow,
	})
	if err != nil {
		return nil, fmt.Errorf("journal: stream %s: %w", streamName, err)
	}
	return &Journal{js: js, stream: stream}, nil
}

// Append puts b at the end and returns when it is on the disk. A batch of the same identity within the
// last two minutes is not stored again, which is no error.
func (j *Journal) Append(ctx context.Context, b *Batch) error {
	id := fmt.Sprintf("%s-%s-%d-%d", b.Monitor, b.Epoch, b.First, b.Last)
	_, err := j.js.PublishMsg(ctx, b.message(), jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0))
	if apiErr, ok := errors.AsType[*jetstream.APIError](err); ok {
		const maxBytesExceeded, insufficientResources = 10077, 10023
		if apiErr.ErrorCode == maxBytesExceeded || apiErr.ErrorCode == insufficientResources ||
			strings.Contains(apiErr.Description, "maximum bytes") {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	if err != nil {
		return fmt.Errorf("journal append: %w", err)
	}
	return nil
}

// Batches yields everything the journal holds and then what arrives, in order, until ctx ends.
// After an error the iteration is over and the caller may begin another.
func (j *Journal) Batches(ctx context.Context) iter.Seq2[Entry, error] {
	return j.read(ctx, jetstream.DeliverAllPolicy, nil)
}

// Follow yields what arrives from now on until ctx ends. It calls ready when nothing that arrives later
// can be missed. A reader that is slower than the agents may miss what was discarded meanwhile.
func (j *Journal) Follow(ctx context.Context, ready func()) iter.Seq2[Entry, error] {
	return j.read(ctx, jetstream.DeliverNewPolicy, ready)
}

func (j *Journal) read(ctx context.Context, from jetstream.DeliverPolicy, ready func()) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		msgs, err := j.consume(ctx, from)
		if err != nil {
			if ctx.Err() == nil {
				yield(Entry{}, fmt.Errorf("journal read: %w", err))
			}
			return
		}
		defer msgs.Stop()
		if ready != nil {
			ready()
		}
		for {
			msg, err := msgs.Next(jetstream.NextContext(ctx))
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("journal read: %w", err))
				return
			}
			// Only Append writes to the stream: what does not parse is a foreign message and no batch.
			if e, err := entryOf(msg); err == nil && !yield(e, nil) {
				return
			}
		}
	}
}

func (j *Journal) consume(ctx context.Context, from jetstream.DeliverPolicy) (jetstream.MessagesContext, error) {
	consumer, err := j.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: from})
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxBytes(pullBytes))
}

// Discard forgets every entry up to and including seq. It is the acknowledgement of the store.
func (j *Journal) Discard(ctx context.Context, seq uint64) error {
	if err := j.stream.Purge(ctx, jetstream.WithPurgeSequence(seq+1)); err != nil {
		return fmt.Errorf("journal discard: %w", err)
	}
	return nil
}

// State tells what the journal holds.
type State struct {
	First, Last uint64 // sequences of the oldest and the newest entry; Last < First when it is empty
	Bytes       uint64 // on the disk
}

// State asks the server.
func (j *Journal) State(ctx context.Context) (State, error) {
	info, err := j.stream.Info(ctx)
	if err != nil {
		return State{}, fmt.Errorf("journal state: %w", err)
	}
	return State{First: info.State.FirstSeq, Last: info.State.LastSeq, Bytes: info.State.Bytes}, nil
}
