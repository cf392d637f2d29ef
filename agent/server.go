package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
)

// serviceGroup may read status and flows besides root, if the system has such a group.
const serviceGroup = "argus-endpoint"

const (
	askStatus = "STATUS" // the command of the local socket that the Argus protocol does not have
	maxLocal  = 64       // connections at once

	firstListen = time.Second // before another try to listen where that failed
	lastListen  = time.Minute
)

// feeds hand the records that go to the spool to whoever listens, as Argus servers: on a unix socket in the state folder, and where
// the configuration says.
type feeds struct {
	v5, v3 *feed.Server // v3 is nil unless it is configured
	local  *serving     // the socket in the state folder
	remote *serving     // everything else
}

// serving is what runs until it is closed.
type serving struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newServing() *serving {
	s := &serving{}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// close ends what runs, after it has given its clients what was published.
func (s *serving) close() {
	if s != nil {
		s.cancel()
		s.wg.Wait()
	}
}

func (a *Agent) newFeeds() feeds {
	c := feed.Config{
		Monitor: a.host.ID, Interval: a.config.MARInterval, Clients: maxLocal, Answer: a.answer,
		Management: func() argus.Management { return *a.mar.start(time.Now()) },
		Parse: func(expression string) (func(*argus.Record) bool, error) {
			f, err := filter.Parse([]string{expression})
			return f.Match, err
		},
		Note: func(code string, client net.Addr, err error) {
			what := "a reader of flows was sent away"
			if code == "feed-push" {
				what = "flows cannot be pushed"
			}
			a.log.Warn(what, zap.String("code", code), zap.Stringer("reader", client), zap.Error(err))
		},
	}
	f := feeds{v5: feed.NewServer(c)}
	if a.config.wantsV3() {
		c.Version, c.Answer = argus.V3, nil
		f.v3 = feed.NewServer(c)
	}
	return f
}

// publish gives records to the readers; it waits for none.
func (f *feeds) publish(records []byte) {
	f.v5.Publish(records)
	if f.v3 != nil {
		f.v3.Publish(records)
	}
}

// count returns how many readers there are, and how many were dropped because they were too slow.
func (f *feeds) count() (readers int, dropped uint64) {
	if f.v5 == nil {
		return 0, 0
	}
	s := f.v5.Stats()
	readers, dropped = s.Clients, s.Slow
	if f.v3 != nil {
		s = f.v3.Stats()
		readers, dropped = readers+s.Clients, dropped+s.Slow
	}
	return readers, dropped
}

// answer says how the agent is, to this machine's own programs.
func (a *Agent) answer(command, network string) ([]byte, bool) {
	if command != askStatus || network != "unix" {
		return nil, false
	}
	b, err := json.Marshal(a.status())
	return b, err == nil
}

// listen lets local readers in.
func (a *Agent) listen() {
	l, err := listenLocal(a.state)
	if err != nil {
		a.log.Warn("status and flows cannot be read locally", zap.String("code", "local-socket"), zap.Error(err))
		return
	}
	s := newServing()
	s.wg.Go(func() { _ = a.feeds.v5.Serve(s.ctx, l) })
	a.feeds.local = s
}

func (a *Agent) unlisten() {
	a.feeds.local.close()
	a.feeds.local = nil
}

// listenLocal opens the socket. Who may connect is decided by the file system: root, and the service's group.
func listenLocal(st *state) (net.Listener, error) {
	path := st.path(socketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // left by a run that was cut off
		return nil, fmt.Errorf("local socket: %w", err)
	}
	l, err := listenSocket(path)
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	if gid := groupID(serviceGroup); gid >= 0 && os.Geteuid() == 0 {
		_ = os.Lchown(path, -1, gid)
		_ = st.root.Chown(".", -1, gid)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("local socket: %w", err)
	}
	return l, nil
}

// openFeeds serves and pushes records where the configuration says.
func (a *Agent) openFeeds() {
	s := newServing()
	for _, address := range a.config.Feed {
		s.wg.Go(func() { a.serveFeed(s.ctx, a.feeds.v5, address) })
	}
	for _, address := range a.config.FeedV3 {
		s.wg.Go(func() { a.serveFeed(s.ctx, a.feeds.v3, address) })
	}
	for _, text := range a.config.Push {
		address, v3, err := feed.ParsePush(text)
		if err != nil {
			continue // the configuration was checked
		}
		from := a.feeds.v5
		if v3 {
			from = a.feeds.v3
		}
		s.wg.Go(func() { from.Push(s.ctx, address) })
	}
	a.feeds.remote = s
}

// serveFeed serves at an address until ctx ends. One that cannot be had is tried again: the agent's work does not hang on it.
func (a *Agent) serveFeed(ctx context.Context, s *feed.Server, text string) {
	for retry := firstListen; ctx.Err() == nil; retry = min(2*retry, lastListen) {
		l, err := feed.Listen(ctx, text)
		if err == nil {
			a.log.Info("flows are served", zap.Stringer("address", l.Addr()))
			err = s.Serve(ctx, l)
		}
		if ctx.Err() != nil {
			return
		}
		a.log.Error("flows are not served", zap.String("code", "feed-listen"), zap.String("address", text), zap.Error(err), zap.Duration("retry", retry))
		pause(ctx, retry)
	}
}
