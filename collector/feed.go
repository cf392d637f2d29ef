package collector

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/platform"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// Feed says where flows are served by the Argus protocol, to ra, radium and their like.
type Feed struct {
	V5, V3    []string // addresses for tools of the 5 line and of the 3 line, see feed.ParseListen; both empty: nowhere
	Cert, Key string   // PEM files: connections to these addresses, sockets apart, are in TLS; empty: in the clear
}

// Check tells what is wrong with f and what to do about it.
func (f *Feed) Check() error {
	for _, list := range [][]string{f.V5, f.V3} {
		for _, text := range list {
			if _, _, err := feed.ParseListen(text); err != nil {
				return err
			}
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return errors.New("TLS needs a certificate and its key: give --feed-cert and --feed-key")
	}
	return nil
}

// feeds are the servers of a Feed. Those that nobody has configured are nil.
type feeds struct {
	log       *zap.Logger
	v5, v3    *feed.Server
	listeners map[net.Listener]*feed.Server
}

// open opens all listeners, in the name of the collector own. A replay is for one of the servers: it is made for the version of its records.
func (f *Feed) open(ctx context.Context, own uuid.UUID, log *zap.Logger, replay func(argus.Version) replayFunc) (_ *feeds, err error) {
	fs := &feeds{log: log, listeners: map[net.Listener]*feed.Server{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, fs.close())
		}
	}()
	secret, err := f.secret()
	if err != nil {
		return fs, err
	}
	c := feed.Config{Monitor: own, Parse: parseFilter, Note: func(code string, client net.Addr, err error) {
		log.Warn("a reader of flows was sent away", zap.String("code", code), zap.Stringer("reader", client), zap.Error(err))
	}}
	for _, v := range []struct {
		version   argus.Version
		addresses []string
		server    **feed.Server
	}{{argus.V5, f.V5, &fs.v5}, {argus.V3, f.V3, &fs.v3}} {
		if len(v.addresses) == 0 {
			continue
		}
		if c.Version = v.version; replay != nil {
			c.Replay = replay(v.version)
		}
		*v.server = feed.NewServer(c)
		for _, address := range v.addresses {
			l, err := feed.Listen(ctx, address)
			if err != nil {
				return fs, err
			}
			log.Info("flows are served to Argus tools", zap.Stringer("address", l.Addr()), zap.Uint8("version", uint8(v.version)), zap.Bool("tls", secret != nil))
			if _, local := l.(*net.UnixListener); secret != nil && !local {
				l = tls.NewListener(l, secret)
			}
			fs.listeners[l] = *v.server
		}
	}
	return fs, nil
}

// secret returns what is needed for TLS, nil where there is none.
func (f *Feed) secret() (*tls.Config, error) {
	if f.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the feed: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

// close closes the listeners that nobody has served.
func (f *feeds) close() (err error) {
	for l := range f.listeners {
		if cerr := l.Close(); !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	return err
}

// run serves until ctx ends or a listener fails.
func (f *feeds) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for l, s := range f.listeners {
		wg.Go(func() {
			if err := s.Serve(ctx, l); err != nil {
				cancel(fmt.Errorf("feed: %w", err))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func (f *feeds) publish(records []byte) {
	for _, s := range []*feed.Server{f.v5, f.v3} {
		if s != nil {
			s.Publish(records)
		}
	}
}

// listened tells whether anybody gets what is published.
func (f *feeds) listened() bool {
	return f.v5 != nil && f.v5.Listened() || f.v3 != nil && f.v3.Listened()
}

// feedID is the collector's own identity in its feeds: another one than that of an agent on the same machine, or of another collector.
func (p *Place) feedID() uuid.UUID {
	name := "argus-collector"
	if state, err := filepath.Abs(p.State); err == nil {
		name += " " + state
	}
	host, err := platform.Identify(uuid.Nil, nil)
	if err != nil {
		return uuid.NewV5(uuid.NamespaceOID, name)
	}
	return uuid.NewV5(host.ID, name)
}

func parseFilter(expression string) (func(*argus.Record) bool, error) {
	f, err := filter.Parse([]string{expression})
	return f.Match, err
}

// feedRetry is the pause before the journal is followed anew.
const feedRetry = time.Second

// feedLive publishes what arrives from all agents, until ctx ends.
func (s *Server) feedLive(ctx context.Context) error {
	for ctx.Err() == nil {
		err := follow(ctx, s.broker.journal(), func(*journal.Entry) bool { return s.feeds.listened() }, func() {}, func(stream []byte) error {
			s.feeds.publish(stream)
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		s.feeds.log.Warn("the feed has lost the journal for a moment: records may be missing in it, not in the store", zap.String("code", "feed-journal"), zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(feedRetry):
		}
	}
	return nil
}
