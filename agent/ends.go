package agent

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// localEnds knows which ends of connections are this host's. It is asked for TCP connections older than their meter.
type localEnds struct {
	seen   atomic.Pointer[platform.Listeners]
	why    atomic.Pointer[string] // why they are not known, nil when they are
	failed sync.Once
}

// look renews what is known: at the start, when the network has changed and with each status record, so that nothing wakes
// up for it. When it fails, what was known stays.
func (e *localEnds) look(log *zap.Logger) {
	l, err := platform.Listening()
	if err == nil {
		e.seen.Store(l)
		e.why.Store(nil)
		return
	}
	why := err.Error()
	e.why.Store(&why)
	if !errors.Is(err, errors.ErrUnsupported) {
		e.failed.Do(func() {
			log.Warn("who began a TCP connection older than the agent is told by its ports alone", zap.String("code", "listening-ports"), zap.Error(err))
		})
	}
}

// local is flow.Config.Local.
func (e *localEnds) local(a netip.Addr, port uint16) (here, listens bool) {
	if l := e.seen.Load(); l != nil {
		return l.Local(a, port)
	}
	return false, false
}
