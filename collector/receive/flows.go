package receive

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// flows takes a batch.
func (h *Handler) flows(w http.ResponseWriter, r *http.Request) {
	monitor, err := h.verify(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	b, err := batchOf(r, monitor)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if err := h.take(w, r, b); err != nil {
		h.fail(w, r, err)
		return
	}
	h.batches.Add(1)
	h.records.Add(b.Last - b.First + 1)
	h.bytes.Add(uint64(len(b.Body)))
	h.acknowledge(w, monitor, b.Epoch)
}

// take reads the body of b, checks it and puts it into the journal.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, b *Batch) (err error) {
	size := int(r.ContentLength)
	if size < 0 { // it may be anything
		size = wire.MaxCompressed
	}
	if err := h.limit.begin(r.Context(), b.Monitor, int(b.Last-b.First+1), size); err != nil {
		return err
	}
	defer func() { h.limit.end(b.Monitor, size, err != nil && answerTo(err).never()) }()
	h.bodyDeadline(w) // it may have waited
	b.Received = time.Now()
	b.Body, err = readAll(http.MaxBytesReader(w, r.Body, wire.MaxCompressed), r.ContentLength)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return reject(http.StatusRequestEntityTooLarge, "body has more than %d octets", tooLarge.Limit)
	}
	if err != nil { // the connection broke, or time ran out
		return busy(http.StatusServiceUnavailable, shortRetry, "body did not arrive: "+err.Error())
	}
	if err := h.check(b); err != nil {
		return err
	}
	if err := h.config.Append(r.Context(), b); err != nil {
		return err
	}
	if h.limit.begins(b.Monitor, b.Epoch) {
		if err := h.config.Authority.Delivers(b.Monitor, b.Epoch); err != nil { // the records are safe all the same
			h.config.Log.Warn("cannot note the epoch of a monitor", zap.String("code", "epoch-not-noted"), zap.Stringer("monitor", b.Monitor), zap.Error(err))
		}
	}
	return nil
}

// usualBody is as much as is believed of a Content-Length before anything has come.
const usualBody = 64 << 10

func readAll(r io.Reader, length int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), usualBody)+bytes.MinRead))
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

// batchOf reads the headers of a batch.
func batchOf(r *http.Request, monitor uuid.UUID) (*Batch, error) {
	bad := func(name string, err error) error {
		return reject(http.StatusBadRequest, "header %s: %v", name, err)
	}
	if got := r.Header.Get("Content-Type"); got != wire.ContentFlows {
		return nil, reject(http.StatusBadRequest, "Content-Type is %.80q, want %s", got, wire.ContentFlows)
	}
	if got := r.Header.Get("Content-Encoding"); got != wire.EncodingZstd {
		return nil, reject(http.StatusBadRequest, "Content-Encoding is %.80q, want %s", got, wire.EncodingZstd)
	}
	b := &Batch{Monitor: monitor}
	var err error
	if b.Epoch, err = wire.ParseEpoch(r.Header.Get(wire.HeaderEpoch)); err != nil {
		return nil, bad(wire.HeaderEpoch, err)
	}
	if b.First, err = wire.ParseSequence(r.Header.Get(wire.HeaderFirst)); err != nil {
		return nil, bad(wire.HeaderFirst, err)
	}
	if b.Last, err = wire.ParseSequence(r.Header.Get(wire.HeaderLast)); err != nil {
		return nil, bad(wire.HeaderLast, err)
	}
	if b.Dropped, err = wire.ParseSequence(r.Header.Get(wire.HeaderDropped)); err != nil {
		return nil, bad(wire.HeaderDropped, err)
	}
	switch {
	case b.First == 0 || b.Last < b.First || b.Dropped >= b.First:
		return nil, reject(http.StatusUnprocessableEntity, "sequences %d to %d with %d dropped before them are not possible", b.First, b.Last, b.Dropped)
	case b.Last-b.First >= wire.MaxBatchRecords:
		return nil, reject(http.StatusRequestEntityTooLarge, "batch has %d records, more than %d", b.Last-b.First+1, wire.MaxBatchRecords)
	case r.ContentLength > wire.MaxCompressed:
		return nil, reject(http.StatusRequestEntityTooLarge, "body has %d octets, more than %d", r.ContentLength, wire.MaxCompressed)
	}
	return b, nil
}
