package collector

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
)

// However many clients come and do not read, only a few replays hold the memory of one; the others get theirs in turn.
func TestReplaysInTurn(t *testing.T) {
	s, _ := start(t, testConfig(t))
	a := newAgent(t, token(t, s))
	a.post(a.batch(5))
	r := newReplays(&s.config.Place, store.Query{})
	all := func(*argus.Record) bool { return true }
	var reading, most, flows atomic.Int64
	begun, release := make(chan bool, 4*maxReplays), make(chan bool)
	var wg sync.WaitGroup
	for range 4 * maxReplays {
		wg.Go(func() {
			err := r.run(t.Context(), "", all, &argus.Encoder{Version: argus.V5}, func(records []byte) error {
				n := reading.Add(1)
				defer reading.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				begun <- true
				<-release
				for range argus.Records(records) {
					flows.Add(1)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range maxReplays {
		<-begun
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.run(ctx, "", all, &argus.Encoder{}, nil); err == nil {
		t.Error("one that went away while it waited got a turn")
	}
	close(release)
	wg.Wait()
	if most.Load() != maxReplays || flows.Load() != 5*4*maxReplays {
		t.Errorf("%d at once; %d flows", most.Load(), flows.Load())
	}
}

// Clients that come one after the other do not make a file each.
func TestReplaysFlush(t *testing.T) {
	s, _ := start(t, testConfig(t))
	r := newReplays(&s.config.Place, store.Query{})
	began := time.Now()
	for range 2 {
		if err := r.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(began); d < flushPause {
		t.Errorf("two commits within %v", d)
	}
}

// Two clients of one query narrow it each for itself, at the same time.
func TestNarrowCopies(t *testing.T) {
	needs := func(text string) filter.Needs {
		f, err := filter.Parse([]string{text})
		if err != nil {
			t.Fatal(err)
		}
		return f.Needs()
	}
	var q store.Query
	for n := range 6 { // whatever room the memory of its ranges has
		a, b := q, q
		Narrow(&a, needs("dur gt 1"))
		want := a.Ranges[len(a.Ranges)-1]
		Narrow(&b, needs("dur lt 5"))
		if got := a.Ranges[len(a.Ranges)-1]; got != want {
			t.Errorf("with %d ranges: %+v became %+v", n, want, got)
		}
		Narrow(&q, needs("spkts gt "+strconv.Itoa(n)))
	}
}
