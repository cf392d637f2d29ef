package agent

import (
	"runtime"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// What an agent that meters one interface and has nothing to do holds. Measured 2026-11-22: 10 goroutines, 143 kB.
const (
	maxIdleHeap       = 512 << 10 // octets in use after a collection
	maxIdleGoroutines = 16
)

func TestIdleBudget(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	heap, goroutines := inUse(), runtime.NumGoroutine()
	r := start(t, nil)
	r.meters(5*time.Second, "lo")
	var more int
	await.Event(t, 5*time.Second, "the connections of the test are gone", func() bool {
		more = runtime.NumGoroutine() - goroutines
		return more <= maxIdleGoroutines
	})
	grown := int64(inUse()) - int64(heap)
	t.Logf("measured: an idle agent has %d goroutines and %d octets of heap in use", more, grown)
	if grown > maxIdleHeap {
		t.Errorf("%d octets of heap, over the budget of %d", grown, maxIdleHeap)
	}
	r.end()
}
