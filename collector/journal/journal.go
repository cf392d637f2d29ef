package journal

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	// pullBytes bounds what the readers of all shards hold in memory ahead of their consumers, and pullLeast what one of them may.
	pullBytes, pullLeast = 8 << 20, 2 << 20
)

// ErrFull means that the journal has reached its size: the batch was not taken and can be sent again later.
var ErrFull = errors.New("journal is full")

// ErrNoStream means that nobody takes batches of this shard: the stream is lost, or is choosing a leader. Open makes it again.
var ErrNoStream = errors.New("the journal has no such stream now")

// Batch is what an agent posted, as it was posted. (Monitor, Epoch, sequence) is the identity of a record.
type Batch struct {
	Monitor     uuid.UUID  // whose records: from the certificate
	Epoch       wire.Epoch // of the agent's spool
	First, Last uint64     // sequences of the first and the last record
	Dropped     uint64     // sequences directly before First that never come
	Received    time.Time  // when the receiver took it
	Origin      string     // how it came: empty of an agent
	Body        []byte     // zstd: an Argus stream
}

// Entry is a batch at its place in the journal.
type Entry struct {
	Batch
	Seq uint64 // 1, 2, 3 ... in the order of arrival in its shard

	consumer string // that gave it
}

// Journal is the client of the streams, one a shard: a monitor's batches are all in one. Its methods may be called from several goroutines.
type Journal struct {
	js      jetstream.JetStream
	streams []jetstream.Stream
	created []atomic.Int64 // when the stream was made that Batches began with, Unix nanoseconds; 0: it has not
	quiet   time.Duration
}

// MaxShards is the most streams that a journal may have.
const MaxShards = 64

// Open opens a journal of so many shards. With maxBytes it makes the streams when there are none and sets their limit: when
// that much is kept in all of them, Append returns ErrFull. With 0 they are only looked for.
func Open(ctx context.Context, nc *nats.Conn, shards int, maxBytes int64) (*Journal, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{js: js, created: make([]atomic.Int64, shards), quiet: quiet}
	for shard := range shards {
		name, subjects := stream(shard, shards)
		var s jetstream.Stream
		if maxBytes == 0 {
			s, err = lookUp(ctx, js, name)
		} else {
			s, err = openStream(ctx, js, jetstream.StreamConfig{
				Name:        name,
				Description: "batches of flow records on their way to the store",
				Subjects:    []string{subjects + "*"},
				Storage:     jetstream.FileStorage,
				Retention:   jetstream.LimitsPolicy,
				Discard:     jetstream.DiscardNew,
				MaxBytes:    maxBytes / int64(shards),
				Duplicates:  dedupeWindow,
			})
		}
		if err != nil {
			return nil, fmt.Errorf("journal: stream %s: %w", name, err)
		}
		j.streams = append(j.streams, s)
	}
	return j, nil
}

// stream returns the name of a shard's stream, and how its subjects begin; the monitor follows.
func stream(shard, shards int) (name, subjects string) {
	if shards == 1 {
		return streamName, subjectPrefix
	}
	return streamName + "-" + strconv.Itoa(shard), subjectPrefix + strconv.Itoa(shard) + "."
}

// Shards returns how many shards there are.
func (j *Journal) Shards() int { return len(j.streams) }

// Shard returns the shard that has the batches of a monitor: FNV-1a of its 16 octets.
func (j *Journal) Shard(monitor uuid.UUID) int {
	h := fnv.New32a()
	h.Write(monitor[:])
	return int(h.Sum32() % uint32(len(j.streams)))
}

// Replicas returns how many servers keep each entry, as it was when the journal was opened.
func (j *Journal) Replicas() int { return j.streams[0].CachedInfo().Config.Replicas }

// Append puts b at the end of its shard and returns when it is on the disk, of most replicas. A batch of the same identity within the
// last two minutes is not stored again, which is no error.
func (j *Journal) Append(ctx context.Context, b *Batch) error {
	id := fmt.Sprintf("%s-%s-%d-%d", b.Monitor, b.Epoch, b.First, b.Last)
	_, subjects := stream(j.Shard(b.Monitor), len(j.streams))
	_, err := j.js.PublishMsg(ctx, b.message(subjects), jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0))
	if apiErr, ok := errors.AsType[*jetstream.APIError](err); ok {
		const maxBytesExceeded, insufficientResources = 10077, 10023
		if apiErr.ErrorCode == maxBytesExceeded || apiErr.ErrorCode == insufficientResources ||
			strings.Contains(apiErr.Description, "maximum bytes") {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		return fmt.Errorf("%w: %w", ErrNoStream, err)
	}
	if err != nil {
		return fmt.Errorf("journal append: %w", told(err))
	}
	return nil
}

// Batches yields everything that a shard holds and then what arrives, in order, until ctx ends.
// After an error the iteration is over and the caller may begin another.
func (j *Journal) Batches(ctx context.Context, shard int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r, err := j.reader(ctx, shard)
		if err != nil {
			if ctx.Err() == nil {
				yield(Entry{}, fmt.Errorf("journal read: %w", err))
			}
			return
		}
		defer r.msgs.Stop()
		for {
			e, err := r.next(ctx)
			if ctx.Err() != nil || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Follow yields what arrives from now on, in any shard, until ctx ends or one cannot be read. It calls ready when nothing that
// arrives later can be missed. A reader that is slower than the agents may miss what was discarded meanwhile.
func (j *Journal) Follow(ctx context.Context, ready func()) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		items := make(chan followed)
		var readers sync.WaitGroup
		defer readers.Wait()
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		for shard := range j.streams {
			msgs, err := j.consume(ctx, shard, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
			if err != nil {
				if ctx.Err() == nil {
					yield(Entry{}, fmt.Errorf("journal read: %w", err))
				}
				return
			}
			readers.Go(func() { follow(ctx, msgs, items) })
		}
		ready()
		for {
			select {
			case f := <-items:
				if ctx.Err() != nil || !yield(f.Entry, f.err) || f.err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

type followed struct {
	Entry
	err error
}

// follow gives the entries of one shard to items.
func follow(ctx context.Context, msgs jetstream.MessagesContext, items chan<- followed) {
	defer msgs.Stop()
	for {
		e, err := next(ctx, msgs)
		select {
		case items <- followed{e, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Discard forgets every entry of a shard up to and including seq. It is the acknowledgement of the store.
func (j *Journal) Discard(ctx context.Context, shard int, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := j.same(ctx, shard); err != nil {
		return fmt.Errorf("journal discard: %w", err)
	}
	if err := j.streams[shard].Purge(ctx, jetstream.WithPurgeSequence(seq+1)); err != nil {
		return fmt.Errorf("journal discard: %w", err)
	}
	return nil
}

// State tells what a shard holds.
type State struct {
	First, Last uint64 // sequences of the oldest and the newest entry; Last < First when it is empty
	Bytes       uint64 // on the disk
}

// State asks the server.
func (j *Journal) State(ctx context.Context, shard int) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := j.streams[shard].Info(ctx)
	if err != nil {
		return State{}, fmt.Errorf("journal state: %w", err)
	}
	return State{First: info.State.FirstSeq, Last: info.State.LastSeq, Bytes: info.State.Bytes}, nil
}
