package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// Client delivers a queue to a collector.
type Client struct {
	c   Config
	own *connections

	mu     sync.Mutex
	stats  Stats
	logged map[State]logLine
	cancel context.CancelFunc // ends the attempt under way
	woken  bool

	// The rest belongs to Run.
	id        *identity
	token     *wire.Token
	addresses []string
	at        int // the address in use
	look      bool
	domains   []string // where collectors are still to be searched
	rt        http.RoundTripper
	rtHangUp  func()
	sessions  tls.ClientSessionCache

	down      time.Time // since when nothing works, zero when the last answer was good
	rejected  bool      // the collector does not accept the certificate
	renewTry  time.Time
	bundleDue time.Time // when to fetch other CA certificates, zero when these are the collector's
	connected time.Time // since when the address in use answers
	homeAfter time.Duration
	resumed   bool      // the spool was compared with what the collector has
	back      time.Time // when it was last found to have gone back in time
	known     uint64    // the connections that were made up to the one that began with the oldest batch
	begun     time.Time // since when new connections begin with begunFrom
	begunFrom wire.Watermark
	sent      uint64            // the highest sequence that the collector may have
	taken     map[uint64]uint64 // the highest sequence that a collector has answered with 204, of each epoch
	oldest    time.Time
	answered  time.Time
	mark      wire.Watermark // the last one, and since when
	markSince time.Time
	refused   time.Time // since when every batch went to quarantine, zero when the last one did not
	enc       *zstd.Encoder
	body, out []byte
}

// New checks the configuration and returns a client that does nothing before Run.
func New(c Config) (*Client, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Client{c: c, own: newConnections(), sessions: tls.NewLRUClientSessionCache(1), logged: map[State]logLine{}, taken: map[uint64]uint64{}, look: true, stats: Stats{State: StateConnecting, Since: time.Now()}}, nil
}

// Run delivers until ctx ends. It returns an error only when the identity folder must not be used.
func (c *Client) Run(ctx context.Context) error {
	id, err := openIdentity(c.c.Dir, c.c.KeyStore, c.c.Monitor)
	if err != nil {
		return err
	}
	defer id.root.Close()
	defer c.own.closeAll()
	defer c.hangUp()
	c.id = id
	c.describe()
	if c.c.Spread > 0 {
		c.enter(StateConnecting, "its turn comes within "+c.c.Spread.String()+": hosts that start at one moment come one by one")
		pause(ctx, rand.N(c.c.Spread)) // whatever the network does: what makes a fleet start at once gives it its network at once too
	}
	wait, begun := time.Duration(0), time.Time{}
	for c.sleep(ctx, wait) && pause(ctx, c.c.gap-time.Since(begun)) {
		begun = time.Now()
		attempt, cancel := context.WithCancel(ctx)
		c.mu.Lock()
		c.cancel = cancel
		c.mu.Unlock()
		err := c.attempt(attempt)
		cancel()
		if ctx.Err() != nil {
			break
		}
		if wait = c.failed(err); c.takeWake() {
			c.down, wait = time.Time{}, 0
		}
	}
	return nil
}

// Wake makes the client connect anew at once: the network has changed, or a token or a collector may be found now.
func (c *Client) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken = true
	if c.cancel != nil {
		c.cancel()
	}
}

func (c *Client) takeWake() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	woken := c.woken
	c.woken = false
	c.look = c.look || woken
	return woken
}

// pause waits for a time, whatever happens. It reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return ctx.Err() == nil
}

// sleep waits for a time, for ever if it is negative, or until Wake. It reports whether ctx goes on.
func (c *Client) sleep(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	nap, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	if c.woken {
		cancel()
	}
	c.cancel = cancel
	c.mu.Unlock()
	var due <-chan time.Time
	if d > 0 {
		due = time.After(d)
	}
	select {
	case <-nap.Done():
		c.down = time.Time{}
	case <-due:
	}
	c.takeWake()
	return ctx.Err() == nil
}

// attempt enrols if need be and delivers for as long as it works.
func (c *Client) attempt(ctx context.Context) error {
	c.discover(ctx)
	if len(c.addresses) == 0 {
		return c.search(ctx)
	}
	c.enter(StateConnecting, "")
	c.count(func(s *Stats) { s.Collector = c.address() })
	switch {
	case c.id.cert == nil:
		if err := c.enroll(ctx); err != nil {
			return err
		}
	case c.rejected:
		if err := c.reinstate(ctx); err != nil {
			return err
		}
	}
	c.rejected = false
	return c.deliver(ctx)
}

// reinstate gets a new certificate for one that is no longer accepted. Without a token it does not enrol again unless the old one is too
// old to be renewed: who was revoked must not keep asking for an operator's approval.
func (c *Client) reinstate(ctx context.Context) error {
	err := c.renew(ctx)
	if err == nil || c.token == nil && time.Since(c.id.cert.Leaf.NotAfter) < wire.RenewLate {
		return err
	}
	if e, ok := errors.AsType[*answerError](err); ok && !e.refused() || !ok && !refusedByTLS(err) {
		return err
	}
	c.hangUp()
	return c.enroll(ctx)
}

func (c *Client) address() string { return c.addresses[c.at%len(c.addresses)] }

// failed puts everything back that is not durable, chooses the state and returns how long to wait, negative for ever.
func (c *Client) failed(err error) time.Duration {
	c.c.Queue.Rewind()
	c.hangUp()
	c.oldest = time.Now().Add(-c.c.BatchInterval) // what had been sent is due again
	switch {
	case errors.Is(err, errNoCollector):
		return c.unknown(err)
	case ended(err) || errors.Is(err, errFound):
		return 0
	case errors.Is(err, errHome):
		c.at = 0
		return 0
	}
	c.count(func(s *Stats) { s.Attempts++ })
	outage := c.outage()
	reason := err.Error()
	if len(c.addresses) > 0 {
		reason = c.address() + ": " + reason
	}
	e, answered := errors.AsType[*answerError](err)
	switch {
	case answered && e.path == wire.PathEnroll && (e.status == http.StatusAccepted || e.status == http.StatusConflict):
		c.enter(StatePending, reason)
		return max(e.wait, 30*time.Second) + backoff(0)
	case answered && e.refused() || !answered && refusedByTLS(err):
		c.rejected = true
		c.sessions = tls.NewLRUClientSessionCache(1)
		c.enter(StateRejected, reason)
		return backoff(outage) + time.Second
	}
	if len(c.addresses) == 0 {
		c.enter(StateNoCollector, reason)
	} else {
		c.enter(StateWaiting, reason)
	}
	return c.again(err, outage)
}

// again says how long to wait after an attempt that brought nothing, and at which collector to go on.
func (c *Client) again(err error, outage time.Duration) time.Duration {
	if dnsFailed(err) && outage < dnsOften {
		return rand.N(dnsEvery)
	}
	if len(c.addresses) == 0 {
		return backoff(outage)
	}
	e, answered := errors.AsType[*answerError](err)
	if c.at++; c.at%len(c.addresses) != 0 && !answered {
		return backoff(0) // another collector may work
	}
	if outage > c.c.moved {
		c.suspect()
	}
	wait := backoff(outage)
	if answered {
		wait += e.wait
	}
	return wait
}

// outage returns for how long nothing has worked, and begins to count with the first failure.
func (c *Client) outage() time.Duration {
	if c.down.IsZero() {
		c.down = time.Now()
	}
	return time.Since(c.down)
}
