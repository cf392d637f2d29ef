package collector

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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

// natsServer is a cluster of one server for this test.
func natsServer(t *testing.T) (url string, js jetstream.JetStream) {
	t.Helper()
	ns, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 2 << 20, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("no NATS server")
	}
	nc, err := nats.Connect(ns.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	return ns.ClientURL(), js
}

// TestClusterThatLostItsStreams: what servers with empty disks have lost is made again while the collector runs, and nothing that was
// stored is stored again.
func TestClusterThatLostItsStreams(t *testing.T) {
	url, js := natsServer(t)
	c := testConfig(t)
	c.Nats, c.Streams, c.Store = journal.Cluster{URLs: []string{url}}, 2, c.StoreLocation()
	s, _ := start(t, c)
	a := newAgent(t, token(t, s))
	one, two := a.batch(10), a.batch(10)
	a.post(one)
	flushed := func() bool { return Flush(t.Context(), &s.config.Place) == nil }
	await.Event(t, 20*time.Second, "the first batch is stored", flushed)
	for _, name := range []string{"FLOWS-0", "FLOWS-1", "KV_" + bucketWork} {
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	await.Event(t, 20*time.Second, "batches are taken again", func() bool {
		resp, _ := a.do(http.MethodPost, wire.PathFlows, two.body, two.header)
		return resp.StatusCode == http.StatusNoContent
	})
	a.post(one) // as a spool that has not heard of its watermark
	await.Event(t, 20*time.Second, "the second batch is stored", func() bool { return flushed() && a.durable() == 20 })
	wantOneToN(t, c.State, a.id, 20)
}

// TestReceiverWaitsForItsAuthority: one whose authority is out of reach when it starts does not end.
func TestReceiverWaitsForItsAuthority(t *testing.T) {
	url, js := natsServer(t)
	c := testConfig(t)
	c.Nats, c.Streams, c.Store = journal.Cluster{URLs: []string{url}}, 1, c.StoreLocation()
	kv, err := journal.OpenKV(t.Context(), js.Conn(), bucketPKI, true)
	if err == nil {
		_, err = kv.Put("ca", []byte("not to be read"), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.ErrorLevel)
	s := New(c, zap.New(core))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	await.Event(t, 20*time.Second, "it says so", func() bool { return logs.FilterField(zap.String("code", "cluster")).Len() > 0 })
	if err := kv.Remove("ca"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestReceiverAndWriterApart: a receiver hears of a commit at once, and another writer goes on where one has ended.
func TestReceiverAndWriterApart(t *testing.T) {
	url, _ := natsServer(t)
	c := testConfig(t)
	c.Nats, c.Streams, c.Store = journal.Cluster{URLs: []string{url}}, 2, c.StoreLocation()
	receive, write := c, c
	receive.Write, write.Receive = false, false
	r, _ := start(t, receive)
	_, stop := start(t, write)
	a := newAgent(t, token(t, r))
	flushed := func() bool { return Flush(t.Context(), &c.Place) == nil }
	one := a.batch(10)
	a.post(one)
	await.Event(t, 20*time.Second, "the first batch is stored", flushed)
	await.Event(t, 20*time.Second, "the receiver knows it", func() bool { return a.durable() == 10 })
	a.post(a.batch(10))
	await.Event(t, 20*time.Second, "the second batch is stored", flushed)
	await.Event(t, 20*time.Second, "the receiver knows it too", func() bool { return a.durable() == 20 }) // it asks again after a minute only
	a.post(a.batch(10))                                                                                   // what is not committed is, at the end
	stop()
	start(t, write)
	a.post(one) // JetStream or the store knows it
	a.post(a.batch(10))
	await.Event(t, 20*time.Second, "the last batch is stored", func() bool { return flushed() && a.durable() == 40 })
	wantOneToN(t, c.State, a.id, 40)
}
