package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// broker is the journal and the way to it: a cluster, or a server inside this process that keeps it in the state folder. After one
// failed write that server takes nothing more for as long as it runs, whatever room the disk has by then: it must be stopped
// and started again. A cluster is joined once; its connection recovers by itself.
type broker struct {
	config *Config
	log    *zap.Logger
	parts  atomic.Pointer[brokerParts]
	remake sync.Mutex // held while what a cluster has lost is made again
}

type brokerParts struct {
	server  *journal.Server // nil of a cluster
	conn    *nats.Conn
	state   *journal.KV // nil without a cluster
	journal *journal.Journal
}

// joinRetry is the wait before a cluster that does not answer is tried again.
const joinRetry = 2 * time.Second

// open opens the journal. A cluster is waited for.
func (b *broker) open(ctx context.Context) error {
	if !b.config.Clustered() {
		return b.start(ctx)
	}
	return b.wait(ctx, func() error {
		p, err := b.config.join(ctx, b.config.Receive, b.config.Streams, b.config.JournalBytes)
		if err != nil {
			return err
		}
		if n := p.journal.Replicas(); n < 3 {
			b.log.Warn("the journal is on fewer than three servers: a server that is lost takes what the store does not have yet; only agents can send it again",
				zap.String("code", "journal-replicas"), zap.Int("replicas", n))
		}
		b.parts.Store(p)
		return nil
	})
}

// wait tries until it works or ctx ends. Without a cluster it tries once.
func (b *broker) wait(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || !b.config.Clustered() {
			return err
		}
		b.log.Error("the cluster cannot be used yet", zap.String("code", "cluster"), zap.Error(err), zap.Duration("again in", joinRetry))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(joinRetry):
		}
	}
}

// restore makes again what a cluster has lost: its streams, and the leases of the writers. The authority is not made again: agents would
// not know the new one, and an operator may have a copy of the old.
func (b *broker) restore(ctx context.Context) {
	if !b.remake.TryLock() {
		return // it is being done
	}
	defer b.remake.Unlock()
	p := b.parts.Load()
	state, err := journal.OpenKV(ctx, p.conn, bucketWork, true)
	if err == nil {
		_, err = sharedShards(state, p.journal.Shards(), true)
	}
	if err == nil {
		_, err = journal.Open(ctx, p.conn, p.journal.Shards(), b.config.JournalBytes)
	}
	if err != nil && ctx.Err() == nil {
		b.log.Error("the journal's streams are lost and cannot be made again", zap.String("code", "cluster"), zap.Error(err))
	}
}

// start starts the server inside this process, unless the journal is in a cluster.
func (b *broker) start(ctx context.Context) error {
	if b.config.Clustered() {
		return nil
	}
	dir := filepath.Join(b.config.State, journalDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	server, err := journal.StartServer(dir, b.config.JournalBytes, b.log)
	if err != nil {
		return err
	}
	conn, err := server.Connect()
	if err != nil {
		server.Close()
		return err
	}
	j, err := journal.Open(ctx, conn, 1, b.config.JournalBytes)
	if err != nil {
		conn.Close()
		server.Close()
		return err
	}
	b.parts.Store(&brokerParts{server: server, conn: conn, journal: j})
	return nil
}

// stop stops the server inside this process, if there is one. Until it is started again the journal's methods fail at once;
// stopping it twice does no harm.
func (b *broker) stop() {
	if p := b.parts.Load(); p != nil && p.server != nil {
		p.conn.Close()
		p.server.Close()
	}
}

// close ends everything.
func (b *broker) close() error {
	b.stop()
	b.parts.Load().conn.Close()
	return nil
}

// journal returns the journal as it was last started.
func (b *broker) journal() *journal.Journal { return b.parts.Load().journal }

// The buckets of the shared state: the authority's, with its key, is none of the writers' business.
const bucketPKI, bucketWork = "argus_pki", "argus_work"

// createTimeout covers the making of all streams at the cluster's first use, joinTimeout an election when they are only looked for.
const createTimeout, joinTimeout = time.Minute, 10 * time.Second

// join connects to the cluster of a place. create makes what is not there, with so many shards, of maxBytes together; else that is
// fs.ErrNotExist. Receivers create: writers and commands need no right to.
func (p *Place) join(ctx context.Context, create bool, shards int, maxBytes int64) (*brokerParts, error) {
	conn, err := p.Nats.Connect(ctx, "argus-collector")
	if err != nil {
		return nil, err
	}
	limit := joinTimeout
	if create {
		limit = createTimeout
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	parts := &brokerParts{conn: conn}
	if parts.state, err = journal.OpenKV(limited, conn, bucketWork, create); err == nil {
		shards, err = sharedShards(parts.state, shards, create)
	}
	if !create {
		maxBytes = 0
	}
	if err == nil {
		parts.journal, err = journal.Open(limited, conn, shards, maxBytes)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return parts, nil
}

// sharedShards returns the number of shards that a cluster has; the first to ask decides.
func sharedShards(state *journal.KV, want int, create bool) (n int, err error) {
	const name = "shards"
	text, _, err := state.Get(name)
	if errors.Is(err, fs.ErrNotExist) && create {
		text = fmt.Append(nil, want)
		if _, err = state.Put(name, text, 0); errors.Is(err, fs.ErrExist) {
			text, _, err = state.Get(name)
		}
	}
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &n); err != nil || n < 1 || n > journal.MaxShards {
		return 0, fmt.Errorf("the cluster's number of shards is %.20q, not 1 to %d", text, journal.MaxShards)
	}
	return n, nil
}
