package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/receive"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// The headers of pathIngest, beside those of the wire.
const headerMonitor, headerOrigin = "Argus-Monitor", "Argus-Origin"

// Ingest brings batches into a collector that no agent has sent: into the journal of the one that runs on a state folder, into that of a
// cluster, or, where none runs and it may, of one of its own that takes nothing from agents. It is for several goroutines.
type Ingest struct {
	config Config
	log    *zap.Logger
	parts  *brokerParts // of a cluster, else nil

	mu    sync.Mutex // guards the rest
	alone bool       // it may run a collector of its own
	stop  func() error
}

// OpenIngest connects to the collector of c.Place. alone: without one that runs it begins one of its own, which ends with Close.
func OpenIngest(ctx context.Context, c Config, alone bool, log *zap.Logger) (*Ingest, error) {
	if err := c.Place.Check(); err != nil {
		return nil, err
	}
	c.Receive, c.Write = false, true
	g := &Ingest{config: c, alone: alone, log: log}
	if c.Clustered() {
		parts, err := c.join(ctx, false, 0, 0)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("no collector has used this cluster yet: %w", err)
		}
		g.parts = parts
		return g, err
	}
	return g, g.begin(ctx)
}

// begin makes sure that a collector runs, if it may.
func (g *Ingest) begin(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	status, err := ReadStatus(ctx, &g.config.Place)
	if err == nil && status.Listen != "" { // agents need it: its place is not taken when it is started again
		g.alone = false
	}
	if !errors.Is(err, ErrNotRunning) || !g.alone {
		return err
	}
	if g.stop != nil { // ours has failed
		err, g.stop = g.stop(), nil
		if err != nil {
			return err
		}
	}
	s := New(g.config, g.log)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	stop := func() error { cancel(); return <-ended }
	select {
	case <-s.Ready():
		g.stop = stop
		return nil
	case err := <-ended:
		cancel()
		return err
	case <-ctx.Done():
		return errors.Join(ctx.Err(), stop())
	}
}

// Close ends the collector of its own, if there is one, when all that was appended is in its journal or its store.
func (g *Ingest) Close() error {
	if g.parts != nil {
		g.parts.conn.Close()
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stop == nil {
		return nil
	}
	return g.stop()
}

// The waits between the tries to append.
const firstAgain, lastAgain = 50 * time.Millisecond, 5 * time.Second

// Append returns when b is in the journal, on the disk. While that is full, or the collector away, it tries again, until ctx ends.
func (g *Ingest) Append(ctx context.Context, b *journal.Batch) error {
	for wait := firstAgain; ; wait = min(2*wait, lastAgain) {
		err := g.try(ctx, b)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case g.parts == nil && !errors.Is(err, errBusy) && !errors.Is(err, ErrNotRunning) && !errors.Is(err, ErrRunning):
			return err
		case wait >= time.Second:
			g.log.Warn("the collector takes nothing now; it is tried again", zap.String("code", "ingest"), zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (g *Ingest) try(ctx context.Context, b *journal.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, 2*appendTimeout)
	defer cancel()
	if g.parts != nil {
		return g.parts.journal.Append(ctx, b)
	}
	answer, err := send(ctx, g.config.State, http.MethodPost, pathIngest, http.Header{
		wire.HeaderEpoch: {b.Epoch.String()}, wire.HeaderFirst: {strconv.FormatUint(b.First, 10)}, wire.HeaderLast: {strconv.FormatUint(b.Last, 10)},
		headerMonitor: {b.Monitor.String()}, headerOrigin: {b.Origin},
	}, b.Body)
	if errors.Is(err, ErrNotRunning) { // who had the folder has ended
		err = errors.Join(err, g.begin(ctx))
	}
	if err != nil {
		return err
	}
	return answer.Close()
}

// ingest puts the batch of a local command into the journal.
func (s *Server) ingest(w http.ResponseWriter, r *http.Request) {
	b, err := ingested(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if b.Body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxCompressed)); err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if err := s.append(r.Context(), b); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ingested reads the headers of a batch.
func ingested(r *http.Request) (b *receive.Batch, err error) {
	b = &receive.Batch{Received: time.Now(), Origin: r.Header.Get(headerOrigin)}
	if b.Monitor, err = uuid.FromString(r.Header.Get(headerMonitor)); err != nil {
		return nil, err
	}
	if b.Epoch, err = wire.ParseEpoch(r.Header.Get(wire.HeaderEpoch)); err != nil {
		return nil, err
	}
	if b.First, err = wire.ParseSequence(r.Header.Get(wire.HeaderFirst)); err != nil {
		return nil, err
	}
	if b.Last, err = wire.ParseSequence(r.Header.Get(wire.HeaderLast)); err != nil {
		return nil, err
	}
	if b.First == 0 || b.Last < b.First || b.Last-b.First >= wire.MaxBatchRecords || b.Origin != store.Import && b.Origin != store.Radium {
		return nil, fmt.Errorf("no batch: sequences %d to %d of origin %q", b.First, b.Last, b.Origin)
	}
	return b, nil
}
