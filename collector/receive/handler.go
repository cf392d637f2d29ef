package receive

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// Authority says whose certificates those of a connection are, and issues them. An error that has a method
// HTTPStatus() int is a refusal: it is answered with that status and its text. Any other is answered with 503.
type Authority interface {
	Verify(peer []*x509.Certificate) (uuid.UUID, error)
	Enroll(*wire.EnrollRequest) (*wire.EnrollResponse, error)
	Renew(peer []*x509.Certificate, req *wire.RenewRequest) (*wire.EnrollResponse, error)
	Bundle() string                                     // for wire.HeaderCA
	Delivers(monitor uuid.UUID, epoch wire.Epoch) error // called when a monitor begins with an epoch, or goes back to one
}

// Batch is a checked batch on its way to the journal.
type Batch struct {
	Monitor     uuid.UUID // from the certificate; every record's is the same
	Epoch       wire.Epoch
	First, Last uint64 // sequences; there are Last-First+1 records
	Dropped     uint64 // sequences directly before First that never come
	Received    time.Time
	Origin      string // empty: an agent
	Body        []byte // zstd, as it was sent
}

// Config wires a handler. Authority, Append, Durable and Log must be set.
type Config struct {
	Authority Authority
	Append    func(context.Context, *Batch) error                    // returns when the batch is on the disk
	Durable   func(monitor uuid.UUID, epoch wire.Epoch) (seq uint64) // the store's watermark
	Log       *zap.Logger

	Limits
	TrustProxy []netip.Prefix // balancers that tell the peer's address by the PROXY protocol, and must

	BodyTimeout time.Duration // for the whole of a request's body
	MaxRequests int           // batches in work at once
	MaxOctets   int           // of their bodies together
	MaxPerAgent int           // batches in work by one monitor, whose bodies together are no larger than one may be
	Rate, Burst int           // records a second and at once, by one monitor; Rate 0: no limit
}

// Limits bound the connections. A stranger is one on which no request has shown a certificate that counts.
type Limits struct {
	Connections           int // in all
	ConnectionsPerMonitor int // the oldest ends when there are more
	Strangers             int
	StrangersPerAddress   int           // more from there wait for their handshake
	StrangerTimeout       time.Duration // a stranger's connection ends after this
}

// DefaultConfig returns the limits of a collector that nobody has configured.
func DefaultConfig() Config {
	return Config{
		Limits: Limits{
			Connections:           min(openFiles()*3/4, 200_000), // the rest is for the journal and the store
			ConnectionsPerMonitor: 8,
			Strangers:             4096,
			StrangersPerAddress:   1024, // a site behind one address comes back all at once
			StrangerTimeout:       30 * time.Second,
		},
		BodyTimeout: 30 * time.Second,
		MaxRequests: 256,
		MaxOctets:   32 << 20,
		MaxPerAgent: 4, // an agent has one batch under way, and another after a time-out
		Rate:        2000,
		Burst:       20_000,
	}
}

// Stats counts what a Handler has answered since it was made.
type Stats struct {
	Batches, Records, Bytes uint64 // taken: with 204; Bytes as sent
	Invalid                 uint64 // 400, 413, 422
	Refused                 uint64 // 401, 403
	Busy                    uint64 // 429, 503
	Connections, Strangers  int    // now; strangers are among them
	TurnedAway              uint64 // connections closed before their handshake, or for others
}

// Handler serves the paths of package wire.
type Handler struct {
	config Config
	mux    *http.ServeMux
	limit  limiter
	unzip  chan *unzipper
	gate   atomic.Pointer[gate] // of the listener being served
	counters
}

