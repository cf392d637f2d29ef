package receive

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

const (
	// forgetAfter is how long a monitor or an address that asks for nothing is remembered: by then its bucket is full again.
	forgetAfter = time.Minute
	// maxDelay is how long a batch beyond the rate waits, unread, instead of being sent away: below the time that an agent waits.
	maxDelay = 5 * time.Second
	// What a batch that is never taken costs, as a share of the burst: checking it has cost more than its records.
	nonsenseShare = 20
)

// Enrolments a second and at once, of one address and of all: each costs signatures and fsyncs. One that is refused counts as several.
const (
	enrollRate, enrollBurst               = 50, 2000
	enrollRateOfAll, enrollBurstOfAll     = 200, 5000
	refusedEnrolment                  int = 20
)

// limiter bounds what is in work, together and by each monitor.
type limiter struct {
	config Config

	mu        sync.Mutex
	requests  int
	octets    int // of the bodies of these
	agents    map[uuid.UUID]*agent
	enrolled  bucket
	enrolling map[netip.Addr]*bucket
	swept     time.Time
}

type agent struct {
	requests int
	octets   int
	waits    bool       // one of its batches does
	epoch    wire.Epoch // of its last batch
	bucket
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	filled time.Time
}

// take takes n tokens if there is one, going into debt for the rest, so that n may be larger than the burst.
// Otherwise it says how long it takes until there is one.
func (b *bucket) take(now time.Time, n, rate, burst int) (wait time.Duration) {
	if b.filled.IsZero() {
		b.tokens = float64(burst)
	} else if passed := now.Sub(b.filled); passed > 0 {
		b.tokens = min(b.tokens+passed.Seconds()*float64(rate), float64(burst))
	}
	b.filled = now
	if b.tokens < 1 {
		return time.Duration((1-b.tokens)/float64(rate)*float64(time.Second)) + time.Microsecond
	}
	b.tokens -= float64(n)
	return 0
}

func newLimiter(c Config) limiter {
	return limiter{config: c, agents: map[uuid.UUID]*agent{}, enrolling: map[netip.Addr]*bucket{}}
}

// begin admits a batch of n records in a body of so many octets, after a while if the monitor sends faster than it may, or says why not. After nil the
// caller calls end.
func (l *limiter) begin(ctx context.Context, monitor uuid.UUID, n, octets int) error {
	for {
		wait, err := l.try(monitor, n, octets, time.Now())
		if wait == 0 || err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		l.mu.Lock()
		l.agents[monitor].waits = false // sweep leaves it alone until then
		l.mu.Unlock()
		if ctx.Err() != nil {
			return busy(http.StatusServiceUnavailable, shortRetry, "the batch was not waited for")
		}
	}
}

// try admits a batch, or says how long it has to wait first: the others of the same monitor are sent away meanwhile.
func (l *limiter) try(monitor uuid.UUID, n, octets int, now time.Time) (wait time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	if l.requests >= l.config.MaxRequests || l.octets+octets > l.config.MaxOctets {
		return 0, busy(http.StatusServiceUnavailable, shortRetry, "too many batches at once")
	}
	a := l.agents[monitor]
	if a == nil {
		a = &agent{}
		l.agents[monitor] = a
	}
	if a.requests >= l.config.MaxPerAgent || a.octets+octets > wire.MaxCompressed {
		return 0, busy(http.StatusTooManyRequests, shortRetry, "too many batches of this monitor at once")
	}
	if l.config.Rate > 0 {
		if wait := a.take(now, n, l.config.Rate, l.config.Burst); wait > maxDelay || wait > 0 && a.waits {
			return 0, busy(http.StatusTooManyRequests, wait.Truncate(time.Second)+time.Second, "too many records a second")
		} else if wait > 0 {
			a.waits = true
			return wait, nil
		}
	}
	a.requests++
	a.octets += octets
	l.requests++
	l.octets += octets
	return 0, nil
}

// end tells that a batch is done; nonsense that it will never be taken.
func (l *limiter) end(monitor uuid.UUID, octets int, nonsense bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests--
	l.octets -= octets
	a := l.agents[monitor]
	a.requests--
	a.octets -= octets
	if nonsense {
		a.tokens -= float64(l.config.Burst / nonsenseShare)
	}
}

// begins tells whether a batch of this epoch is the monitor's first one here, or follows one of another.
func (l *limiter) begins(monitor uuid.UUID, epoch wire.Epoch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.agents[monitor]
	last := a.epoch
	a.epoch = epoch
	return last != epoch
}

// enroll admits a request for a certificate; after a refusal it is called with the number that this one costs more.
func (l *limiter) enroll(from netip.Addr, n int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	b := l.enrolling[from]
	if b == nil {
		b = &bucket{}
		l.enrolling[from] = b
	}
	return b.take(now, n, enrollRate, enrollBurst) == 0 && l.enrolled.take(now, n, enrollRateOfAll, enrollBurstOfAll) == 0
}

// pending returns when a host that waits for approval shall ask again: soon, unless so many ask that others would not get in.
func (l *limiter) pending(from netip.Addr) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.enrolling[from]; l.enrolled.tokens < enrollBurstOfAll/2 || b != nil && b.tokens < enrollBurst/2 {
		return pendingRetry
	}
	return pendingRetry / 2
}

// sweep forgets those that are silent. The caller holds l.mu.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < forgetAfter {
		return
	}
	l.swept = now
	for id, a := range l.agents {
		if a.requests == 0 && !a.waits && now.Sub(a.filled) > forgetAfter {
			delete(l.agents, id)
		}
	}
	for from, b := range l.enrolling {
		if now.Sub(b.filled) > forgetAfter {
			delete(l.enrolling, from)
		}
	}
}
