package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/receive"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"
)

// The paths of the local socket.
const (
	pathFollow = "/v1/follow" // GET, ?host=UUID: what arrives, as an Argus v5 stream
	pathFlush  = "/v1/flush"  // POST: all that has arrived goes into the store
	pathStatus = "/v1/status" // GET: Status as JSON
	pathSeen   = "/v1/seen"   // GET: when each monitor was here, as parseSeen reads it
	pathIngest = "/v1/ingest" // POST: a batch that no agent has sent, with the headers of ingestHeaders, goes into the journal
)

// followTimeout is for a follower that does not read.
const followTimeout = 10 * time.Second

// Status is what a running collector says of itself.
type Status struct {
	Listen    string        `json:"listen"`
	Advertise []string      `json:"advertise"`
	Receive   receive.Stats `json:"receive"`
	Journal   journal.State `json:"journal"`
}

// listenAdmin opens the local socket. The caller owns the state folder, so that what is there is left from a crash.
func listenAdmin(state string) (net.Listener, error) {
	path := filepath.Join(state, socketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("local socket: %w", err), l.Close())
	}
	return l, nil
}

// serveAdmin answers on the local socket until ctx ends. It closes l.
func (s *Server) serveAdmin(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathFollow, s.follow)
	mux.HandleFunc("POST "+pathFlush, func(w http.ResponseWriter, r *http.Request) {
		if err := s.writers.flush(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET "+pathStatus, s.status)
	mux.HandleFunc("POST "+pathIngest, s.ingest)
	mux.HandleFunc("GET "+pathSeen, func(w http.ResponseWriter, _ *http.Request) {
		if s.seen == nil { // it takes nothing from agents
			return
		}
		for _, b := range s.seen.messages() {
			w.Write(b) // a reader that went away needs no answer
		}
	})
	srv := http.Server{Handler: mux, ReadHeaderTimeout: followTimeout, BaseContext: func(net.Listener) context.Context { return ctx }}
	var wg sync.WaitGroup
	wg.Go(func() {
		<-ctx.Done() // the requests' contexts end with it
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(l)
	if ctx.Err() == nil {
		return fmt.Errorf("local socket: %w", err)
	}
	wg.Wait()
	return nil
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	st, err := s.broker.journal().State(r.Context(), 0)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", wire.ContentJSON)
	status := Status{Advertise: s.Advertised(), Journal: st}
	if s.receiver != nil {
		status.Listen, status.Receive = s.addr.String(), s.receiver.Stats()
	}
	json.NewEncoder(w).Encode(status) // a reader that went away needs no answer
}

// follow streams the batches that arrive from now on. Each is an Argus stream of its own, which readers take one after another.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	var only uuid.UUID
	if host := r.FormValue("host"); host != "" {
		var err error
		if only, err = uuid.FromString(host); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	out := http.NewResponseController(w)
	ready := func() {
		w.Header().Set("Content-Type", wire.ContentFlows)
		out.Flush() // a reader that went away is noticed at the first batch
	}
	err := follow(r.Context(), s.broker.journal(), batchesOf(only), ready, func(stream []byte) error {
		out.SetWriteDeadline(time.Now().Add(followTimeout))
		if _, err := w.Write(stream); err != nil {
			return err
		}
		return out.Flush()
	})
	if err != nil {
		s.log.Debug("follow", zap.Error(err))
	}
}

// batchesOf wants those of one monitor or, Nil, of all.
func batchesOf(only uuid.UUID) func(*journal.Entry) bool {
	return func(e *journal.Entry) bool { return only.IsNil() || e.Monitor == only }
}

// follow gives the Argus streams of what arrives from now on, of the batches that are wanted, to each until ctx ends or it fails.
func follow(ctx context.Context, j *journal.Journal, wanted func(*journal.Entry) bool, ready func(), each func(stream []byte) error) error {
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(wire.MaxDecompressed))
	if err != nil {
		return err
	}
	defer unzip.Close()
	var stream []byte
	for e, err := range j.Follow(ctx, ready) {
		if err != nil {
			return err
		}
		if !wanted(&e) || e.Origin == store.Import { // what files say is of another time
			continue
		}
		if stream, err = unzip.DecodeAll(e.Body, stream[:0]); err != nil {
			continue // the writer reports it
		}
		if err := each(stream); err != nil {
			return err
		}
	}
	return nil
}
