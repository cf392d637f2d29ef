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
	// electionRetry is the wait after the cluster did not answer: it chooses another leader within seconds.
	electionRetry = time.Second
	// readAhead batches are decoded from the journal while one is being stored.
	readAhead = 16
	// lastCommit bounds the commit at the end; what it does not reach stays in the journal.
	lastCommit = 3 * time.Second
	// commitTimeout bounds a commit: a store that does not answer is one that has failed.
	commitTimeout = 2 * time.Minute
)

// writer moves the batches of one shard from the journal to the store. The store is the writer's alone, except for its watermarks.
type writer struct {
	shard   int
	bucket  store.Bucket
	columns store.Config
	config  *Config
	broker  *broker
	log     *zap.Logger
	flushes chan flush
	doubts  chan error // why the journal takes no batches
	retry   time.Duration

	opened  chan struct{} // closed when the store was first opened, or could not be
	store   atomic.Pointer[store.Store]
	added   uint64 // the last entry added to the store
	changed map[epochKey]bool
	publish func([]mark) // tells receivers of a commit
}

var errNotStored = errors.New("the store cannot be written now: see the collector's log")

// flush asks for a commit of everything up to an entry of the journal.
type flush struct {
	upTo uint64
	done chan error
}

// open opens the store, anew after a failed commit, of which nothing counts.
func (w *writer) open(ctx context.Context) error {
	if err := store.CheckShards(ctx, w.bucket, w.broker.journal().Shards()); err != nil {
		return err
	}
	s, damaged, err := store.Open(ctx, w.bucket, w.shard, w.columns)
	if err != nil {
		return err
	}
	if damaged > 0 {
		w.log.Warn("the store's manifest is damaged: copies of what could not be read are in the folder damaged",
			zap.String("code", "manifest-damaged"), zap.Int("objects", damaged))
	}
	w.store.Store(s)
	return nil
}

// close gives up what is not committed.
func (w *writer) close() {
	if s := w.store.Swap(nil); s != nil {
		if err := s.Close(); err != nil {
			w.log.Warn("close the store", zap.Error(err))
		}
	}
}

func (w *writer) watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {
	if s := w.store.Load(); s != nil {
		return s.Watermark(monitor, epoch)
	}
	return 0
}

// distrust makes the journal be started again because of what its Append gave.
func (w *writer) distrust(err error) {
	select {
	case w.doubts <- err:
	default: // it will be already
	}
}

// run writes until ctx ends, or another writer has taken the shard over. A failure is logged and everything not committed
// begins again from the journal.
func (w *writer) run(ctx context.Context) {
	defer w.close()
	err := w.open(ctx)
	close(w.opened)
	for {
		if err == nil {
			err = w.write(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, store.ErrFenced) {
			w.log.Warn("another writer has taken this shard over; if that is said again and again, another collector writes to the same store", zap.String("code", "fenced"), zap.Error(err))
			return
		}
		w.log.Error("nothing is stored now; agents keep what is not durable, the journal what they sent",
			zap.String("code", "store"), zap.Error(err), zap.Duration("again in", w.retry))
		err = w.restart(ctx)
	}
}

// restart waits for a while and opens again what has failed: the store, or else the journal.
func (w *writer) restart(ctx context.Context) error {
	journalFailed, wait := w.store.Load() != nil, w.retry
	if journalFailed {
		w.broker.stop() // agents are told at once
	}
	if journalFailed && w.config.Clustered() {
		wait = min(wait, electionRetry)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
	}
	if !journalFailed {
		return w.open(ctx)
	}
	select {
	case <-w.doubts: // about the one that was stopped
	default:
	}
	return w.broker.start(ctx)
}

// write moves batches until something fails or ctx ends; then it commits what it has.
func (w *writer) write(ctx context.Context) error {
	w.added, w.changed = 0, map[epochKey]bool{}
	reading, stop := context.WithCancel(ctx)
	entries, failure := w.read(reading)
	var waiting []flush
	defer func() {
		stop()
		for range entries { // until the reader has ended
		}
		for _, f := range waiting {
			f.done <- errNotStored
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
		if !commit && !slices.ContainsFunc(waiting, func(f flush) bool { return f.upTo <= w.added }) {
			continue
		}
		if err := w.commit(context.WithoutCancel(ctx), commitTimeout); err != nil { // half a commit is lost work
			return err
		}
		due, waiting = nil, answer(waiting, w.added)
	}
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
		for e, err := range w.broker.journal().Batches(ctx, w.shard) {
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
		w.log.Error("a batch in the journal was not stored, or not all of it; what does not come again will show as a gap",
			zap.String("code", "batch"), zap.Error(err))
	}
	w.added = e.Seq
	w.changed[epochKey{e.Monitor, e.Epoch}] = true
	return full
}

// commit makes everything added durable, tells the receivers, and then lets the journal forget it.
func (w *writer) commit(ctx context.Context, most time.Duration) error {
	begin := time.Now()
	s := w.store.Load()
	rows := s.Pending()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := s.Commit(ctx); err != nil {
		w.close()
		return err
	}
	w.log.Debug("committed", zap.Int("records", rows), zap.Duration("took", time.Since(begin)))
	if w.added == 0 {
		return nil
	}
	var marks []mark
	for key := range w.changed {
		marks = append(marks, mark{key, s.Watermark(key.monitor, key.epoch)})
	}
	clear(w.changed)
	w.publish(marks)
	return w.broker.journal().Discard(ctx, w.shard, w.added)
}

// end commits what was added when the reading has ended.
func (w *writer) end(ctx context.Context, reason error) error {
	if err := w.commit(context.WithoutCancel(ctx), lastCommit); err != nil {
		w.log.Error("last commit", zap.String("code", "store"), zap.Error(err))
		return err
	}
	return reason
}

// flush returns when everything that the journal holds now is in the store.
func (w *writer) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if w.store.Load() == nil {
		return errNotStored
	}
	st, err := w.broker.journal().State(ctx, w.shard)
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
