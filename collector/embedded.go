package collector

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// embedded is the journal with the server inside this process that keeps it. After one failed write that server takes nothing
// more for as long as it runs, whatever room the disk has by then: it must be stopped and started again.
type embedded struct {
	config *Config
	log    *zap.Logger
	parts  atomic.Pointer[embeddedParts]
}

type embeddedParts struct {
	server  *journal.Server
	conn    *nats.Conn
	journal *journal.Journal
}

// start opens the journal, which nothing else has open.
func (e *embedded) start(ctx context.Context) error {
	dir := filepath.Join(e.config.State, journalDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	server, err := journal.StartServer(dir, e.config.JournalBytes, e.log)
	if err != nil {
		return err
	}
	conn, err := server.Connect()
	if err != nil {
		server.Close()
		return err
	}
	j, err := journal.Open(ctx, conn, e.config.JournalBytes)
	if err != nil {
		conn.Close()
		server.Close()
		return err
	}
	e.parts.Store(&embeddedParts{server, conn, j})
	return nil
}

// stop closes the journal. Until it is started again its methods fail at once; stopping it twice does no harm.
func (e *embedded) stop() {
	if p := e.parts.Load(); p != nil {
		p.conn.Close()
		p.server.Close()
	}
}

// get returns the journal as it was last started.
func (e *embedded) get() *journal.Journal { return e.parts.Load().journal }
