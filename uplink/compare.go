package uplink

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// compare asks, before anything is sent over a new connection, what the collector has: it shows that the link is up, and whether the spool went back in time.
func (c *Client) compare(ctx context.Context) error {
	epoch := c.c.Queue.Epoch()
	w, err := c.askDurable(ctx, epoch)
	c.known = c.own.count()
	if err != nil || c.resumed {
		return err
	}
	c.resumed = true
	if !c.wentBack(w) {
		c.sent = max(c.sent, w.Sequence)
	}
	return nil
}

// wentBack tells whether a watermark shows that the spool went back in time, which goes on in a new epoch then. It may show late: a collector that does
// not know what its store has says 0, as does one of another site. One that says so again and again is not believed.
func (c *Client) wentBack(w wire.Watermark) bool {
	if !c.back.IsZero() && time.Since(c.back) < stalled || !c.c.Queue.Resume(uint64(w.Epoch), w.Sequence) {
		return false
	}
	c.back = time.Now()
	c.count(func(s *Stats) { s.RolledBack++ })
	c.c.Log.Warn("the collector has records that this spool never made: the folder went back in time or was copied; going on in a new epoch",
		zap.String("code", "uplink-rollback"), zap.Uint64("durable", w.Sequence))
	return true
}
