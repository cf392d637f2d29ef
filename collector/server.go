package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/receive"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// Server is a collector on one machine, or one of the processes of a fleet's collector: a receiver, a writer, or both.
type Server struct {
	config Config
	log    *zap.Logger
	retry  time.Duration
	ready  chan struct{}
	addr   net.Addr

	broker   *broker
	receiver *receive.Handler // nil of a process that only writes
	seen     *seen
	marks    *marks   // nil without a cluster
	writers  *writers // nil of a process that only receives
	feeds    *feeds
}

// New returns a collector. It does nothing before Run.
func New(c Config, log *zap.Logger) *Server {
	if !c.Receive {
		c.Nats.Role = "write"
	}
	return &Server{config: c, log: log, retry: writeRetry, ready: make(chan struct{})}
}

// Ready is closed when agents and local commands can connect.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr returns the address on which agents are awaited, once Ready is closed; nil when they are not.
func (s *Server) Addr() net.Addr { return s.addr }

// Run collects until ctx ends or something fails that cannot be put right while running, and returns when
// everything it started has ended and what was received is in the store, if that takes no longer than a second.
func (s *Server) Run(ctx context.Context) (err error) {
	if err := s.config.Check(); err != nil {
		return err
	}
	// Each acquired thing has its release beside it; they run in the opposite order.
	var releases []func() error
	release := func(f func() error) { releases = append(releases, f) }
	defer func() {
		for i := len(releases) - 1; i >= 0; i-- {
			err = errors.Join(err, releases[i]())
		}
	}()
	fronts, err := s.open(ctx, release)
	if ctx.Err() != nil { // stopped while it waited for a cluster
		return nil
	}
	if err != nil {
		return err
	}
	return s.serve(ctx, fronts)
}

