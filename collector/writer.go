package collector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

const (
	// writeRetry is the wait after a failed commit: a full disk is not emptied faster.
	writeRetry = 5 * time.Second
	// readAhead batches are decoded from the journal while one is being stored.
	readAhead = 16
	// lastCommit bounds the commit at the end; what it does not reach stays in the journal.
	lastCommit = time.Second
)

// writer moves batches from the journal to the store. The store is the writer's alone, except for its watermarks.
type writer struct {
	dir     string
	config  *Config
	journal *embedded
	log     *zap.Logger
	flushes chan flush
	doubts  chan error // why the journal takes no batches
	retry   time.Duration

	store  atomic.Pointer[store.Store]
	failed bool   // the store must be opened anew, and not the journal
	added  uint64 // the last entry added to the store
}

// flush asks for a commit of everything up to an entry of the journal.
type flush struct {
	upTo uint64
	done chan error
}

func newWriter(dir string, c *Config, j *embedded, log *zap.Logger) (*writer, error) {
	w := &writer{dir: dir, config: c, journal: j, log: log, flushes: make(chan flush), doubts: make(chan error, 1), retry: writeRetry}
	return w, w.open()
}

func (w *writer) open() error {
	b, err := store.OpenBucket(w.dir)
	if err != nil {
		return err
	}
	c := w.config.Columns
	c.Account = keepAccount
	s, damaged, err := store.Open(context.Background(), b, 0, c)
	if err != nil {
		return err
	}
	if damaged > 0 {
		w.log.Warn("the store's manifest is damaged: copies of what could not be read are in the folder damaged", zap.Int("objects", damaged))
	}
	w.store.Store(s)
	w.failed = false
	return nil
}

func (w *writer) close() error { return w.store.Load().Close() }

func (w *writer) watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {
	return w.store.Load().Watermark(monitor, epoch)
}

// distrust makes the journal be started again because of what its Append gave.
func (w *writer) distrust(err error) {
	select {
	case w.doubts <- err:
	default: // it will be already
	}
}

// run writes until ctx ends. A failure is logged and everything not committed begins again from the journal.
func (w *writer) run(ctx context.Context) {
	for {
		err := w.write(ctx)
		if ctx.Err() != nil {
			return
		}
		for err != nil {
			w.log.Error("nothing is stored now; agents keep what is not durable, the journal what they sent", zap.Error(err), zap.Duration("again in", w.retry))
			err = w.restart(ctx)
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// restart waits for a while and opens again what has failed: the store, or else the journal.
func (w *writer) restart(ctx context.Context) error {
	if !w.failed {
		w.journal.stop() // agents are told at once
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(w.retry):
	}
	if w.failed {
		return w.reopen()
	}
	select {
	case <-w.doubts: // about the one that was stopped
	default:
	}
	return w.journal.start(ctx)
}

// write moves batches until something fails or ctx ends; then it commits what it has.
func (w *writer) write(ctx context.Context) error {
	w.added = 0
	reading, stop := context.WithCancel(ctx)
	entries, failure := w.read(reading)
	var waiting []flush
	defer func() {
		stop()
		for range entries { // until the reader has ended
		}
		for _, f := range waiting {
			f.done <- errors.New("the store cannot be written now: see the collector's log")
		}
	}()
	var due <-chan time.Time // set while something waits for a commit
	for {
		commit := false
		select {
		case e, ok := <-entries:
			if !ok {
				return w.end(ctx, <-failure)
			}
			if due == nil {
				due = time.After(w.config.CommitInterval)
			}
			commit = w.add(&e)
		case f := <-w.flushes:
			waiting = append(waiting, f)
		case err := <-w.doubts:
			return err
		case <-due:
			commit = true
		}
		reached := func(f flush) bool { return f.upTo <= w.added }
		if !commit && !slices.ContainsFunc(waiting, reached) {
			continue
		}
		if err := w.commit(ctx); err != nil {
			return err
		}
		due, waiting = nil, answer(waiting, w.added)
	}
}

// reopen opens the store anew after a failed commit, of which nothing counts.
func (w *writer) reopen() error {
	old := w.store.Load()
	if err := w.open(); err != nil {
		return err
	}
	return old.Close()
}

// answer tells those whose entries are committed, and returns the others.
func answer(waiting []flush, added uint64) (left []flush) {
	for _, f := range waiting {
		if f.upTo <= added {
			f.done <- nil
		} else {
			left = append(left, f)
		}
	}
	return left
}

// read gives the journal's entries to a channel, closes it at the end and then gives the reason.
func (w *writer) read(ctx context.Context) (<-chan journal.Entry, <-chan error) {
	entries, failure := make(chan journal.Entry, readAhead), make(chan error, 1)
	go func() {
		defer close(entries)
		for e, err := range w.journal.get().Batches(ctx) {
			if err != nil {
				failure <- err
				return
			}
			select {
			case entries <- e:
			case <-ctx.Done():
				failure <- ctx.Err()
				return
			}
		}
		failure <- ctx.Err()
	}()
	return entries, failure
}

// add gives an entry to the store. A batch that cannot be taken is logged and left: reading it again would not help.
func (w *writer) add(e *journal.Entry) (full bool) {
	b := store.Batch(e.Batch)
	full, err := w.store.Load().Add(&b)
	if err != nil {
		w.log.Error("a batch in the journal was not stored, or not all of it; what does not come again will show as a gap", zap.Error(err))
	}
	w.added = e.Seq
	return full
}

// commit makes everything added durable, and then lets the journal forget it.
func (w *writer) commit(ctx context.Context) error {
	begin := time.Now()
	s := w.store.Load()
	rows := s.Pending()
	if err := s.Commit(context.WithoutCancel(ctx)); err != nil {
		w.failed = true
		return err
	}
	w.log.Debug("committed", zap.Int("records", rows), zap.Duration("took", time.Since(begin)))
	if w.added == 0 {
		return nil
	}
	return w.journal.get().Discard(ctx, w.added)
}

// end commits what was added when the reading has ended.
func (w *writer) end(ctx context.Context, reason error) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCommit)
	defer cancel()
	if err := w.commit(last); err != nil {
		w.log.Error("last commit", zap.Error(err))
		return err
	}
	return reason
}

// flush returns when everything that the journal holds now is in the store.
func (w *writer) flush(ctx context.Context) error {
	st, err := w.journal.get().State(ctx)
	if err != nil {
		return err
	}
	if st.Last < st.First { // nothing waits
		return nil
	}
	f := flush{st.Last, make(chan error, 1)}
	select {
	case w.flushes <- f:
	case <-ctx.Done():
		return fmt.Errorf("flush: %w", context.Cause(ctx))
	}
	select {
	case err := <-f.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("flush: %w", context.Cause(ctx))
	}
}
