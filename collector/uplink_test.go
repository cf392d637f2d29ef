package collector

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/gofrs/uuid/v5"
)

// TestRealAgentDelivers lets the agent's own client and spool deliver, with the collector gone in between.
func TestRealAgentDelivers(t *testing.T) {
	c := testConfig(t)
	s, stop := start(t, c)
	c.Listen = s.Addr().String()
	queue, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer queue.Close()
	id := uuid.Must(uuid.NewV4())
	enc := argus.Encoder{Monitor: id, Interface: "eth0"}
	client, err := uplink.New(uplink.Config{
		Token: token(t, s), Dir: t.TempDir() + "/identity", Monitor: id, Name: "real", Queue: queue, BatchInterval: 10 * time.Millisecond,
		Preamble: func(b []byte) []byte { return enc.AppendManagement(b, &argus.Management{Cause: flow.CauseStart}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- client.Run(ctx) }()
	go func() { ended <- queue.Run(ctx) }()
	defer func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	next := uint64(1)
	put := func(n int) {
		for range n {
			f := flow.Record{Start: 1.7e18, Cause: flow.CauseStart}
			f.Family, f.Proto = flow.FamilyIPv4, flow.ProtoUDP
			f.Side[0] = flow.Side{Packets: next, Bytes: 100, First: 1.7e18, Last: 1.7e18}
			number := func(b []byte, first uint64) {
				if _, err := argus.Number(b, first); err != nil {
					t.Error(err)
				}
			}
			if err := queue.Append(enc.AppendFlow(nil, &f), 1, number); err != nil {
				t.Fatal(err)
			}
			next++
		}
	}
	put(500)
	arrived(t, c.State, id, next-1)
	stop()
	put(300)
	client.Wake()
	_, stop = start(t, c)
	defer stop()
	client.Wake()
	put(200)
	arrived(t, c.State, id, next-1)
	wantOneToN(t, c.State, id, next-1)
}

// arrived waits until the store has n records of a monitor.
func arrived(t *testing.T, state string, id uuid.UUID, n uint64) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		if err := Flush(t.Context(), &Place{State: state}); err != nil {
			t.Fatal(err)
		}
		if uint64(len(stored(t, state, id))) >= n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of %d records arrived in 30 s", len(stored(t, state, id)), n)
		}
	}
}
