package collector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/receive"
	"go.uber.org/zap"
)

// Server is a collector on one machine.
type Server struct {
	config Config
	log    *zap.Logger
	ready  chan struct{}
	addr   net.Addr

	authority *pki.Authority
	journal   *embedded
	receiver  *receive.Handler
	writer    *writer
}

// New returns a collector. It does nothing before Run.
func New(c Config, log *zap.Logger) *Server {
	return &Server{config: c, log: log, ready: make(chan struct{})}
}

// Ready is closed when agents and local commands can connect.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr returns the address on which agents are awaited, once Ready is closed.
func (s *Server) Addr() net.Addr { return s.addr }

// Run collects until ctx ends or something fails that cannot be put right while running, and returns when
// everything it started has ended and what was received is in the store, if that takes no longer than a second.
func (s *Server) Run(ctx context.Context) (err error) {
	if err := s.config.Check(); err != nil {
		return err
	}
	own, err := lock(s.config.State)
	if err != nil {
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
	release(own.Close)
	if s.authority, err = s.config.OpenAuthority(ctx); err != nil {
		return err
	}
	release(s.authority.Close)
	s.journal = &embedded{config: &s.config, log: s.log}
	if err := s.journal.start(ctx); err != nil {
		return err
	}
	release(func() error { s.journal.stop(); return nil })
	if s.writer, err = newWriter(s.config.StoreLocation(), &s.config, s.journal, s.log.Named("store")); err != nil {
		return err
	}
	release(s.writer.close)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen for agents: %w", err)
	}
	admin, err := listenAdmin(s.config.State)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.addr = listener.Addr()
	return s.serve(ctx, listener, admin)
}

// serve runs the three parts until ctx ends or one fails. Agents are sent away first, so that the writer sees the end.
func (s *Server) serve(ctx context.Context, listener, admin net.Listener) error {
	tls, err := s.authority.ServerTLS(s.names)
	if err != nil {
		return errors.Join(err, listener.Close(), admin.Close())
	}
	c := receive.DefaultConfig()
	c.Authority, c.Append, c.Durable, c.Log = s.authority, s.append, s.writer.watermark, s.log.Named("receive")
	c.Rate, c.Burst = s.config.Rate, 10*s.config.Rate
	s.receiver = receive.NewHandler(c)

	front, stopFront := context.WithCancelCause(ctx)
	back, stopBack := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFront(nil)
	defer stopBack()
	var fronts, backs sync.WaitGroup
	fronts.Go(func() { stopFront(s.receiver.Serve(front, listener, tls)) })
	fronts.Go(func() { stopFront(s.serveAdmin(front, admin)) })
	backs.Go(func() { s.writer.run(back) })
	s.log.Info("collector is ready", zap.Stringer("listen", listener.Addr()), zap.String("state", s.config.State),
		zap.Strings("advertise", s.Advertised()))
	close(s.ready)
	fronts.Wait()
	stopBack()
	backs.Wait()
	if err := context.Cause(front); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// appendTimeout is below the time that an agent waits for an answer, so that it hears of a failing disk.
const appendTimeout = 5 * time.Second

// append puts a batch into the journal. A journal that cannot take it is started again, unless it is only full.
func (s *Server) append(ctx context.Context, b *receive.Batch) error {
	entry := journal.Batch(*b) // the two packages' batches are the same
	limited, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	err := s.journal.get().Append(limited, &entry)
	if err != nil && !errors.Is(err, journal.ErrFull) && ctx.Err() == nil {
		s.writer.distrust(err)
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
