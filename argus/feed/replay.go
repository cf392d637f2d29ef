package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// replay sends what is stored, with status records for as long as it takes.
func (c *client) replay(ctx context.Context, wg *sync.WaitGroup) {
	s := c.server
	ctx, cancel := context.WithCancel(ctx)
	wg.Go(func() {
		t := time.NewTicker(s.config.Interval)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				_ = c.status() // the replay meets the error too
			}
		}
	})
	match := c.match
	if match == nil {
		match = func(*argus.Record) bool { return true }
	}
	err := s.config.Replay(ctx, c.expression, match, func(records []byte) error {
		block, _ := s.prepare(records)
		if err := c.write(block); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err == nil {
		err = c.end()
	}
	cancel()
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		s.config.Note("feed-replay", c.conn.RemoteAddr(), fmt.Errorf("replay: %w", err))
	}
}

// end tells the client that a replay is complete.
func (c *client) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.said
	m.Start, m.Option = c.last.UnixNano(), stopComplete
	return c.put(c.server.management(nil, flow.CauseStop, m))
}
