package uplink

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRace: IPv4 and IPv6 in turn, the second family soon when the first is slow and at once when it fails.
func TestRace(t *testing.T) {
	const slow, dead = 4 * time.Second, time.Hour
	for name, x := range map[string]struct {
		first, second []string
		answers       map[string]time.Duration // the others are refused at once
		want          string
		after         time.Duration
	}{
		"the first":                {[]string{"6a"}, []string{"4a"}, map[string]time.Duration{"6a": 10 * time.Millisecond, "4a": 0}, "6a", 10 * time.Millisecond},
		"one family":               {[]string{"6a", "6b"}, nil, map[string]time.Duration{"6b": 0}, "6b", 0},
		"the first hangs":          {[]string{"6a"}, []string{"4a"}, map[string]time.Duration{"6a": dead, "4a": 0}, "4a", otherFamilyAfter},
		"the first is refused":     {[]string{"6a"}, []string{"4a"}, map[string]time.Duration{"4a": 0}, "4a", 0},
		"slow but alone":           {[]string{"6a"}, []string{"4a"}, map[string]time.Duration{"6a": slow}, "6a", slow},
		"one address of two hangs": {[]string{"6a", "6b"}, nil, map[string]time.Duration{"6a": dead, "6b": 0}, "6b", dialTimeout / 2},
		"none":                     {[]string{"6a"}, []string{"4a"}, nil, "", 0},
		"all hang":                 {[]string{"6a"}, []string{"4a"}, map[string]time.Duration{"6a": dead, "4a": dead}, "", dialTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				connect := func(ctx context.Context, _, address string) (net.Conn, error) {
					after, ok := x.answers[address]
					if !ok {
						return nil, errors.New(address + " refuses")
					}
					select {
					case <-ctx.Done():
						return nil, ctx.Err()
					case <-time.After(after):
						return &fakeConn{address: address}, nil
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
				defer cancel()
				begin := time.Now()
				c, err := race(ctx, connect, [2][]string{slices.Clone(x.first), slices.Clone(x.second)})
				if (err == nil) != (x.want != "") || err == nil && c.(*fakeConn).address != x.want || time.Since(begin) != x.after {
					t.Errorf("%v, %v after %v; want %q after %v", c, err, time.Since(begin), x.want, x.after)
				}
				if x.want == "" && x.answers == nil && (!strings.Contains(err.Error(), "6a refuses") || !strings.Contains(err.Error(), "4a refuses")) {
					t.Errorf("%v does not tell of all", err)
				}
			})
		})
	}
}

type fakeConn struct {
	net.Conn
	address string
}

func (*fakeConn) Close() error { return nil }