// open acquires what the roles of this process need, and returns what serves agents and commands.
func (s *Server) open(ctx context.Context, release func(func() error)) (fronts []func(context.Context) error, err error) {
	if !s.config.Clustered() {
		own, err := lock(s.config.State)
		if err != nil {
			return nil, err
		}
		release(own.Close)
	}
	s.broker = &broker{config: &s.config, log: s.log}
	if err := s.broker.open(ctx); err != nil {
		return nil, err
	}
	release(s.broker.close)
	if s.config.Write {
		bucket, err := store.OpenBucket(s.config.StoreLocation())
		if err != nil {
			return nil, err
		}
		release(bucket.Close)
		s.writers = newWriters(&s.config, s.broker, bucket, s.log.Named("store"))
		s.writers.retry = s.retry
	}
	if s.config.Receive {
		var authority *pki.Authority
		err := s.broker.wait(ctx, func() (err error) {
			authority, err = s.config.OpenAuthority(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		release(authority.Close)
		receiver, err := s.receive(ctx, authority)
		if err != nil {
			return nil, err
		}
		fronts = receiver
	}
	if s.feeds, err = s.config.Feed.open(ctx, s.config.feedID(), s.log.Named("feed"), nil); err != nil {
		return nil, err
	}
	release(s.feeds.close)
	if len(s.feeds.listeners) > 0 {
		fronts = append(fronts, s.feeds.run, s.feedLive)
	}
	if !s.config.Clustered() {
		admin, err := listenAdmin(s.config.State)
		if err != nil {
			return nil, err
		}
		fronts = append(fronts, func(ctx context.Context) error { return s.serveAdmin(ctx, admin) })
	}
	return fronts, nil
}

// receive returns what a receiver runs.
func (s *Server) receive(ctx context.Context, authority *pki.Authority) (run []func(context.Context) error, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	s.addr = listener.Addr()
	tls, err := authority.ServerTLS(s.names)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.seen = &seen{Authority: authority, last: map[uuid.UUID]time.Time{}}
	c := receive.DefaultConfig()
	c.Authority, c.Append, c.Durable, c.Log = s.seen, s.append, s.durable, s.log.Named("receive")
	c.Rate, c.Burst, c.TrustProxy = s.config.Rate, 10*s.config.Rate, s.config.TrustProxy
	s.receiver = receive.NewHandler(c)
	run = append(run, func(ctx context.Context) error { return s.receiver.Serve(ctx, listener, tls) })
	if !s.config.Clustered() {
		return run, nil
	}
	nc := s.broker.parts.Load().conn
	s.marks = newMarks(nc, s.broker.journal().Shard)
	return append(run, s.marks.run, func(ctx context.Context) error {
		return serve(ctx, nc, subjectSeen, func(msg *nats.Msg) {
			for _, b := range s.seen.messages() {
				_ = msg.Respond(b)
			}
		})
	}, func(ctx context.Context) error {
		return serve(ctx, nc, subjectAddresses, func(msg *nats.Msg) {
			b, err := json.Marshal(s.Advertised())
			if err == nil {
				err = msg.Respond(b)
			}
			if err != nil {
				s.log.Debug("answer", zap.Error(err))
			}
		})
	}), nil
}

// serve runs the writers and the fronts until ctx ends or one fails. Agents are sent away first, so that the writers see the end.
func (s *Server) serve(ctx context.Context, fronts []func(context.Context) error) error {
	front, stopFront := context.WithCancelCause(ctx)
	back, stopBack := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFront(nil)
	defer stopBack()
	var frontWork, backWork sync.WaitGroup
	if s.writers != nil {
		s.writers.begin(back)
		backWork.Go(func() { s.writers.run(back) })
	}
	for _, run := range fronts {
		frontWork.Go(func() { stopFront(run(front)) })
	}
	s.log.Info("collector is ready", s.about()...)
	close(s.ready)
	<-front.Done()
	frontWork.Wait()
	stopBack()
	backWork.Wait()
	if err := context.Cause(front); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// about returns what an operator wants to see at the start.
func (s *Server) about() []zap.Field {
	var fields []zap.Field
	if s.config.Receive {
		fields = append(fields, zap.Stringer("listen", s.addr), zap.Strings("advertise", s.Advertised()))
	}
	if s.config.Write {
		fields = append(fields, zap.String("store", s.config.StoreLocation()))
	}
	if s.config.Clustered() {
		return append(fields, zap.Strings("nats", s.config.Nats.URLs), zap.Int("shards", s.broker.journal().Shards()))
	}
	return append(fields, zap.String("state", s.config.State))
}

// durable returns the store's watermark: whoever writes it knows it.
func (s *Server) durable(monitor uuid.UUID, epoch wire.Epoch) uint64 {
	if s.writers != nil {
		if seq, own := s.writers.watermark(monitor, epoch); own {
			return seq
		}
	}
	if s.marks == nil {
		return 0
	}
	return s.marks.get(monitor, epoch)
}

// appendTimeout is below the time that an agent waits for an answer, so that it hears of a failing disk.
const appendTimeout = 5 * time.Second

// append puts a batch into the journal. A journal inside this process that cannot take it is started again, unless it is only full; what a cluster
// has lost is made again.
func (s *Server) append(ctx context.Context, b *receive.Batch) error {
	entry := journal.Batch(*b) // the two packages' batches are the same
	limited, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	err := s.broker.journal().Append(limited, &entry)
	switch {
	case err == nil || errors.Is(err, journal.ErrFull) || ctx.Err() != nil:
	case !s.config.Clustered():
		s.writers.distrust(err)
	case errors.Is(err, journal.ErrNoStream):
		s.broker.restore(limited)
	}
	return err
}

// Advertised returns the addresses that a token carries unless others are given.
func (s *Server) Advertised() []string { return Advertised(s.config.Listen, s.config.Advertise) }

// Advertised returns the addresses under which a collector is reached: those given, else the one it listens on,
// with this machine's name when that means every address.
func Advertised(listen string, advertise []string) []string {
	if len(advertise) > 0 {
		return advertise
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil && name != "" {
			host = name
		}
	}
	return []string{net.JoinHostPort(host, port)}
}

// names returns what the server's certificate is good for.
func (s *Server) names() []string {
	names := pki.LocalNames()
	for _, addr := range append(s.Advertised(), s.addr.String()) {
		if host, _, err := net.SplitHostPort(addr); err == nil && host != "" {
			names = append(names, host)
		}
	}
	return names
}
