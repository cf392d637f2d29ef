package collector

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestReceiverWaitsForItsCluster: it says what it waits for, and ends when it is told to.
func TestReceiverWaitsForItsCluster(t *testing.T) {
	c := testConfig(t)
	c.Write, c.Nats = false, journal.Cluster{URLs: []string{"nats://127.0.0.1:1"}}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	core, logs := observer.New(zapcore.ErrorLevel)
	var told atomic.Bool
	log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		told.Store(true)
		stop()
		return nil
	}))
	if err := New(c, log).Run(ctx); err != nil {
		t.Errorf("stopped while it waits: %v", err)
	}
	if entries := logs.FilterFieldKey("code"); !told.Load() || entries.Len() != 1 {
		t.Errorf("logged %v", logs.All())
	}
}
