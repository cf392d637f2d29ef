package uplink

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	backoffMin    = time.Second
	backoffMax    = 5 * time.Minute
	maxRetryAfter = 15 * time.Minute
)

// backoff returns how long to wait when nothing has worked for a time: full jitter below that time, but 1 s at least and 5 min at
// most. Nobody is away much longer than twice the outage, however quickly its attempts fail.
func backoff(down time.Duration) time.Duration {
	return rand.N(min(max(down, backoffMin), backoffMax))
}

// retryAfter returns the wait that an answer asks for, in seconds or as a date (RFC 9110 section 10.2.3), 0 when it does not.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}
