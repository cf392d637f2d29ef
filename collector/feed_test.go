package collector

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// freePort returns an address of this machine at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// connect opens a feed and returns its records as they come.
func connect(t *testing.T, address, filter string) <-chan argus.Record {
	t.Helper()
	in, err := feed.Open(t.Context(), feed.Source{Network: "tcp", Address: address, Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	out := make(chan argus.Record, 1000)
	go func() {
		defer close(out)
		records := argus.NewReader(in)
		for {
			r, err := records.Next()
			if err != nil {
				return
			}
			out <- *r
		}
	}()
	return out
}

// packets takes n flows and returns how many packets each has, which the agents of these tests count up.
func packets(t *testing.T, from <-chan argus.Record, n int, check func(*argus.Record)) (got []uint64) {
	t.Helper()
	for len(got) < n {
		select {
		case r, open := <-from:
			if !open {
				t.Fatalf("the feed ended after %v", got)
			}
			if r.Kind == argus.KindFlow {
				check(&r)
				got = append(got, r.Flow.Side[0].Packets)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("after 10 s there are %v, want %d", got, n)
		}
	}
	return got
}

// What agents send is in the feeds as it arrives, of all agents, with their identity: whole in version 5, as far as there is room in
// version 3.
func TestFeedOfAllAgents(t *testing.T) {
	c := testConfig(t)
	v5, v3 := freePort(t), freePort(t)
	c.Feed = Feed{V5: []string{v5}, V3: []string{v3}}
	s, stop := start(t, c)
	a, b := newAgent(t, token(t, s)), newAgent(t, token(t, s))
	a.post(a.batch(3)) // before: not shown
	whole, old, chosen := connect(t, v5, ""), connect(t, v3, ""), connect(t, v5, "tcp")
	for _, in := range []<-chan argus.Record{whole, old, chosen} {
		if r := <-in; r.Kind != argus.KindManagement || r.Management.Interval != 60 {
			t.Errorf("a feed begins with %+v", r.Management)
		}
	}
	for tick := time.NewTicker(time.Millisecond); s.feeds.v5.Stats().Clients+s.feeds.v3.Stats().Clients < 3; <-tick.C { // have said START
	}
	a.post(a.batch(2))
	b.post(b.batch(2))
	hosts := map[uuid.UUID]int{}
	got := packets(t, whole, 4, func(r *argus.Record) {
		id, _ := r.Monitor.UUID()
		hosts[id]++
		if r.Version != argus.V5 || len(r.InterfaceName()) == 0 {
			t.Errorf("%v %q of version %d", r.Monitor, r.InterfaceName(), r.Version)
		}
	})
	if slices.Sort(got); !slices.Equal(got, []uint64{1, 2, 4, 5}) || hosts[a.id] != 2 || hosts[b.id] != 2 {
		t.Errorf("%v of %v", got, hosts)
	}
	got = packets(t, old, 4, func(r *argus.Record) {
		if id := argus.MonitorV3(a.id); r.Version != argus.V3 || len(r.InterfaceName()) != 0 || r.Monitor.Kind != 1 {
			t.Errorf("%v %q of version %d; the first host is %x", r.Monitor, r.InterfaceName(), r.Version, id)
		}
	})
	if slices.Sort(got); !slices.Equal(got, []uint64{1, 2, 4, 5}) {
		t.Errorf("version 3: %v", got)
	}
	stop() // ends them all
	for _, in := range []<-chan argus.Record{whole, old, chosen} {
		for r := range in {
			if in == chosen && r.Kind == argus.KindFlow && r.Flow.Proto != 6 {
				t.Errorf("the filter let %d through", r.Flow.Proto)
			}
		}
	}
}

// argus-collector feed beside a running collector gives the same; it goes on when the collector comes back.
func TestFeedBeside(t *testing.T) {
	c := testConfig(t)
	address := freePort(t)
	ctx, end := context.WithCancel(t.Context())
	err := ServeFeed(ctx, &c.Place, Feed{V5: []string{address}}, nil, nil, zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), "no collector is running") {
		t.Errorf("without a collector: %v", err)
	}
	s, _ := start(t, c)
	a := newAgent(t, token(t, s))
	ended := make(chan error, 1)
	go func() {
		ended <- ServeFeed(ctx, &c.Place, Feed{V5: []string{address}}, nil, func(r *argus.Record) bool { return r.Flow.Side[0].Packets%2 == 1 }, zap.NewNop())
	}()
	for conn := net.Conn(nil); conn == nil; {
		if conn, err = net.Dial("tcp", address); err == nil {
			_ = conn.Close()
		}
	}
	in := connect(t, address, "")
	<-in
	var got []uint64
	for tick := time.NewTicker(5 * time.Millisecond); len(got) < 3; { // nobody tells when START has been heard
		select {
		case <-tick.C:
			a.post(a.batch(1))
		case r, open := <-in:
			if !open {
				t.Fatalf("the feed ended after %v", got)
			}
			if r.Kind == argus.KindFlow {
				got = append(got, r.Flow.Side[0].Packets)
			}
		}
	}
	if got[0]%2 != 1 || got[1] != got[0]+2 || got[2] != got[1]+2 {
		t.Errorf("%v", got)
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// An address that somebody has is an error at once.
func TestFeedAddressTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := testConfig(t)
	c.Feed.V3 = []string{l.Addr().String()}
	if err := New(c, zap.NewNop()).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "feed") {
		t.Errorf("%v", err)
	}
}
