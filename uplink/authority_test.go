package uplink

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/receive"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// realCollector is the collector's own authority and receiver, in front of a store that has everything at once.
type realCollector struct {
	*pki.Authority
	address string

	mu    sync.Mutex
	times map[uint64]int // how often each sequence came
	high  map[wire.Epoch]uint64
}

func newRealCollector(t *testing.T) *realCollector {
	t.Helper()
	state, err := pki.Folder(filepath.Join(t.TempDir(), "pki"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := pki.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	c := &realCollector{Authority: a, times: map[uint64]int{}, high: map[wire.Epoch]uint64{}}
	conf := receive.DefaultConfig()
	conf.Authority, conf.Log = a, zap.NewNop()
	conf.Append = func(_ context.Context, b *receive.Batch) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for seq := b.First; seq <= b.Last; seq++ {
			c.times[seq]++
		}
		c.high[b.Epoch] = max(c.high[b.Epoch], b.Last)
		return nil
	}
	conf.Durable = func(_ uuid.UUID, e wire.Epoch) uint64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.high[e]
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.address = ln.Addr().String()
	config, err := a.ServerTLS(func() []string { return []string{"127.0.0.1"} })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- receive.NewHandler(conf).Serve(ctx, ln, config) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		a.Close()
	})
	return c
}

// TestRotationByTheRealAuthority takes an agent through a whole rotation with the collector's own authority and receiver: rotate, fetch, retire. It sends all
// the time; no request is refused, no record is lost, and it enrols once.
func TestRotationByTheRealAuthority(t *testing.T) {
	t.Parallel()
	col := newRealCollector(t)
	token, _, err := col.CreateToken([]string{col.address}, time.Hour, 1, pki.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	dir, monitor := t.TempDir(), uuid.Must(uuid.NewV4())
	q, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	core, logs := observer.New(zap.InfoLevel)
	enc := argus.Encoder{Monitor: monitor, Interface: "man"}
	conf := Config{Dir: filepath.Join(dir, "identity"), Monitor: monitor, Name: "host", Version: "test", Token: token.String(), Queue: q,
		BatchInterval: 10 * time.Millisecond, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
		Log: zap.New(core),
		Preamble: func(b []byte) []byte {
			return enc.AppendManagement(b, &argus.Management{Cause: flow.CauseStart, Start: time.Now().UnixNano(), Now: time.Now().UnixNano()})
		}}
	conf.gap, conf.renewals = 5*time.Millisecond, 50*time.Millisecond
	c, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { q.Run(ctx) })
	wg.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	defer wg.Wait()
	defer cancel()
	// until sends a record every few milliseconds until something is true.
	sent := uint64(0)
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not after 20 s: %+v", what, c.Stats())
			}
			r := enc.AppendEvent(nil, &argus.Event{Cause: flow.CauseStatus, Start: time.Now().UnixNano(), End: time.Now().UnixNano(), Data: []byte("prog=test\na record")})
			if err := q.Append(r, 1, func(r []byte, first uint64) { argus.Number(r, first) }); err != nil {
				t.Fatal(err)
			}
			sent++
			q.Sync()
		}
	}
	delivered := func(n uint64) func() bool {
		from := c.Stats().Sent
		return func() bool { return c.Stats().Sent >= from+n }
	}
	until("delivery", delivered(20))
	old := c.Stats().CA
	if err := col.Rotate(); err != nil {
		t.Fatal(err)
	}
	until("both CAs are known", func() bool { return len(c.Stats().CA) == 64+1+64 })
	until("delivery between", delivered(20))
	settled := time.Now().Add(3 * time.Second) // the authority shows its collector's new certificate after two; people retire after hours
	until("the collector's new certificate", func() bool { return time.Now().After(settled) })
	if err := col.Retire(false); err != nil {
		t.Fatal(err)
	}
	until("the old CA is forgotten", func() bool { ca := c.Stats().CA; return len(ca) == 64 && ca != old })
	c.Wake() // a new connection, with nothing of the old CA
	until("delivery under the new CA", delivered(20))
	until("all is durable", func() bool { return q.Stats().Pending <= 1 })
	if st := c.Stats(); st.Attempts > 0 || st.Quarantined > 0 {
		t.Errorf("refused: %+v", st)
		for _, l := range logs.All() {
			t.Log(l.Message, l.ContextMap())
		}
	}
	col.mu.Lock()
	defer col.mu.Unlock()
	for seq := uint64(1); seq < sent-1; seq++ {
		if col.times[seq] == 0 {
			t.Errorf("record %d never came", seq)
		}
	}
}
