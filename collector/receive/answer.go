package receive

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"go.uber.org/zap"
)

// The waits that a busy collector asks for.
const (
	shortRetry   = time.Second      // a limit that is free again at once
	fullRetry    = 30 * time.Second // a full disk
	failingRetry = 5 * time.Second  // what an election or another start may mend; agents add more by themselves the longer it lasts
	enrollRetry  = 5 * time.Second
	pendingRetry = time.Minute // an operator has to do something; half of it when few wait
)

// answer is an error with the status that tells the agent.
type answer struct {
	status int
	retry  time.Duration // 0: no Retry-After
	text   string
}

func (a *answer) Error() string { return a.text }

// never tells that a batch with this answer will never be taken.
func (a *answer) never() bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

func reject(status int, format string, args ...any) error {
	return &answer{status: status, text: fmt.Sprintf(format, args...)}
}

func busy(status int, retry time.Duration, text string) error {
	return &answer{status, retry, text}
}

// answerTo turns any error into an answer. What is not the peer's fault is told as "busy", without details.
func answerTo(err error) *answer {
	if a, ok := errors.AsType[*answer](err); ok {
		return a
	}
	if refusal, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err); ok {
		a := &answer{status: refusal.HTTPStatus(), text: refusal.Error()}
		switch a.status {
		case http.StatusAccepted, http.StatusConflict:
			a.retry = pendingRetry
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			a.retry = fullRetry
		}
		return a
	}
	return &answer{http.StatusServiceUnavailable, failingRetry, "the collector cannot store anything now"}
}

// fail answers with an error, counts it, and logs what an operator can do something about.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	a := answerTo(err)
	fields := []zap.Field{zap.Int("status", a.status), zap.String("path", r.URL.Path), zap.String("peer", r.RemoteAddr), zap.Error(err)}
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		h.refused.Add(1)
		h.config.Log.Warn("refused", fields...)
	case http.StatusTooManyRequests:
		h.busy.Add(1)
		h.config.Log.Debug("busy", fields...)
	case http.StatusServiceUnavailable:
		h.busy.Add(1)
		h.config.Log.Error("not taken", fields...)
	case http.StatusAccepted, http.StatusConflict:
		h.config.Log.Info("waits for approval", fields...)
	default:
		h.invalid.Add(1)
		h.config.Log.Warn("invalid", fields...)
	}
	if a.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(a.retry.Seconds())))
	}
	writeJSON(w, a.status, wire.ErrorResponse{Error: a.text})
}

type counters struct {
	batches, records, bytes, invalid, refused, busy atomic.Uint64
}

// Stats returns the counters.
func (h *Handler) Stats() Stats {
	s := Stats{
		Batches: h.batches.Load(), Records: h.records.Load(), Bytes: h.bytes.Load(),
		Invalid: h.invalid.Load(), Refused: h.refused.Load(), Busy: h.busy.Load(),
	}
	if g := h.gate.Load(); g != nil {
		g.mu.Lock()
		s.Connections, s.Strangers, s.TurnedAway = len(g.all), g.strangers+g.waiting, g.turnedAway.Load()
		g.mu.Unlock()
	}
	return s
}
