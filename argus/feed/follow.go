package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
	longStay   = time.Minute // after which the next pause is the first again
)

// Follow gives every record of a source to emit, for ever: when the connection is lost, or cannot be made, it tells lost why and
// connects again, after a pause that grows to half a minute. A new connection begins with the server's START record. It returns nil
// when ctx ends, or when a replay has given all that there is, else the error of emit. The record is borrowed. A server that refuses the filter is
// asked for everything after lost was told so: who wants only what the filter chooses looks again in emit.
func Follow(ctx context.Context, s Source, emit func(*argus.Record) error, lost func(error)) error {
	for pause := firstPause; ; {
		began := time.Now()
		err := once(ctx, s, emit)
		failed, ours := errors.AsType[*emitError](err)
		switch {
		case ours:
			return failed.error
		case ctx.Err() != nil || err == errComplete:
			return nil
		}
		if errors.Is(err, errFilter) {
			lost(fmt.Errorf("%w; all its flows are asked for", err))
			s.Filter = ""
			continue
		}
		lost(err)
		if time.Since(began) > longStay {
			pause = firstPause
		}
		t := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		pause = min(2*pause, lastPause)
	}
}

// errComplete ends the following of a replay.
var errComplete = errors.New("the replay is complete")

// emitError tells the errors of emit from those of the connection.
type emitError struct{ error }

// once follows one connection to its end.
func once(ctx context.Context, s Source, emit func(*argus.Record) error) error {
	in, err := Open(ctx, s)
	if err != nil {
		return err
	}
	defer in.Close()
	records := argus.NewReader(in)
	for {
		r, err := records.Next()
		if err == io.EOF {
			return fmt.Errorf("%s: the server closed the connection", s.Address)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.Address, err)
		}
		complete := isComplete(r.Raw)
		if err := emit(r); err != nil {
			return &emitError{err}
		}
		if complete {
			return errComplete
		}
	}
}
