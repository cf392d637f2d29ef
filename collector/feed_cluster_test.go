package collector

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// Each receiver of a cluster feeds what comes to any of them, once; and what comes after the cluster has lost its streams.
func TestFeedOfACluster(t *testing.T) {
	url, js := natsServer(t)
	var servers []*Server
	var feeds []<-chan argus.Record
	store := ""
	for range 2 {
		c, address := testConfig(t), freePort(t)
		if store == "" {
			store = c.StoreLocation()
		}
		c.Nats, c.Streams, c.Store, c.Write = journal.Cluster{URLs: []string{url}}, 2, store, false
		c.Feed = Feed{V5: []string{address}}
		s, _ := start(t, c)
		servers, feeds = append(servers, s), append(feeds, connect(t, address, ""))
		for tick := time.NewTicker(time.Millisecond); s.feeds.v5.Stats().Clients == 0; <-tick.C { // has said START
		}
	}
	a, b := newAgent(t, token(t, servers[0])), newAgent(t, token(t, servers[1]))
	a.post(a.batch(2))
	b.post(b.batch(3))
	for _, in := range feeds {
		got := packets(t, in, 5, func(*argus.Record) {})
		if slices.Sort(got); !slices.Equal(got, []uint64{1, 1, 2, 2, 3}) {
			t.Errorf("%v", got)
		}
	}
	for _, name := range []string{"FLOWS-0", "FLOWS-1"} {
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	last := uint64(0)
	sent := time.NewTicker(100 * time.Millisecond)
	defer sent.Stop()
	for deadline := time.After(20 * time.Second); last == 0; { // the streams are made again meanwhile
		select {
		case r := <-feeds[1]:
			if r.Kind == argus.KindFlow {
				last = r.Flow.Side[0].Packets
			}
		case <-sent.C:
			batch := a.batch(1)
			a.do(http.MethodPost, wire.PathFlows, batch.body, batch.header)
		case <-deadline:
			t.Fatal("the feed does not go on")
		}
	}
}
