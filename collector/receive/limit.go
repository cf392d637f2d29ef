package receive

import (
	"net/http"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
)

// forgetAfter is how long a monitor that posts nothing is remembered: by then its bucket is full again.
const forgetAfter = time.Minute

// enrolments a second and at once: each costs an fsync and a signature.
const enrollRate, enrollBurst = 50, 1000

// limiter bounds what is in work, together and by each monitor.
type limiter struct {
	config Config

	mu       sync.Mutex
	requests int
	agents   map[uuid.UUID]*agent
	swept    time.Time
	enrolled bucket
}

type agent struct {
	requests int
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
		return time.Duration((1 - b.tokens) / float64(rate) * float64(time.Second))
	}
	b.tokens -= float64(n)
	return 0
}

func newLimiter(c Config) limiter {
	return limiter{config: c, agents: map[uuid.UUID]*agent{}}
}

// begin admits a batch of n records, or says why not. After nil the caller calls end.
func (l *limiter) begin(monitor uuid.UUID, n int, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	if l.requests >= l.config.MaxRequests {
		return busy(http.StatusServiceUnavailable, shortRetry, "too many batches at once")
	}
	a := l.agents[monitor]
	if a == nil {
		a = &agent{}
		l.agents[monitor] = a
	}
	if a.requests >= l.config.MaxPerAgent {
		return busy(http.StatusTooManyRequests, shortRetry, "too many batches of this monitor at once")
	}
	if l.config.Rate > 0 {
		if wait := a.take(now, n, l.config.Rate, l.config.Burst); wait > 0 {
			return busy(http.StatusTooManyRequests, wait.Truncate(time.Second)+time.Second, "too many records a second")
		}
	}
	a.requests++
	l.requests++
	return nil
}

func (l *limiter) end(monitor uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests--
	l.agents[monitor].requests--
}

func (l *limiter) enroll(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enrolled.take(now, 1, enrollRate, enrollBurst) == 0
}

// sweep forgets the monitors that are silent. The caller holds l.mu.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < forgetAfter {
		return
	}
	l.swept = now
	for id, a := range l.agents {
		if a.requests == 0 && now.Sub(a.filled) > forgetAfter {
			delete(l.agents, id)
		}
	}
}
