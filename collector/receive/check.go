package receive

import (
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/klauspost/compress/zstd"
)

// unzipper decompresses one body at a time, a usual one into memory that it keeps.
type unzipper struct {
	dec *zstd.Decoder
	buf []byte
}

func newUnzipper() *unzipper {
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(wire.MaxWindow),
		zstd.WithDecoderMaxMemory(wire.MaxDecompressed),
		zstd.WithDecodeAllCapLimit(true)) // the limit of memory alone is one of each frame
	if err != nil {
		panic(err) // the options are constants
	}
	return &unzipper{dec, make([]byte, 0, usualStream)}
}

// usualStream is more octets than the stream of a usual batch has: an agent sends at 64 KiB of records.
const usualStream = 256 << 10

// unzip returns the content of body, which is valid until the next call.
func (u *unzipper) unzip(body []byte) ([]byte, error) {
	b, err := u.dec.DecodeAll(body, u.buf)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		b, err = u.dec.DecodeAll(body, make([]byte, 0, wire.MaxDecompressed))
	}
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, reject(http.StatusRequestEntityTooLarge, "body decompresses to more than %d octets, or with a window above %d: %v", wire.MaxDecompressed, wire.MaxWindow, err)
	case err != nil:
		return nil, reject(http.StatusBadRequest, "body is not zstd: %v", err)
	}
	return b, nil
}

// check tells whether the body of b is what its headers say.
func (h *Handler) check(b *Batch) error {
	u := <-h.unzip
	defer func() { h.unzip <- u }()
	stream, err := u.unzip(b.Body)
	if err != nil {
		return err
	}
	next, started := b.First, false
	for r, err := range argus.Records(stream) {
		switch {
		case err != nil:
			return reject(http.StatusUnprocessableEntity, "%v", err)
		case r.Version != argus.V5:
			return reject(http.StatusUnprocessableEntity, "record of version %d, want 5", r.Version)
		case !started:
			if !argus.IsStream(r.Raw) {
				return reject(http.StatusUnprocessableEntity, "body does not begin with a START management record")
			}
		case r.Kind == argus.KindOther:
			return reject(http.StatusUnprocessableEntity, "record %d is neither flow, status nor event", next)
		case len(r.Raw) > wire.MaxRecord:
			return reject(http.StatusRequestEntityTooLarge, "record %d has %d octets, more than %d", next, len(r.Raw), wire.MaxRecord)
		case r.Sequence != uint32(next):
			return reject(http.StatusUnprocessableEntity, "record has sequence %d where %d (modulo 2^32) is due", r.Sequence, next)
		case !utf8.Valid(r.Label), !utf8.Valid(r.Event.Data):
			return reject(http.StatusUnprocessableEntity, "record %d has a label or an event that is not UTF-8", next)
		case next > b.Last:
			return reject(http.StatusUnprocessableEntity, "body has more records than its headers say")
		}
		if id, ok := r.Monitor.UUID(); !ok || id != b.Monitor {
			return reject(http.StatusForbidden, "record %d is of monitor %q and the certificate of %s", next, r.Monitor, b.Monitor)
		}
		if started {
			next++
		}
		started = true
	}
	if next != b.Last+1 {
		return reject(http.StatusUnprocessableEntity, "body has %d records, its headers say %d", next-b.First, b.Last-b.First+1)
	}
	return nil
}
