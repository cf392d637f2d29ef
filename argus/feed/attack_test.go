package feed

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// began connects to a server that has no answer to anything, and says START.
func began(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.ReadFull(c, make([]byte, marSize)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "START: "); err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *Server) listeners() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// A hundred clients get all that is published, each in the order in which it was.
func TestHundredClients(t *testing.T) {
	const clients, blocks, perBlock = 100, 50, 50
	s, addr := serve(t, Config{})
	var wg sync.WaitGroup
	for range clients {
		c := began(t, addr)
		wg.Go(func() {
			in := argus.NewReader(c)
			for want := uint32(1); want <= blocks*perBlock; {
				r, err := in.Next()
				if err != nil {
					t.Errorf("record %d: %v", want, err)
					return
				}
				if r.Kind == argus.KindFlow {
					if r.Sequence != want {
						t.Errorf("record %d where %d should be", r.Sequence, want)
						return
					}
					want++
				}
			}
		})
	}
	await.Event(t, 10*time.Second, "all are there", func() bool { return s.listeners() == clients })
	for i := range blocks {
		s.Publish(flows(perBlock, uint16(1+i*perBlock)))
	}
	wg.Wait()
	if st := s.Stats(); st.Slow != 0 || st.Served != clients || st.Records != blocks*perBlock {
		t.Errorf("%+v", st)
	}
}

// Who comes when all places are taken hears why; those who have one keep it, and a place that becomes free is given again.
func TestTooManyClients(t *testing.T) {
	var mu sync.Mutex
	notes := map[string]int{}
	s, addr := serve(t, Config{Clients: 3, Note: func(code string, _ net.Addr, err error) {
		mu.Lock()
		defer mu.Unlock()
		notes[code]++
	}})
	var first net.Conn
	for range 3 {
		first = began(t, addr)
	}
	await.Event(t, 10*time.Second, "all places are taken", func() bool { return s.listeners() == 3 })
	if in, err := Open(t.Context(), source(t, addr)); !errors.Is(err, errFull) {
		t.Errorf("one more gets %v, %v", in, err)
	}
	s.Publish(flows(1, 7))
	in := argus.NewReader(first)
	if r, err := in.Next(); err != nil || r.Flow.SrcPort != 7 {
		t.Errorf("one that was there gets %v", err)
	}
	_ = first.Close()
	await.Event(t, 10*time.Second, "a place is free", func() bool { return s.listeners() == 2 })
	await.Event(t, 10*time.Second, "the next one is let in", func() bool {
		c, err := Open(t.Context(), source(t, addr))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	mu.Lock()
	defer mu.Unlock()
	if notes["feed-full"] == 0 {
		t.Errorf("nobody was told: %v", notes)
	}
}

// behind returns how many octets the client that is furthest back has not had yet.
func (s *Server) behind() (most uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.log.head().end
	for c := range s.clients {
		most = max(most, end-c.at.Load())
	}
	return most
}

// A flood of connections, garbage, and readers that do not read cost bounded memory and no goroutine for good, and one who behaves
// has his records all the while.
func TestFlood(t *testing.T) {
	const buffer = 1 << 20
	before := runtime.NumGoroutine()
	s, addr := serve(t, Config{Clients: 50, Buffer: buffer})
	good := began(t, addr)
	await.Event(t, 10*time.Second, "the good one is there", s.Listened)
	var slow []net.Conn
	for range 20 { // they never read
		slow = append(slow, began(t, addr))
	}
	await.Event(t, 10*time.Second, "the slow ones are there", func() bool { return s.listeners() == 21 })
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			garbage := []string{"", "START", "\x00\xff\xfe", strings.Repeat("FILTER: ", 5000), "GET / HTTP/1.0\r\n\r\n", "FILTER: " + strings.Repeat("(", 9000)}
			for n := i; ctx.Err() == nil; n++ {
				if c, err := net.Dial("tcp", addr); err == nil {
					_, _ = io.WriteString(c, garbage[n%len(garbage)])
					if n%3 == 0 {
						_, _ = io.ReadFull(c, make([]byte, 100))
					}
					_ = c.Close()
				}
			}
		})
	}
	const blocks, perBlock = 600, 500 // 30 MB: more than sockets hold
	block := flows(perBlock, 1)
	var peak uint64
	var read atomic.Int64 // by the good one
	got := make(chan int, 1)
	go func() {
		n := 0
		for in := argus.NewReader(good); n < blocks*perBlock; {
			r, err := in.Next()
			if err != nil {
				t.Error(err)
				break
			}
			if r.Kind == argus.KindFlow {
				n++
				read.Add(1)
			}
		}
		got <- n
	}()
	var mem runtime.MemStats
	for i := range blocks {
		s.Publish(block)
		await.Event(t, 10*time.Second, "the good one keeps pace", func() bool { return int64(i+1)*perBlock-read.Load() <= buffer/2*perBlock/int64(len(block)) })
		if i%50 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&mem)
			peak = max(peak, mem.HeapAlloc)
		}
	}
	if n := <-got; n != blocks*perBlock {
		t.Errorf("the good one got %d of %d records", n, blocks*perBlock)
	}
	stop()
	wg.Wait()
	st := s.Stats()
	t.Logf("%d connections, %d refused, %d slow; heap at most %.1f MB", st.Served, st.Refused, st.Slow, float64(peak)/1e6)
	if st.Slow != 20 || st.Refused == 0 {
		t.Errorf("%+v", st)
	}
	if peak > 20<<20 {
		t.Errorf("the heap had %d octets", peak)
	}
	for _, c := range append(slow, good) {
		_ = c.Close()
	}
	await.Event(t, 10*time.Second, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+4 })
}

