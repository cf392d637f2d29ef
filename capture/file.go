package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	maxRecord  = 256 << 10 // octets of one frame; libpcap's own limit
	fileBuffer = 1 << 20   // holds the largest block that is looked into
)

// OpenFile reads a pcap or pcapng file; "-" is the standard input.
func OpenFile(path string) (Source, error) {
	if path == "-" {
		return NewReader(os.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.(*fileSource).file = f
	return s, nil
}

// NewReader reads a pcap or pcapng stream; its first octets tell which. To look at them first (Argus record streams
// begin otherwise) wrap r in a bufio.Reader, Peek, and pass that. Closing the Source does not close r.
func NewReader(r io.Reader) (Source, error) {
	s := &fileSource{in: bufio.NewReaderSize(r, fileBuffer)}
	magic, err := s.in.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("not a capture file: %d octets long: %w", len(magic), notEOF(err))
	}
	switch m := binary.LittleEndian.Uint32(magic); m {
	case pcapngSection:
		s.records = &pcapng{}
	default:
		p, ok := pcapFormats[m]
		if !ok {
			return nil, fmt.Errorf("not a capture file: it begins with % x, neither pcap nor pcapng", magic)
		}
		s.records = &p
	}
	if err := s.records.begin(s); err != nil {
		return nil, err
	}
	return s, nil
}

// fileSource lends the frames of a capture file from its one buffer.
type fileSource struct {
	in       *bufio.Reader
	records  recordFormat
	file     *os.File // what Close closes, if anything
	consumed int      // octets of the record lent last
	offset   int64    // of the next record, for messages
	received uint64
	err      error
	closed   atomic.Bool
}

// recordFormat is what pcap and pcapng differ in.
type recordFormat interface {
	begin(s *fileSource) error
	next(s *fileSource, f *Frame) ([]byte, error)
}

// Next implements Source.
func (s *fileSource) Next(f *Frame, _ time.Duration) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	data, err := s.records.next(s, f)
	if s.closed.Load() {
		err = fmt.Errorf("capture file: %w", net.ErrClosed)
	}
	if err != nil {
		s.err = err
		return nil, err
	}
	s.received++
	return data, nil
}

// Interrupt implements Source: a file does not wait.
func (s *fileSource) Interrupt() {}

// Stats implements Source.
func (s *fileSource) Stats() (Stats, error) { return Stats{Received: s.received}, nil }

// Close implements Source.
func (s *fileSource) Close() error {
	if s.closed.Swap(true) || s.file == nil {
		return nil
	}
	return s.file.Close()
}

// skip gives back the n octets looked at last.
func (s *fileSource) skip(n int) error {
	k, err := s.in.Discard(n)
	s.offset += int64(k)
	return err
}

// peek looks at the next n octets. At the very end of the file it returns io.EOF, inside a record a message.
func (s *fileSource) peek(n int) ([]byte, error) {
	b, err := s.in.Peek(n)
	if err == nil {
		return b, nil
	}
	if len(b) == 0 && errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	return nil, truncated(s.offset, int64(len(b)), n, err)
}

// truncated explains why a record of n octets could not be read.
func truncated(offset, have int64, n int, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("truncated capture file: the record at offset %d has %d of at least %d octets: %w",
			offset, have, n, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("capture file at offset %d: %w", offset, err)
}

// damaged says that the record at the current offset cannot be right.
func (s *fileSource) damaged(format string, a ...any) error {
	return fmt.Errorf("damaged capture file at offset %d: %w", s.offset, fmt.Errorf(format, a...))
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
