package feed

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

var (
	hostID   = uuid.Must(uuid.FromString("0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a"))
	serverID = uuid.Must(uuid.FromString("01234567-89ab-4def-8123-456789abcdef"))
)

// flows returns n records, of UDP flows from the port first on, numbered.
func flows(n int, first uint16) []byte {
	enc := argus.Encoder{Monitor: hostID, Interface: "eth0"}
	var b []byte
	for i := range n {
		r := flow.Record{Key: flow.Key{
			Family: flow.FamilyIPv4, Proto: 17, SrcPort: first + uint16(i), DstPort: 53,
		}, Cause: flow.CauseStatus}
		r.Src, r.Dst = [16]byte{10, 0, 0, 1}, [16]byte{10, 0, 0, 53}
		r.Start = 1_700_000_000e9
		r.Side[0] = flow.Side{Packets: 1, Bytes: 70, Payload: 28, First: r.Start, Last: r.Start}
		b = enc.AppendFlow(b, &r)
	}
	if _, err := argus.Number(b, uint64(first)); err != nil {
		panic(err)
	}
	return b
}

// serve runs a server on a socket of its own and returns its address.
func serve(t testing.TB, c Config) (*Server, string) {
	t.Helper()
	if c.Monitor.IsNil() {
		c.Monitor = serverID
	}
	s := NewServer(c)
	return s, listenOn(t, s)
}

func listenOn(t testing.TB, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := s.Stats().Clients; n != 0 {
			t.Errorf("%d clients are left", n)
		}
	})
	return l.Addr().String()
}

func source(t testing.TB, text string) Source {
	t.Helper()
	s, err := ParseSource(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is published reaches a client of ours as it was, behind a START record of the server.
func TestOpen(t *testing.T) {
	s, addr := serve(t, Config{})
	in, err := Open(t.Context(), source(t, addr))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	await.Event(t, 10*time.Second, "a listener", s.Listened)
	sent := flows(3, 1000)
	s.Publish(sent)
	records := argus.NewReader(in)
	r, err := records.Next()
	if err != nil || r.Kind != argus.KindManagement || r.Cause != flow.CauseStart || r.Management.Interval != 60 {
		t.Fatalf("the stream begins with %+v, %v", r, err)
	}
	if id, ok := r.Monitor.UUID(); !ok || id != serverID {
		t.Errorf("the server is %v", r.Monitor)
	}
	var got []byte
	for range 3 {
		if r, err = records.Next(); err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Raw...)
	}
	if string(got) != string(sent) {
		t.Errorf("records came changed")
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	await.Event(t, 10*time.Second, "the client has gone", func() bool { return !s.Listened() })
}

// A source that goes away and comes back is followed on, and the loss is told.
func TestFollow(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	run := func(l net.Listener) (*Server, func()) {
		s := NewServer(Config{Monitor: serverID})
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, l) }()
		return s, func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	s, stop := run(l)
	ports, losses := make(chan uint16, 10), make(chan error, 10)
	ctx, cancel := context.WithCancel(t.Context())
	followed := make(chan error, 1)
	go func() {
		followed <- Follow(ctx, source(t, addr), func(r *argus.Record) error {
			if r.Kind == argus.KindFlow {
				ports <- r.Flow.SrcPort
			}
			return nil
		}, func(err error) { losses <- err })
	}()
	await.Event(t, 10*time.Second, "a listener", s.Listened)
	s.Publish(flows(1, 1))
	if p := <-ports; p != 1 {
		t.Errorf("port %d", p)
	}
	stop()
	if err := <-losses; err == nil {
		t.Error("the loss has no reason")
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	s, stop = run(l)
	defer stop()
	await.Event(t, 10*time.Second, "the client is back", s.Listened)
	s.Publish(flows(1, 2))
	if p := <-ports; p != 2 {
		t.Errorf("port %d", p)
	}
	cancel()
	if err := <-followed; err != nil {
		t.Errorf("after its end: %v", err)
	}
}

// The error of whoever takes the records ends it.
func TestFollowEnds(t *testing.T) {
	_, addr := serve(t, Config{})
	enough := errors.New("enough")
	err := Follow(t.Context(), source(t, addr), func(*argus.Record) error { return enough }, func(err error) { t.Error(err) })
	if !errors.Is(err, enough) {
		t.Errorf("it ends with %v", err)
	}
}
