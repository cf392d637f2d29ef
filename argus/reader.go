package argus

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// ErrFormat is what errors about bytes that are no Argus records wrap.
var ErrFormat = errors.New("not an Argus record stream")

func formatError(at int, err error) error {
	return fmt.Errorf("%w: at byte %d: %w", ErrFormat, at, err)
}

// recordLen returns the length in bytes of the record that b begins with and that must be whole.
func recordLen(b []byte) (int, error) {
	if len(b) < 4 {
		return 0, fmt.Errorf("%d bytes of a record header: %w", len(b), io.ErrUnexpectedEOF)
	}
	n, err := claimedLen(b)
	if err == nil && n > len(b) {
		err = cutOff(n, len(b))
	}
	return n, err
}

// claimedLen returns the length in bytes that a record header claims.
func claimedLen(head []byte) (int, error) {
	n := int(be.Uint16(head[2:])) * 4
	if n == 0 {
		return 0, errors.New("record of length 0")
	}
	if v := head[0] & 0x0f; v != byte(V3) && v != byte(V5) {
		return 0, fmt.Errorf("record of version %d, known are 3 and 5", v)
	}
	return n, nil
}

func cutOff(n, got int) error {
	return fmt.Errorf("record of %d bytes, %d are there: %w", n, got, io.ErrUnexpectedEOF)
}

// Records lends every record of b in order: one reused Record, valid until the next step. Bytes that are no
// record end it with an error that wraps ErrFormat. A loop over it allocates nothing, or that one Record when the
// loop passes it on through an interface.
func Records(b []byte) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var r Record
		for at := 0; at < len(b); {
			n, err := recordLen(b[at:])
			if err != nil {
				yield(nil, formatError(at, err))
				return
			}
			r.decode(b[at : at+n])
			if !yield(&r, nil) {
				return
			}
			at += n
		}
	}
}

// Reader reads the records of a stream. It holds at most the largest record, 256 KiB.
type Reader struct {
	in   *bufio.Reader
	at   int
	none int    // octets passed over
	big  []byte // a record that is larger than in's buffer
	n    int    // bytes of in that the last record still occupies
	rec  Record
	err  error
}

// NewReader returns a reader of the records that r gives.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 1<<15)}
}

// PassedOver returns how many octets of the stream so far were no record.
func (r *Reader) PassedOver() int { return r.none }

// Next returns the next record, valid until the following call. Words of 0 where a record should begin are passed over, 256 KiB
// of them at most (section 1.1). At the end of the stream it returns io.EOF, for a stream that ends within a record an error that
// wraps ErrFormat and io.ErrUnexpectedEOF.
func (r *Reader) Next() (*Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	b, err := r.next()
	if err != nil {
		r.err = err
		return nil, err
	}
	r.rec.decode(b)
	return &r.rec, nil
}

func (r *Reader) next() ([]byte, error) {
	r.in.Discard(r.n) // what Peek gave is there
	r.at += r.n
	r.n = 0
	head, err := r.head()
	if err != nil {
		return nil, err
	}
	n, err := claimedLen(head)
	if err != nil {
		return nil, formatError(r.at, err)
	}
	if n > r.in.Size() {
		return r.large(n)
	}
	b, err := r.in.Peek(n)
	if err == io.EOF {
		return nil, formatError(r.at, cutOff(n, len(b)))
	}
	r.n = len(b)
	return b, err
}

// head returns the next record header that claims a length.
func (r *Reader) head() ([]byte, error) {
	for passed := 0; ; passed += 4 {
		head, err := r.in.Peek(4)
		if err == io.EOF && len(head) > 0 {
			return nil, formatError(r.at, io.ErrUnexpectedEOF)
		}
		if err != nil || be.Uint16(head[2:]) != 0 || passed >= maxRecord {
			return head, err
		}
		r.in.Discard(4)
		r.at += 4
		r.none += 4
	}
}

func (r *Reader) large(n int) ([]byte, error) {
	if cap(r.big) < n {
		r.big = make([]byte, n)
	}
	got, err := io.ReadFull(r.in, r.big[:n])
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = formatError(r.at, cutOff(n, got))
	}
	r.at += got
	return r.big[:n], err
}

// IsStream tells whether a file or connection that begins with these bytes, 12 or more, is an Argus stream:
// whether they are those of a START management record of version 3 or 5.
func IsStream(prefix []byte) bool {
	if len(prefix) < 12 || prefix[0]&0xf0 != typeManagement || prefix[1]&0xf0 != 0x10 || be.Uint16(prefix[2:]) != marLen/4 {
		return false
	}
	cookie := be.Uint32(prefix[8:])
	return cookie == cookieV3 || cookie == cookieV5
}
