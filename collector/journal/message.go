package journal

import (
	"strconv"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// headerReceived is the receive time, nanoseconds since 1970; headerOrigin is not there when it is empty. The other headers are
// those of the wire contract; the monitor is the last word of the subject.
const headerReceived, headerOrigin = "Argus-Received", "Argus-Origin"

// headerBytes is more than the headers of a batch have.
const headerBytes = 64 << 10

func (b *Batch) message(subjects string) *nats.Msg {
	msg := &nats.Msg{
		Subject: subjects + b.Monitor.String(),
		Data:    b.Body,
		Header: nats.Header{
			wire.HeaderEpoch:   {b.Epoch.String()},
			wire.HeaderFirst:   {strconv.FormatUint(b.First, 10)},
			wire.HeaderLast:    {strconv.FormatUint(b.Last, 10)},
			wire.HeaderDropped: {strconv.FormatUint(b.Dropped, 10)},
			headerReceived:     {strconv.FormatInt(b.Received.UnixNano(), 10)},
		},
	}
	if b.Origin != "" {
		msg.Header.Set(headerOrigin, b.Origin)
	}
	return msg
}

func entryOf(msg jetstream.Msg) (e Entry, err error) {
	meta, err := msg.Metadata()
	if err != nil {
		return e, err
	}
	e.Seq, e.consumer, e.Body = meta.Sequence.Stream, meta.Consumer, msg.Data()
	if e.Monitor, err = uuid.FromString(msg.Subject()[strings.LastIndexByte(msg.Subject(), '.')+1:]); err != nil {
		return e, err
	}
	h := msg.Headers()
	if e.Epoch, err = wire.ParseEpoch(h.Get(wire.HeaderEpoch)); err != nil {
		return e, err
	}
	if e.First, err = wire.ParseSequence(h.Get(wire.HeaderFirst)); err != nil {
		return e, err
	}
	if e.Last, err = wire.ParseSequence(h.Get(wire.HeaderLast)); err != nil {
		return e, err
	}
	if e.Dropped, err = wire.ParseSequence(h.Get(wire.HeaderDropped)); err != nil {
		return e, err
	}
	received, err := strconv.ParseInt(h.Get(headerReceived), 10, 64)
	e.Received, e.Origin = time.Unix(0, received), h.Get(headerOrigin)
	return e, err
}
