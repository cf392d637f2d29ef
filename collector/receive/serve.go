package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	handshakeTimeout = 10 * time.Second // also of the headers of a request
	idleTimeout      = 90 * time.Second
	writeTimeout     = 60 * time.Second // covers the reading of the body and the journal
	shutdownTimeout  = time.Second
	maxStreams       = 8        // HTTP/2 requests at once on a connection
	maxFrame         = 16 << 10 // octets of an HTTP/2 frame: a connection keeps a buffer for one
	maxUnread        = 64 << 10 // octets of an HTTP/2 connection that the peer may send before they are read; net/http takes no less
	maxHeaderBytes   = 16 << 10 // of one request
)

// Serve answers the connections of ln until ctx ends, and returns when the requests under way are answered
// or a second has passed. It closes ln.
func (h *Handler) Serve(ctx context.Context, ln net.Listener, conf *tls.Config) error {
	gate := newGate(ln, &h.config)
	h.gate.Store(gate)
	srv := &http.Server{
		Handler:           h,
		TLSConfig:         conf,
		ReadHeaderTimeout: handshakeTimeout, // net/http bounds the TLS handshake by it as well
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       withConn,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReadFrameSize: maxFrame,
			MaxReceiveBufferPerConnection: maxUnread, MaxReceiveBufferPerStream: maxUnread,
			PingTimeout: 15 * time.Second, SendPingTimeout: idleTimeout},
		ErrorLog: zap.NewStdLog(h.config.Log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}
	var wg sync.WaitGroup
	wg.Go(func() { gate.run(ctx) })
	stop := context.AfterFunc(ctx, func() {
		defer wg.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	})
	wg.Add(1)
	err := srv.ServeTLS(gate, "", "")
	if stop() {
		wg.Done()
	}
	gate.end()
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("receive: %w", err)
}
