package uplink

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

func (c *Client) renewalDue(now time.Time) bool { return !now.Before(c.nextRenewal()) }

// nextRenewal is at half of the certificate's life, or earlier when the collector has another bundle of CAs; one attempt an hour.
func (c *Client) nextRenewal() time.Time {
	at := c.id.renewAt()
	if !c.bundleDue.IsZero() && c.bundleDue.Before(at) {
		at = c.bundleDue
	}
	if at.Before(c.renewTry) {
		at = c.renewTry
	}
	return at
}

// noteBundle looks whether the collector would give other CA certificates than the ones that are known: the CA is being rotated.
// A fleet fetches them within an hour, each monitor at a time of its own.
func (c *Client) noteBundle(h http.Header) {
	switch theirs := h.Get(wire.HeaderCA); {
	case theirs == "" || theirs == c.id.bundle():
		c.bundleDue = time.Time{}
	case c.bundleDue.IsZero():
		c.bundleDue = time.Now().Add(rand.N(c.c.renewals))
	}
}

// errHome ends a connection to one of the later collectors, to see whether the first one is back.
var errHome = errors.New("back to the first collector")

// goHome is when errHome is due: a collector that was away must get its hosts back, but not all of them at once.
func (c *Client) goHome() time.Time {
	if c.at%len(c.addresses) == 0 {
		return time.Now().Add(never)
	}
	return c.connected.Add(c.homeAfter)
}

// Finish delivers, after Run has returned, what is on disk and was not delivered yet: the last words of a host that is shut down in order. It does nothing
// when the collector did not answer last, and ends with ctx.
func (c *Client) Finish(ctx context.Context) {
	if c.id == nil || c.id.cert == nil || c.Stats().State != StateUp {
		return
	}
	defer c.hangUp()
	c.c.Queue.Rewind()
	for oldest := true; ; oldest = false {
		b, ok := c.c.Queue.Lease(c.c.BatchBytes, c.c.BatchRecords)
		if !ok || c.post(ctx, b, oldest) != nil {
			return
		}
	}
}
