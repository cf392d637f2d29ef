package collector

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// writers runs a writer for each shard that is this process's: by its leases in a cluster, else the only one there is.
type writers struct {
	config *Config
	broker *broker
	bucket store.Bucket
	log    *zap.Logger
	leases *leases // nil without a cluster
	retry  time.Duration

	mu      sync.Mutex // guards running
	running map[int]*running
}

// running is a writer at work.
type running struct {
	*writer
	stop  context.CancelFunc
	ended chan struct{}
}

func newWriters(c *Config, b *broker, bucket store.Bucket, log *zap.Logger) *writers {
	w := &writers{config: c, broker: b, bucket: bucket, log: log, retry: writeRetry, running: map[int]*running{}}
	if c.Clustered() {
		w.leases = &leases{state: b.parts.Load().state, id: uuid.Must(uuid.NewV4()).String(), shards: b.journal().Shards(), seen: map[string]beat{}}
	}
	return w
}

// begin starts what is this process's without asking, and waits until its store was opened or could not be: its watermarks are
// known before the first agent asks.
func (w *writers) begin(ctx context.Context) {
	if w.leases != nil {
		return
	}
	w.adjust(ctx, w.mine())
	for _, r := range w.all() {
		<-r.opened
	}
}

// run writes until ctx ends, and returns when everything is committed and given back.
func (w *writers) run(ctx context.Context) {
	tick := time.NewTicker(leaseCheck)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.adjust(ctx, w.mine())
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	w.adjust(ctx, nil)
	for _, r := range w.all() {
		<-r.ended
	}
	if w.leases == nil {
		return
	}
	if err := w.leases.leave(); err != nil {
		w.log.Warn("the shards of this writer are free only when their lease ends", zap.String("code", "leases"), zap.Error(err))
	}
}

// mine returns the shards that this process has to write now.
func (w *writers) mine() []int {
	if w.leases == nil {
		return []int{0}
	}
	mine, surplus, err := w.leases.check(func(shard int) bool { return w.get(shard) == nil })
	if err != nil {
		w.log.Error("the leases of the shards cannot be renewed", zap.String("code", "leases"), zap.Error(err), zap.Ints("shards", mine))
	}
	return slices.DeleteFunc(slices.Clone(mine), func(shard int) bool { return slices.Contains(surplus, shard) })
}

// adjust starts the writers that are missing, and stops those that are not wanted.
func (w *writers) adjust(ctx context.Context, mine []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for shard, r := range w.running {
		select {
		case <-r.ended:
			r.stop()
			delete(w.running, shard)
		default:
			if !slices.Contains(mine, shard) {
				r.stop()
			}
		}
	}
	for _, shard := range mine {
		if w.running[shard] == nil {
			w.running[shard] = w.start(ctx, shard)
		}
	}
}

// start starts the writer of a shard. The caller holds w.mu.
func (w *writers) start(ctx context.Context, shard int) *running {
	columns := w.config.Columns
	columns.Account = keepAccount
	columns.Keep, columns.KeepBytes = w.config.Keep, partOf(w.config.KeepBytes, w.broker.journal().Shards())
	x := &writer{shard: shard, bucket: w.bucket, columns: columns, config: w.config, broker: w.broker, log: w.log.With(zap.Int("shard", shard)),
		flushes: make(chan flush), doubts: make(chan error, 1), retry: w.retry, opened: make(chan struct{}), publish: func([]mark) {}}
	ctx, stop := context.WithCancel(ctx)
	r := &running{x, stop, make(chan struct{})}
	go func() {
		defer close(r.ended)
		var beside sync.WaitGroup
		defer beside.Wait()
		defer stop()
		if w.leases != nil {
			x.publish = func(marks []mark) { publishMarks(w.broker.parts.Load().conn, shard, marks) }
			w.serve(ctx, &beside, x)
		}
		beside.Go(func() { x.tidy(ctx) })
		if w.leases != nil {
			x.log.Info("writing a shard")
			defer x.log.Info("left a shard")
		}
		x.run(ctx)
	}()
	return r
}

// partOf returns the octets that each of some shards may keep. Only 0, which is no limit, has parts of 0.
func partOf(bytes int64, shards int) int64 {
	n := int64(shards)
	return bytes/n + min(bytes%n, 1)
}

// distrust makes the journal be started again because of what its Append gave.
func (w *writers) distrust(err error) {
	for _, r := range w.all() {
		r.distrust(err)
	}
}

// get returns the writer of a shard, nil when another process has it.
func (w *writers) get(shard int) *running {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[shard]
}

func (w *writers) all() (list []*running) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.running {
		list = append(list, r)
	}
	return list
}

// watermark returns the store's watermark when this process writes the monitor's shard.
func (w *writers) watermark(monitor uuid.UUID, epoch wire.Epoch) (seq uint64, own bool) {
	r := w.get(w.broker.journal().Shard(monitor))
	if r == nil {
		return 0, false
	}
	return r.watermark(monitor, epoch), true
}

// flush brings all that the journal holds now into the store, of the shards of this process.
func (w *writers) flush(ctx context.Context) (err error) {
	for _, r := range w.all() {
		err = errors.Join(err, r.flush(ctx))
	}
	return err
}
