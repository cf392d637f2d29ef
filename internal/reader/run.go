package reader

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/archive"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// Sources are where a program's flows come from, beside the files and servers that are named.
type Sources struct {
	// Default is read when none are named.
	Default func(ctx context.Context, s *Sink) error
	// Frames meters a capture file. nil: captures are refused.
	Frames func(ctx context.Context, in io.Reader, s *Sink) error
}

// Run reads the sources that the options name and puts out what they ask for, until ctx ends: which is no failure.
func (o *Options) Run(ctx context.Context, from Sources) error {
	s, err := newSink(o)
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.seconds > 0 {
		defer time.AfterFunc(time.Duration(o.seconds)*time.Second, cancel).Stop()
	}
	work := func(ctx context.Context) error {
		if o.Reading() {
			return o.readNamed(ctx, from, s)
		}
		return from.Default(ctx, s)
	}
	if t, ok := s.put.(*top); ok {
		err = t.run(ctx, work)
	} else {
		err = work(ctx)
	}
	if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) && (ctx.Err() != nil || o.top) {
		err = nil
	}
	cerr := s.close(err == nil)
	if err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	return nil
}

// readNamed reads all files, one after the other, and then all servers, together. A file that cannot be read does not keep
// the others from being read.
func (o *Options) readNamed(ctx context.Context, from Sources, s *Sink) error {
	names, err := archive.Files(o.read.list)
	if err != nil {
		return err
	}
	if len(names) == 0 && len(o.read.list) > 0 {
		return fmt.Errorf("there are no files in %s", o.read.String())
	}
	s.progress = newProgress(o)
	var failed []error
	for _, name := range names {
		err := readFile(ctx, name, from, s)
		switch {
		case errors.Is(err, errEnough):
			return errors.Join(failed...)
		case s.failed(err) || ctx.Err() != nil:
			return err
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(o.servers.list) > 0 {
		if err := o.follow(ctx, s); err != nil && !errors.Is(err, errEnough) {
			failed = append([]error{err}, failed...)
		}
	}
	if more := len(failed) - maxFailed; more > 0 {
		failed = append(failed[:maxFailed], fmt.Errorf("and %d more files", more))
	}
	return errors.Join(failed...)
}

// maxFailed is of how many files the errors are told.
const maxFailed = 10

// readFile gives the records of a file, or the flows of a capture file, to the sink.
func readFile(ctx context.Context, name string, from Sources, s *Sink) error {
	file, err := archive.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	stop := context.AfterFunc(ctx, func() { _ = file.Close() })
	defer stop()
	if s.progress != nil {
		s.progress.file = file
	}
	in := bufio.NewReaderSize(file, 1<<16)
	prefix, err := in.Peek(16)
	switch {
	case err != nil && (!errors.Is(err, io.EOF) || len(prefix) == 0):
		err = fmt.Errorf("nothing to read: %w", err)
	case argus.IsStream(prefix):
		err = ReadStream(in, s)
	case from.Frames == nil:
		err = errors.New("it holds no Argus records; captures are read by argus-endpoint flows -r")
	default:
		err = from.Frames(ctx, in, s)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !s.failed(err) {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return err
}

// ReadStream gives every record of an Argus stream to a sink.
func ReadStream(in io.Reader, s *Sink) error {
	records := argus.NewReader(in)
	for {
		r, err := records.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err == nil {
			err = s.Put(r)
		}
		if err != nil {
			return err
		}
	}
}

// follow reads all servers until ctx ends or enough has come.
func (o *Options) follow(ctx context.Context, s *Sink) error {
	s.Live("")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(o.servers.list))
	for i, text := range o.servers.list {
		source, err := feed.ParseSource(text)
		if err != nil {
			cancel()
			wg.Wait()
			return cli.Usagef("-S: %w", err)
		}
		source.Filter = strings.Join(o.expression, " ")
		wg.Go(func() {
			errs[i] = feed.Follow(ctx, source, s.Put, func(err error) { s.Note(fmt.Sprintf("%s: %v; trying again", text, err)) })
			if errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
