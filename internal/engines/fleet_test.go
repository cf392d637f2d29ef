//go:build linux

package engines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// sensor is the delivering half of an agent: its real spool and its real client.
type sensor struct {
	id     uuid.UUID
	spool  *spool.Spool
	client *uplink.Client
	enc    argus.Encoder
	next   uint64 // what the next record counts as its packets
}

// sensors starts n of them. They end with the test.
func (f *fleet) sensors(n int, token string) (all []*sensor) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	f.t.Cleanup(func() {
		cancel()
		work.Wait()
		for _, s := range all {
			if err := s.spool.Close(); err != nil {
				f.t.Error(err)
			}
		}
	})
	for i := range n {
		s := &sensor{id: uuid.Must(uuid.NewV4()), next: 1}
		s.enc = argus.Encoder{Monitor: s.id, Interface: "eth0"}
		dir := f.path(fmt.Sprintf("sensor-%d", i))
		var err error
		if s.spool, err = spool.Open(filepath.Join(dir, "spool"), spool.Options{Host: s.id.String()}); err != nil {
			f.t.Fatal(err)
		}
		log := zap.NewNop()
		if i == 0 {
			log = zaptest.NewLogger(f.t, zaptest.Level(zap.WarnLevel))
		}
		s.client, err = uplink.New(uplink.Config{Log: log, Token: token, Dir: filepath.Join(dir, "identity"), Monitor: s.id, Name: fmt.Sprintf("sensor-%d", i),
			Queue: s.spool, BatchInterval: 200 * time.Millisecond,
			Preamble: func(b []byte) []byte { return s.enc.AppendManagement(b, &argus.Management{Cause: flow.CauseStart}) }})
		if err != nil {
			f.t.Fatal(err)
		}
		for _, run := range []func(context.Context) error{s.spool.Run, s.client.Run} {
			work.Go(func() {
				if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
					f.t.Error(err)
				}
			})
		}
		all = append(all, s)
	}
	return all
}

// put makes n records.
func (s *sensor) put(t *testing.T, n int) {
	t.Helper()
	for range n {
		r := flow.Record{ID: s.next, Start: time.Now().UnixNano(), Cause: flow.CauseStart}
		r.Family, r.Proto, r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoUDP, uint16(s.next), 53
		r.Side[0] = flow.Side{Packets: s.next, Bytes: 100, First: r.Start, Last: r.Start}
		number := func(b []byte, first uint64) {
			if _, err := argus.Number(b, first); err != nil {
				t.Error(err)
			}
		}
		if err := s.spool.Append(s.enc.AppendFlow(nil, &r), 1, number); err != nil {
			t.Fatal(err)
		}
		s.next++
	}
}

// rain puts records into all sensors until stop is called.
func rain(t *testing.T, all []*sensor) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, s := range all {
				s.put(t, 5)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	stop = func() { cancel(); work.Wait() }
	t.Cleanup(stop)
	return stop
}

