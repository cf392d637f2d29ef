package collector

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats.go"
)

// Between the processes of a cluster: a writer publishes the watermarks that a commit raised, and answers receivers that do not
// know one. What gets lost on the way costs an agent's spool some seconds and nothing else.
const (
	subjectDurable = "argus.durable." // and the shard: marks
	subjectMark    = "argus.mark."    // request: a monitor and an epoch; answer: its mark
	subjectFlush   = "argus.flush."   // request: all of the shard into the store; answer: nothing, or why not
)

const (
	// markFresh is how long a receiver relies on a watermark without hearing of it: twice the longest commit interval.
	markFresh = time.Minute
	// markAsk bounds the wait for a writer's answer; one that has not answered is not asked again for as long.
	markAsk = time.Second
	// maxMarks bounds what a receiver remembers.
	maxMarks = 1 << 18
	// marksMessage is how many marks a message has at most: half of the smallest max_payload.
	marksMessage = 16 << 10
)

type epochKey struct {
	monitor uuid.UUID
	epoch   wire.Epoch
}

// mark is a watermark of the store.
type mark struct {
	epochKey
	sequence uint64
}

// markSize octets are a mark on the wire: monitor, epoch, sequence, the numbers with the highest octet first.
const markSize = 16 + 8 + 8

func appendMark(b []byte, m mark) []byte {
	b = append(b, m.monitor[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.epoch))
	return binary.BigEndian.AppendUint64(b, m.sequence)
}

func parseMark(b []byte) (m mark) {
	copy(m.monitor[:], b)
	m.epoch = wire.Epoch(binary.BigEndian.Uint64(b[16:]))
	m.sequence = binary.BigEndian.Uint64(b[24:])
	return m
}

// publishMarks tells all receivers. A receiver that does not hear it asks later.
func publishMarks(nc *nats.Conn, shard int, marks []mark) {
	for len(marks) > 0 {
		n := min(len(marks), marksMessage)
		var b []byte
		for _, m := range marks[:n] {
			b = appendMark(b, m)
		}
		_ = nc.Publish(subjectDurable+strconv.Itoa(shard), b)
		marks = marks[n:]
	}
}

// marks is what a receiver knows of the store's watermarks.
type marks struct {
	conn  *nats.Conn
	shard func(uuid.UUID) int

	mu     sync.Mutex
	known  map[epochKey]knownMark
	silent map[int]time.Time // the shards whose writers did not answer, until when
}

type knownMark struct {
	sequence uint64
	heard    time.Time
}

func newMarks(nc *nats.Conn, shard func(uuid.UUID) int) *marks {
	return &marks{conn: nc, shard: shard, known: map[epochKey]knownMark{}, silent: map[int]time.Time{}}
}

// run listens to the writers until ctx ends.
func (m *marks) run(ctx context.Context) error {
	return serve(ctx, m.conn, subjectDurable+"*", func(msg *nats.Msg) {
		now := time.Now()
		for b := msg.Data; len(b) >= markSize; b = b[markSize:] {
			m.learn(parseMark(b), now, false)
		}
	})
}

// learn notes a watermark: the last word counts. One that came late is too low for a while; one that is lower than before because
// the store is another one, or an older copy of it, must never be answered with what the old one had. Of what nobody has asked
// for only asked makes an entry.
func (m *marks) learn(x mark, now time.Time, asked bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.known[x.epochKey]
	if !ok && !asked {
		return
	}
	if !ok && len(m.known) >= maxMarks {
		clear(m.known) // they are asked for again
	}
	m.known[x.epochKey] = knownMark{x.sequence, now}
}

// get returns a watermark: as it was heard of within markFresh, or as the shard's writer says, or 0: nobody knows what became of the
// store since.
func (m *marks) get(monitor uuid.UUID, epoch wire.Epoch) uint64 {
	key, now, shard := epochKey{monitor, epoch}, time.Now(), m.shard(monitor)
	m.mu.Lock()
	known, ok := m.known[key]
	wait := now.Before(m.silent[shard])
	m.mu.Unlock()
	switch {
	case ok && now.Sub(known.heard) < markFresh:
		return known.sequence
	case wait:
		return 0
	}
	reply, err := m.conn.Request(subjectMark+strconv.Itoa(shard), appendMark(nil, mark{epochKey: key}), markAsk)
	if err != nil || len(reply.Data) != markSize {
		m.mu.Lock()
		m.silent[shard] = now.Add(2 * markAsk)
		m.mu.Unlock()
		return 0
	}
	answer := mark{key, parseMark(reply.Data).sequence}
	m.learn(answer, time.Now(), true)
	return answer.sequence
}

// serve answers what the other processes ask of the writer of a shard, until ctx ends.
func (w *writers) serve(ctx context.Context, beside *sync.WaitGroup, x *writer) {
	nc, shard := w.broker.parts.Load().conn, strconv.Itoa(x.shard)
	beside.Go(func() {
		_ = serve(ctx, nc, subjectMark+shard, func(msg *nats.Msg) {
			if len(msg.Data) != markSize || x.store.Load() == nil {
				return // not one of ours, or not known yet
			}
			asked := parseMark(msg.Data)
			asked.sequence = x.watermark(asked.monitor, asked.epoch)
			_ = msg.Respond(appendMark(nil, asked))
		})
	})
	beside.Go(func() {
		_ = serve(ctx, nc, subjectFlush+shard, func(msg *nats.Msg) {
			var why string
			if err := x.flush(ctx); err != nil {
				why = err.Error()
			}
			_ = msg.Respond([]byte(why))
		})
	})
}

// serve gives the messages of a subject to answer, one after another, until ctx or the connection ends.
func serve(ctx context.Context, nc *nats.Conn, subject string, answer func(*nats.Msg)) error {
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			answer(msg)
		case !sub.IsValid():
			return err
		}
	}
}