// Servers that are none, or want what we cannot give, are told apart.
func TestBadServers(t *testing.T) {
	enc := argus.Encoder{Monitor: serverID}
	mar := func(option uint8, cause byte, at int, octet byte) []byte {
		b := enc.AppendManagement(nil, &argus.Management{Cause: 0x10, Interval: 1})
		b[1] = cause | option
		b[at] |= octet
		return b
	}
	for _, c := range []struct {
		name string
		say  []byte
		want error
	}{
		{"nothing", nil, io.ErrUnexpectedEOF},
		{"half a record", mar(0, 0x10, 4, 0)[:64], io.ErrUnexpectedEOF},
		{"a web server", []byte("HTTP/1.0 400 Bad Request\r\n" + strings.Repeat("x", 200)), argus.ErrFormat},
		{"full", mar(errorFull, causeError, 4, 0), errFull},
		{"denied", mar(errorDenied, causeError, 4, 0), errDenied},
		{"SASL", mar(0, 0x10, 6, 0x10), errSASL},
		{"a filter refused", append(mar(0, 0x10, 4, 0), "SY"...), errFilter},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write(c.say)
			if len(c.say) > marSize && c.want == errFilter {
				_, _ = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
		}()
		src := source(t, l.Addr().String())
		src.Filter = "tcp"
		if in, err := Open(t.Context(), src); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, in, err, c.want)
		}
		_ = l.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Open(ctx, source(t, l.Addr().String())); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that says nothing: %v", err)
	}
}

// Pushed records come one a datagram, without management records, and what is no record is left out by who receives.
func TestDatagrams(t *testing.T) {
	in, err := Open(t.Context(), source(t, "argus-udp://127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	to := in.(*datagrams).conn.LocalAddr()
	s := NewServer(Config{Monitor: serverID})
	ctx, stop := context.WithCancel(t.Context())
	pushed := make(chan bool)
	go func() {
		s.Push(ctx, to.String())
		pushed <- true
	}()
	await.Event(t, 10*time.Second, "the push", s.Listened)
	noise, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer noise.Close()
	cut := flows(2, 50)
	for _, b := range [][]byte{[]byte("garbage"), {0}, make([]byte, 9000), cut[:len(cut)-4], flows(3, 60)} { // of the one before the last, the first record is whole
		if _, err := noise.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	enc := argus.Encoder{Monitor: serverID}
	s.Publish(append(enc.AppendManagement(nil, &argus.Management{Cause: 0x20}), flows(3, 1)...))
	records := argus.NewReader(in)
	for _, want := range []uint16{50, 60, 61, 62, 1, 2, 3} {
		r, err := records.Next()
		if err != nil || r.Flow.SrcPort != want {
			t.Fatalf("got %v of port %d, want %d; %v", r.Kind, r.Flow.SrcPort, want, err)
		}
	}
	stop()
	<-pushed
}

// A push goes on when its listener comes back.
func TestPushAgain(t *testing.T) {
	first, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := first.LocalAddr().String()
	s := NewServer(Config{Monitor: serverID})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Push(ctx, addr) })
	await.Event(t, 10*time.Second, "the push", s.Listened)
	_ = first.Close()
	for i := range 5 {
		s.Publish(flows(1, uint16(i)))
		await.Event(t, 10*time.Second, "it is sent", func() bool { return s.behind() == 0 })
	}
	in, err := Open(t.Context(), source(t, "argus-udp://"+addr))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s.Publish(flows(1, 9)) // this one already
	if r, err := argus.NewReader(in).Next(); err != nil || r.Flow.SrcPort != 9 {
		t.Errorf("%v", err)
	}
	stop()
	wg.Wait()
}

// Octets that are no records are counted, and what is before them is sent.
func TestPublishDamaged(t *testing.T) {
	s, addr := serve(t, Config{})
	in := argus.NewReader(began(t, addr))
	await.Event(t, 10*time.Second, "a listener", s.Listened)
	good := flows(1, 1)
	for i, bad := range [][]byte{{1, 2, 3}, {0x15, 0x20, 0, 0}, {0x15, 0x20, 0xff, 0xff, 1, 2}, {0x12, 0x20, 0, 1}} {
		s.Publish(append(flows(1, 1), bad...))
		if r, err := in.Next(); err != nil || string(r.Raw) != string(good) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := s.Stats().Damaged; n != 3+4+6+4 {
		t.Errorf("%d octets were counted", n)
	}
}