// allStored waits until the store has what the sensors have made, and fails unless it is there once, in the order in which it was made.
func (f *fleet) allStored(all []*sensor, limit time.Duration) time.Duration {
	f.t.Helper()
	took := f.until("everything is stored", limit, func() bool {
		for _, s := range all {
			if s.spool.Stats().Pending > 0 {
				s.client.Wake()
				return false
			}
		}
		return true
	})
	place := collector.Place{Store: f.path("store")}
	v, err := place.OpenView(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	defer v.Close()
	total := 0
	for _, s := range all {
		times, last := map[uint64]int{}, uint64(0)
		for r, err := range v.Scan(store.Query{Monitor: s.id}) {
			if err != nil {
				f.t.Fatal(err)
			}
			n := r.Flow.Side[0].Packets
			if times[n]++; uint64(r.Sequence) != n || n < last {
				f.t.Fatalf("record %d of %s comes behind %d, with the sequence %d", n, s.id, last, r.Sequence)
			}
			last = n
		}
		for n := uint64(1); n < s.next; n++ {
			if times[n] != 1 {
				f.t.Fatalf("record %d of %s is %d times in the store", n, s.id, times[n])
			}
		}
		if len(times) != int(s.next-1) {
			f.t.Errorf("%d records of %s in the store, want %d", len(times), s.id, s.next-1)
		}
		total += len(times)
	}
	f.t.Logf("%d records of %d monitors, each once; the last of them %v after the rain", total, len(all), took.Round(100*time.Millisecond))
	return took
}

// from returns what a process writes from now on.
func (f *fleet) from(name string) func() string {
	p := f.procs[name]
	begin := len(p.log.String())
	return func() string { return p.log.String()[begin:] }
}

// owned returns how many shards each writer has now.
func (f *fleet) owned(name string) (shards int) {
	text := f.procs[name].log.String()
	return strings.Count(text, `"msg":"writing a shard"`) - strings.Count(text, `"msg":"left a shard"`)
}

// TestFleet takes a collector of several processes through what its parts suffer.
func TestFleet(t *testing.T) {
	f := newFleet(t)
	token := strings.TrimSpace(f.command("receive", "token", "create"))
	all := f.sensors(20, token)
	stop := rain(t, all)
	f.part("delivers once", func(f *fleet) {
		f.until("the shards are shared evenly", 20*time.Second, func() bool { return f.owned("w1") == 4 && f.owned("w2") == 4 })
		for _, s := range all {
			s.client.Wake() // it would begin within a minute
		}
		f.until("every sensor's records are in the store", 30*time.Second, func() bool {
			for _, s := range all {
				if s.spool.Stats().Durable == 0 {
					return false
				}
			}
			return true
		})
		f.command("receive", "flows", "-N", "1") // it flushes every shard
		if hosts := f.command("receive", "hosts", "list"); strings.Count(hosts, "sensor-") != len(all) {
			f.t.Errorf("hosts of the cluster:\n%s", hosts)
		}
	})
	f.part("a writer's role does not hear the authority's key", func(f *fleet) {
		cluster := journal.Cluster{URLs: f.nats, CA: f.path("ca.pem"), Cert: f.path("write.pem"), Key: f.path("write.key"), Role: "write"}
		nc, err := cluster.Connect(f.t.Context(), "curious")
		if err != nil {
			f.t.Fatal(err)
		}
		defer nc.Close()
		for _, subject := range []string{"_INBOX.>", "_INBOX.receive.>", "$KV.argus_pki.>", ">"} {
			if sub, err := nc.SubscribeSync(subject); err != nil || nc.Flush() != nil || nc.LastError() == nil || !strings.Contains(nc.LastError().Error(), strconv.Quote(subject)) {
				f.t.Errorf("subscribe to %s: %v %v, then %v", subject, sub, err, nc.LastError())
			}
		}
	})
	f.part("a writer that is killed is replaced", func(f *fleet) {
		f.kill("w1")
		took := f.until("w2 has all shards", 15*time.Second, func() bool { return f.owned("w2") == 8 })
		f.t.Logf("the shards of a writer after kill -9: taken over in %v", took)
		f.start("w1")
		took = f.until("shared again", 20*time.Second, func() bool { return f.owned("w1") == 4 && f.owned("w2") == 4 })
		f.t.Logf("shared evenly again %v after its start", took)
	})
	f.part("a writer that is stopped hands over", func(f *fleet) {
		begin := time.Now()
		f.stop("w1")
		f.until("w2 has all shards", 8*time.Second, func() bool { return f.owned("w2") == 8 })
		f.t.Logf("handed over %v after SIGTERM", time.Since(begin))
		f.start("w1")
		f.until("shared again", 20*time.Second, func() bool { return f.owned("w1") == 4 && f.owned("w2") == 4 })
	})
	f.part("a writer that was paused does no harm", func(f *fleet) {
		f.signal("w1", syscall.SIGSTOP)
		f.until("w2 has all shards", 15*time.Second, func() bool { return f.owned("w2") == 8 })
		w1 := f.from("w1")
		f.signal("w1", syscall.SIGCONT)
		f.until("it notices", 15*time.Second, func() bool { return strings.Count(w1(), `"msg":"left a shard"`) == 4 })
		f.t.Logf("of 4 shards of a writer that was paused, %d were fenced by the store, the others it left by itself", strings.Count(w1(), `"code":"fenced"`))
		f.until("shared again", 20*time.Second, func() bool { return f.owned("w1") == 4 && f.owned("w2") == 4 })
	})
	f.part("a node and a receiver that are killed", func(f *fleet) {
		f.kill("n1")
		f.kill("r1")
		f.start("n1")
		f.start("r1")
		f.saysSoon("r1", "collector is ready", 60*time.Second)
	})
	f.part("the store is away", func(f *fleet) {
		if err := errors.Join(os.Rename(f.path("store"), f.path("away")), os.WriteFile(f.path("store"), nil, 0o600)); err != nil {
			f.t.Fatal(err)
		}
		w1, w2 := f.from("w1"), f.from("w2")
		f.until("both writers say so", 30*time.Second, func() bool {
			return strings.Contains(w1(), `"code":"store"`) && strings.Contains(w2(), `"code":"store"`)
		})
		if err := errors.Join(os.Remove(f.path("store")), os.Rename(f.path("away"), f.path("store"))); err != nil {
			f.t.Fatal(err)
		}
	})
	f.part("the whole cluster is down", func(f *fleet) {
		for _, n := range []string{"n1", "n2", "n3"} {
			f.kill(n)
		}
		r1, r2 := f.from("r1"), f.from("r2")
		f.until("agents are told to wait", 30*time.Second, func() bool { return strings.Contains(r1()+r2(), `"status":503`) })
		<-time.After(20 * time.Second) // the outage
		for _, n := range []string{"n1", "n2", "n3"} {
			f.start(n)
		}
	})
	stop()
	f.allStored(all, 2*time.Minute)
	f.part("a revocation counts at once", func(f *fleet) {
		gone := all[0]
		begin := time.Now()
		f.command("receive", "hosts", "revoke", gone.id.String())
		f.until("it is refused", 15*time.Second, func() bool {
			gone.put(f.t, 1)
			gone.client.Wake()
			return strings.Contains(f.procs["r1"].log.String()+f.procs["r2"].log.String(), "revoked")
		})
		f.t.Logf("refused %v after the command began", time.Since(begin))
	})
}

// part is a part of the test, without which those that follow have no sense.
func (f *fleet) part(name string, run func(*fleet)) {
	f.t.Helper()
	ok := f.t.Run(name, func(t *testing.T) {
		g := *f
		g.t = t
		run(&g)
	})
	if !ok {
		f.t.FailNow()
	}
}