// NewHandler returns a handler.
func NewHandler(c Config) *Handler {
	h := &Handler{config: c, mux: http.NewServeMux(), limit: newLimiter(c), unzip: make(chan *unzipper, 2*runtime.GOMAXPROCS(0))}
	for range cap(h.unzip) {
		h.unzip <- newUnzipper()
	}
	h.mux.HandleFunc("POST "+wire.PathFlows, h.flows)
	h.mux.HandleFunc("GET "+wire.PathDurable, h.durable)
	h.mux.HandleFunc("POST "+wire.PathEnroll, h.enroll)
	h.mux.HandleFunc("POST "+wire.PathRenew, h.renew)
	return h
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.bodyDeadline(w)
	if len(r.TransferEncoding) > 0 { // net/http takes it even beside a Content-Length, which others would go by
		w.Header().Set("Connection", "close")
		h.fail(w, r, reject(http.StatusBadRequest, "a body in HTTP/1.1 must have a Content-Length and no Transfer-Encoding"))
		return
	}
	h.mux.ServeHTTP(w, r)
}

// bodyDeadline gives the peer BodyTimeout from now to send its body.
func (h *Handler) bodyDeadline(w http.ResponseWriter) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.config.BodyTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		h.config.Log.Debug("read deadline", zap.Error(err))
	}
}

// verify returns the monitor of a request, whose connection is no stranger's from then on.
func (h *Handler) verify(r *http.Request) (uuid.UUID, error) {
	monitor, err := h.config.Authority.Verify(peer(r))
	if err == nil {
		connOf(r).belongs(monitor)
	}
	return monitor, err
}

func (h *Handler) durable(w http.ResponseWriter, r *http.Request) {
	monitor, err := h.verify(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	epoch, err := wire.ParseEpoch(r.Header.Get(wire.HeaderEpoch))
	if err != nil {
		h.fail(w, r, reject(http.StatusBadRequest, "header %s: %v", wire.HeaderEpoch, err))
		return
	}
	h.acknowledge(w, monitor, epoch)
}

// acknowledge answers 204 with the store's watermark.
func (h *Handler) acknowledge(w http.ResponseWriter, monitor uuid.UUID, epoch wire.Epoch) {
	mark := wire.Watermark{Epoch: epoch, Sequence: h.config.Durable(monitor, epoch)}
	w.Header().Set(wire.HeaderDurable, mark.String())
	w.Header().Set(wire.HeaderCA, h.config.Authority.Bundle())
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) enroll(w http.ResponseWriter, r *http.Request) {
	var req wire.EnrollRequest
	h.issue(w, r, &req, func() (*wire.EnrollResponse, error) { return h.config.Authority.Enroll(&req) })
}

func (h *Handler) renew(w http.ResponseWriter, r *http.Request) {
	var req wire.RenewRequest
	h.issue(w, r, &req, func() (*wire.EnrollResponse, error) { return h.config.Authority.Renew(peer(r), &req) })
}

func (h *Handler) issue(w http.ResponseWriter, r *http.Request, req any, grant func() (*wire.EnrollResponse, error)) {
	from := addressOfRequest(r)
	if !h.limit.enroll(from, 1, time.Now()) {
		h.fail(w, r, busy(http.StatusServiceUnavailable, enrollRetry, "too many enrolments at once"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxJSON))
	if err == nil {
		err = json.Unmarshal(body, req)
	}
	if err != nil {
		h.fail(w, r, reject(http.StatusUnprocessableEntity, "request is not the JSON of an enrolment: %v", err))
		return
	}
	resp, err := grant()
	if err != nil {
		a := answerTo(err)
		if a.never() {
			h.limit.enroll(from, refusedEnrolment, time.Now())
		}
		if a.status == http.StatusAccepted || a.status == http.StatusConflict {
			err = busy(a.status, h.limit.pending(from), a.text)
		}
		h.fail(w, r, err)
		return
	}
	h.config.Log.Info("certificate issued", zap.String("path", r.URL.Path), zap.String("peer", r.RemoteAddr))
	writeJSON(w, http.StatusOK, resp)
}

// addressOfRequest returns where a request comes from, as the gate counts it.
func addressOfRequest(r *http.Request) netip.Addr {
	if c := connOf(r); c != nil {
		return c.from
	}
	return netip.Addr{}
}

func peer(r *http.Request) []*x509.Certificate {
	if r.TLS == nil {
		return nil
	}
	return r.TLS.PeerCertificates
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types of package wire always marshal
	}
	w.Header().Set("Content-Type", wire.ContentJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b) // a peer that went away needs no answer
}
