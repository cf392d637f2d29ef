package collector

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/collector/account"
	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// sensor is an Argus sensor: it greets everybody with the time of its start, waits for START and sends what it is given.
type sensor struct {
	t     testing.TB
	enc   argus.Encoder
	began time.Time
	l     net.Listener
	send  chan []byte // nil ends the connection
	sent  uint64
}

func newSensor(t testing.TB, version argus.Version, id string) *sensor {
	t.Helper()
	s := &sensor{t: t, enc: argus.Encoder{Version: version, Monitor: SensorID(id).Host(), Interface: "eth0"}, began: time.Now().Add(-time.Hour), send: make(chan []byte)}
	var err error
	if s.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := s.l.Accept()
			if err != nil {
				return
			}
			s.serve(c)
		}
	})
	t.Cleanup(func() { s.l.Close(); wg.Wait() })
	return s
}

func (s *sensor) serve(c net.Conn) {
	defer c.Close()
	c.Write(s.status(flow.CauseStart))
	if n, err := c.Read(make([]byte, 1000)); err != nil || n == 0 {
		return
	}
	for {
		select {
		case b := <-s.send:
			if b == nil {
				return
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		case <-s.t.Context().Done():
			return
		}
	}
}

func (s *sensor) status(cause flow.Cause) []byte {
	return s.enc.AppendManagement(nil, &argus.Management{Cause: cause, Start: s.began.UnixNano(), Now: time.Now().UnixNano(), Interval: 60})
}

// flows returns the next n flows, whose packets count 1, 2, 3 ...
func (s *sensor) flows(n int) (b []byte) {
	now := time.Now().UnixNano()
	for range n {
		s.sent++
		f := flow.Record{Cause: flow.CauseStart, Start: now, Key: flow.Key{Family: flow.FamilyIPv4, Proto: flow.ProtoUDP, SrcPort: 53, DstPort: 1024}}
		f.Src[0], f.Dst[0] = 10, 11
		f.Side[0] = flow.Side{Packets: s.sent, Bytes: 100 * s.sent, IPBytes: 100 * s.sent, First: now, Last: now}
		b = s.enc.AppendFlow(b, &f)
	}
	return b
}

// collect runs radium on sources beside a running collector.
func collect(t testing.TB, c Config, sources ...string) (stop func()) {
	t.Helper()
	g, err := OpenIngest(t.Context(), c, false, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	var list []feed.Source
	for _, text := range sources {
		s, err := feed.ParseSource(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Radium(ctx, g, list, zap.NewNop()) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, g.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// TestRadium: two sensors of both versions, one of which hangs up in between, come into the store once each, under their own identities; hosts and
// gaps tell of them.
func TestRadium(t *testing.T) {
	c := testConfig(t)
	s, _ := start(t, c)
	old, young := newSensor(t, argus.V3, "192.0.2.9"), newSensor(t, argus.V5, "0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a")
	stop := collect(t, c, old.l.Addr().String(), "argus://"+young.l.Addr().String())
	old.send <- old.flows(100)
	young.send <- young.flows(50)
	old.send <- old.status(flow.CauseStatus)
	old.send <- nil
	old.send <- old.flows(10) // taken when it is connected again
	young.send <- young.flows(5)
	awaitStored(t, s, 165)
	stop()
	wantOneToN(t, c.State, SensorID("192.0.2.9").Host(), 110)
	wantOneToN(t, c.State, uuid.Must(uuid.FromString("0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a")), 55)
	v, err := c.OpenView(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for r, err := range v.Scan(store.Query{Monitor: SensorID("192.0.2.9").Host()}) {
		if err != nil || r.Monitor.String() != "192.0.2.9" {
			t.Fatalf("a record of %v, %v", r.Monitor, err)
		}
	}
	now := time.Now().Add(time.Second)
	gaps, hosts, err := Gaps(t.Context(), &c.Place, Query{Since: now.Add(-time.Hour), Until: now, Now: now, Silent: time.Minute})
	if err != nil || len(hosts) != 2 || len(gaps) != 1 || gaps[0].Reason != account.Disconnected || gaps[0].Host != "192.0.2.9" {
		t.Errorf("%v, %d hosts, gaps %+v", err, len(hosts), gaps)
	}
	for _, h := range hosts {
		if h.State != HostUp || h.Origin != store.Radium {
			t.Errorf("%+v", h)
		}
	}
	_, hosts, err = Gaps(t.Context(), &c.Place, Query{Since: now.Add(-time.Hour), Until: now, Now: now.Add(time.Hour), Silent: time.Minute})
	if err != nil || hosts[0].State != HostSilent {
		t.Errorf("an hour later: %v, %+v", err, hosts)
	}
}

// TestRadiumOutlivesTheCollector: while none runs the sensor waits, and nothing is lost.
func TestRadiumOutlivesTheCollector(t *testing.T) {
	c := testConfig(t)
	_, end := start(t, c)
	x := newSensor(t, argus.V3, "7")
	stop := collect(t, c, x.l.Addr().String())
	x.send <- x.flows(20)
	end()
	x.send <- x.flows(20)
	s, _ := start(t, c)
	x.send <- x.flows(20)
	awaitStored(t, s, 60)
	stop()
	wantOneToN(t, c.State, SensorID("7").Host(), 60)
}

// awaitStored waits until the store has n flows.
func awaitStored(t testing.TB, s *Server, n int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		flushAll(t, s)
		v, err := s.config.OpenView(t.Context())
		have := 0
		if err == nil {
			for _, f := range v.Files() {
				if !f.Events && !f.Missing {
					have += int(f.Rows)
				}
			}
			v.Close()
		}
		if have >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records in the store, want %d", have, n)
		}
	}
}

// TestRadiumOfALiar: a sensor with as many identities as records, with records that claim to be larger than they are, or with none at all neither
// fills memory nor harms another.
func TestRadiumOfALiar(t *testing.T) {
	c := testConfig(t)
	s, _ := start(t, c)
	liar, honest := newSensor(t, argus.V5, "1"), newSensor(t, argus.V3, "2")
	stop := collect(t, c, liar.l.Addr().String(), honest.l.Addr().String())
	var many []byte
	const identities = 300
	for i := range identities {
		var id argus.ID
		id.Kind = kindInt
		binary.BigEndian.PutUint32(id.Bytes[:], uint32(1000+i))
		enc := argus.Encoder{Monitor: id.Host()}
		f := flow.Record{Start: 1, Key: flow.Key{Family: flow.FamilyIPv4, Proto: flow.ProtoUDP}}
		many = enc.AppendFlow(many, &f)
	}
	for part := range slices.Chunk(many, 1<<16) {
		liar.send <- part
	}
	liar.send <- []byte{0x15, 0x20, 0xff, 0xff, 1, 2, 3, 4} // more than will come
	liar.send <- nil
	honest.send <- honest.flows(30)
	honest.send <- honest.flows(30)
	awaitStored(t, s, identities+60)
	stop()
	wantOneToN(t, c.State, SensorID("2").Host(), 60)
}

// TestSensorsAreBounded: a stream cannot make more of them than can be, and those that it has go on.
func TestSensorsAreBounded(t *testing.T) {
	batches := map[uuid.UUID]uint64{}
	g, err := newGatherer(store.Radium, 1, func(_ context.Context, b *journal.Batch) error {
		if b.First != batches[b.Monitor]+1 {
			t.Errorf("%s: %d follows %d", b.Monitor, b.First, batches[b.Monitor])
		}
		batches[b.Monitor] = b.Last
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	record := newSensor(t, argus.V5, "1").flows(1)
	refused := 0
	for i := range 2 * maxSensors {
		var id uuid.UUID
		binary.BigEndian.PutUint32(id[:], uint32(i))
		if _, err := g.add(t.Context(), id, 0, record); errors.Is(err, errSensors) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		if _, err := g.add(t.Context(), uuid.UUID{}, 0, record); err != nil {
			t.Fatal(err)
		}
		if g.waiting > gatherAll {
			t.Fatalf("%d octets wait", g.waiting)
		}
	}
	if err := g.flush(t.Context()); err != nil || g.waiting != 0 {
		t.Fatal(g.waiting, err)
	}
	if refused != maxSensors || len(batches) != maxSensors || batches[uuid.UUID{}] != 2*maxSensors+1 {
		t.Errorf("%d refused, %d sensors, %d of the first", refused, len(batches), batches[uuid.UUID{}])
	}
}

// TestHoursOfABatchAreBounded: a store writes a file for each, and what is in one batch is in one commit.
func TestHoursOfABatchAreBounded(t *testing.T) {
	var last uint64
	g, err := newGatherer(store.Import, 1, func(_ context.Context, b *journal.Batch) error {
		if b.First != last+1 || b.Last-b.First > gatherHours {
			t.Errorf("records %d to %d in a batch after %d", b.First, b.Last, last)
		}
		last = b.Last
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	record := newSensor(t, argus.V5, "1").flows(1)
	for i := range 1000 {
		if _, err := g.add(t.Context(), uuid.UUID{}, int64(i)*int64(time.Hour), record); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.flush(t.Context()); err != nil || last != 1000 {
		t.Error(last, err)
	}
}

// TestRadiumEnds with what has arrived in the collector.
func TestRadiumEnds(t *testing.T) {
	x := newSensor(t, argus.V5, "1")
	last := uint64(0)
	g, err := newGatherer(store.Radium, 1, func(_ context.Context, b *journal.Batch) error {
		last = b.Last
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{log: zap.NewNop(), gather: g}
	source, err := feed.ParseSource(x.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx, source) }()
	x.send <- x.flows(3)
	for taken := uint64(0); taken < 4; { // and the greeting
		r.mu.Lock()
		if s := g.sensors[SensorID("1").Host()]; s != nil {
			taken = s.next
		}
		r.mu.Unlock()
	}
	cancel()
	if err := <-ended; err != nil || last != 4 {
		t.Errorf("%v; the collector has %d of 4", err, last)
	}
}

// TestRadiumOfItsOwnFeed ends with an error at once: each record would come back for ever.
func TestRadiumOfItsOwnFeed(t *testing.T) {
	c := testConfig(t)
	c.Feed.V3, c.Feed.V5 = []string{filepath.Join(t.TempDir(), "v3")}, []string{filepath.Join(t.TempDir(), "v5")}
	start(t, c)
	g, err := OpenIngest(t.Context(), c, false, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range slices.Concat(c.Feed.V3, c.Feed.V5) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		source, err := feed.ParseSource(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := Radium(ctx, g, []feed.Source{source}, zap.NewNop()); !errors.Is(err, errLoop) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
