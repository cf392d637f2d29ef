package journal

import (
	"fmt"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// startTimeout bounds the wait for the embedded server; it covers the recovery of a full journal.
const startTimeout = 30 * time.Second

// Server is an embedded nats-server with JetStream that syncs every message to the disk before it
// acknowledges it, and that listens on nothing.
type Server struct{ ns *server.Server }

// StartServer starts a server that keeps its data in the folder dir, at most maxBytes of it.
// The caller closes it after everything that uses it.
func StartServer(dir string, maxBytes int64, log *zap.Logger) (*Server, error) {
	ns, err := server.NewServer(&server.Options{
		ServerName:         "argus-collector",
		DontListen:         true,
		JetStream:          true,
		StoreDir:           dir,
		SyncAlways:         true,
		JetStreamMaxStore:  maxBytes + maxBytes/4 + 64<<20, // the stream's own limit is the one that is met
		JetStreamMaxMemory: 16 << 20,
		MaxPayload:         wire.MaxCompressed + headerBytes,
		NoSigs:             true,
		NoSystemAccount:    true,
	})
	if err != nil {
		return nil, fmt.Errorf("journal server: %w", err)
	}
	ns.SetLoggerV2(natsLog{log.Named("nats").Sugar()}, false, false, false)
	ns.Start()
	s := &Server{ns}
	if !ns.ReadyForConnections(startTimeout) || !ns.JetStreamEnabled() {
		s.Close()
		return nil, fmt.Errorf("journal server did not start with its data in %s: see the log; is the folder writable and the disk not full?", dir)
	}
	return s, nil
}

// Connect opens a connection inside the process.
func (s *Server) Connect() (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(s.ns), nats.MaxReconnects(-1))
	if err != nil {
		return nil, fmt.Errorf("journal connection: %w", err)
	}
	return nc, nil
}

// Close stops the server and returns when it has stopped.
func (s *Server) Close() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

// natsLog gives the embedded server's messages to zap. Its notices are of no interest to a collector's operator.
type natsLog struct{ l *zap.SugaredLogger }

func (n natsLog) Noticef(format string, v ...any) { n.l.Debugf(format, v...) }
func (n natsLog) Warnf(format string, v ...any)   { n.l.Warnf(format, v...) }
func (n natsLog) Errorf(format string, v ...any)  { n.l.Errorf(format, v...) }
func (n natsLog) Fatalf(format string, v ...any)  { n.l.Errorf(format, v...) }
func (n natsLog) Debugf(format string, v ...any)  { n.l.Debugf(format, v...) }
func (n natsLog) Tracef(format string, v ...any)  { n.l.Debugf(format, v...) }
