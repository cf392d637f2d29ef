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

// backoff returns how long to wait after the n-th failure in a row, from 1: full jitter below 1 s, 2 s, 4 s ... 5 min.
func backoff(n int) time.Duration {
	limit := backoffMax
	if n < 10 {
		limit = min(backoffMin<<max(n-1, 0), backoffMax)
	}
	return rand.N(limit)
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
