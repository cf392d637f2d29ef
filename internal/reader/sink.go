package reader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// errEnough ends a source when what was asked for has come out.
var errEnough = errors.New("enough records")

// Sink takes the records of a source: it chooses those that were asked for, merges them if it is to, and puts them out.
// Its methods may be called by several goroutines.
type Sink struct {
	mu sync.Mutex

	match   func(*argus.Record) bool // nil: every flow
	inf     string                   // only flows of this interface, by its name in the records
	within  *TimeRange
	in, out window
	stages
	put      output
	live     bool // a person waits for each line
	whole    bool // everything goes to the output as it is
	taken    uint64
	emitted  bool // something came out
	progress *progress
	err      error // of the output
}

// output is where records go at last. A record is borrowed.
type output interface {
	record(r *argus.Record) error
	flush() error
	close() error
}

// newSink makes the sink that the options ask for.
func newSink(o *Options) (*Sink, error) {
	s := &Sink{within: &o.within}
	if o.window.output {
		s.out = o.window
	} else {
		s.in = o.window
	}
	f, err := filter.Parse(o.expression)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	s.match = f.Match
	if o.inLabel != nil || o.inPayload != nil {
		s.match = func(r *argus.Record) bool { return f.Match(r) && o.matchText(r) }
	}
	s.stages = newStages(o)
	if s.put, err = o.output(); err != nil {
		return nil, err
	}
	s.whole = o.write != "" && o.version == 0 && len(o.expression) == 0 && o.inLabel == nil && o.inPayload == nil && o.count == "" && o.times == "" && !s.stages.any()
	return s, nil
}

// Live says that records come as they happen: each is shown at once. With the name of an interface, only its records are taken.
func (s *Sink) Live(inf string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.inf = true, inf
	if t, ok := s.put.(*top); ok {
		t.follow()
	}
}

// Note tells the user something that is no failure.
func (s *Sink) Note(text string) {
	if t, ok := s.put.(*top); ok {
		t.say(text)
		return
	}
	fmt.Fprintln(os.Stderr, text)
}

// Put takes one record. An error ends the source; errors.Is(err, context.Canceled) of it is no failure.
func (s *Sink) Put(r *argus.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.take(r); err != nil {
		return err
	}
	return s.show()
}

// Records takes encoded records.
func (s *Sink) Records(records []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := s.put.(*files); ok && s.whole && s.inf == "" {
		s.emitted = true
		s.err = w.all(records)
		return errors.Join(s.err, s.show())
	}
	for r, err := range argus.Records(records) {
		if err == nil {
			err = s.take(r)
		}
		if err != nil {
			return err
		}
	}
	return s.show()
}

// take chooses a record. Of those that are not flows only -w wants those that nobody asked for.
func (s *Sink) take(r *argus.Record) error {
	s.taken++
	if s.progress != nil {
		s.progress.step(s.taken)
	}
	if !s.match(r) {
		if r.Kind == argus.KindFlow || !s.writes() {
			return nil
		}
		return s.emit(r)
	}
	if s.inf != "" && string(r.InterfaceName()) != s.inf {
		return nil
	}
	if s.within.kind != 0 && r.Kind == argus.KindFlow {
		if begin, end := r.Flow.Span(); !s.within.Match(begin, end) {
			return nil
		}
	}
	in, last := s.in.take()
	if in {
		if err := s.through(r, s.live, s.emit); err != nil {
			return err
		}
	}
	if last {
		return errEnough
	}
	return nil
}

// writes tells whether records are written as they are.
func (s *Sink) writes() bool {
	_, ok := s.put.(*files)
	return ok && !s.stages.any() && s.in.to == 0 && s.out.to == 0
}

func (s *Sink) emit(r *argus.Record) error {
	in, last := s.out.take()
	if in {
		s.emitted = true
		if s.err = s.put.record(r); s.err != nil {
			return s.err
		}
	}
	if last {
		return errEnough
	}
	return nil
}

// show makes what was taken so far visible to a live reader.
func (s *Sink) show() error {
	if s.live && s.err == nil {
		s.err = s.put.flush()
	}
	return s.err
}

// close puts out what is held, and ends the output. Of a source that failed before the first record came out, nothing is.
func (s *Sink) close(sound bool) error {
	var err error
	if s.err == nil {
		err = s.finish(s.emit)
	}
	s.progress.end()
	if err != nil && s.err == nil && !errors.Is(err, errEnough) {
		s.err = err
	}
	if !sound && !s.emitted {
		return s.err
	}
	return errors.Join(s.err, s.put.close())
}

// failed tells whether err came from the output, or is none: not from what was read.
func (s *Sink) failed(err error) bool {
	return errors.Is(err, errEnough) || s.err != nil && errors.Is(err, s.err) || errors.Is(err, context.Canceled)
}
