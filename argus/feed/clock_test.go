package feed

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// pipes is a listener of connections in memory: with a clock of its own, nobody waits for minutes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects, and reads the START record.
func (p *pipes) dial(t *testing.T) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	p.conns <- there
	var mar [marSize]byte
	if _, err := io.ReadFull(here, mar[:]); err != nil || !argus.IsStream(mar[:]) {
		t.Fatalf("no START record: %v", err)
	}
	return here
}

// withClock runs a server over pipes in a time of its own.
func withClock(t *testing.T, c Config, test func(t *testing.T, s *Server, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c.Monitor = serverID
		s, p := NewServer(c), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Serve(ctx, p) }()
		test(t, s, p)
		began := time.Now()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > byeTimeout {
			t.Errorf("the server took %v to end", d)
		}
	})
}

// say sends text, in pieces with a pause behind each.
func say(t *testing.T, c net.Conn, pause time.Duration, pieces ...string) {
	t.Helper()
	for _, text := range pieces {
		if _, err := io.WriteString(c, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		time.Sleep(pause)
	}
}

// gone waits until the server has closed a connection, and returns how long that took.
func gone(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Error(err)
	}
	return time.Since(began)
}

// Who says nothing, or not all, in five seconds has no place here.
func TestSilentClients(t *testing.T) {
	withClock(t, Config{}, func(t *testing.T, s *Server, p *pipes) {
		silent := p.dial(t)
		if d := gone(t, silent); d != greetTimeout {
			t.Errorf("a silent client was kept for %v", d)
		}
		slow := p.dial(t)
		go func() {
			for _, c := range "START:" + strings.Repeat("x", 100) { // an octet a second
				if _, err := slow.Write([]byte(string(c))); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if d := gone(t, slow); d != greetTimeout {
			t.Errorf("a client that speaks slowly was kept for %v", d)
		}
		open := p.dial(t)
		say(t, open, 0, "FILTER: man or (tcp") // never closed
		if d := gone(t, open); d != greetTimeout {
			t.Errorf("a filter without end was waited for %v", d)
		}
		if n := s.Stats().Refused; n != 3 {
			t.Errorf("%d clients were counted", n)
		}
	})
}

// A status record comes at the announced interval, whatever else comes or does not, unless the records have one.
func TestStatusRecords(t *testing.T) {
	withClock(t, Config{Interval: 30 * time.Second}, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		say(t, c, 0, "START: ")
		synctest.Wait()
		began, in := time.Now(), argus.NewReader(c)
		read := func() *argus.Record {
			r, err := in.Next()
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		for i := range 3 {
			r := read()
			if at := time.Since(began); r.Kind != argus.KindManagement || r.Cause != flow.CauseStatus || at != time.Duration(i+1)*30*time.Second {
				t.Fatalf("after %v: %v %v", at, r.Kind, r.Cause)
			}
			if r.Management.Interval != 30 || r.Management.Clients != 1 || r.Management.Records != 0 || r.Management.Now-r.Management.Start != 30e9 {
				t.Errorf("%+v", r.Management)
			}
		}
		go func() {
			time.Sleep(time.Second)
			s.Publish(flows(5, 1))
		}()
		for range 5 {
			read()
		}
		if r := read(); r.Management.Records != 5 {
			t.Errorf("%+v", r.Management)
		}
		// A record of the server's own monitor is one: the server holds its tongue until that is overdue.
		enc := argus.Encoder{Monitor: serverID}
		own := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStatus, Packets: 17})
		last := time.Now()
		go func() {
			for range 2 {
				time.Sleep(29 * time.Second)
				s.Publish(own)
			}
		}()
		for i, want := range []time.Duration{29 * time.Second, 58 * time.Second, 103 * time.Second} {
			if r := read(); time.Since(last) != want || (r.Management.Packets == 17) != (i < 2) {
				t.Errorf("status record %d after %v: %+v", i, time.Since(last), r.Management)
			} else if i == 2 && r.Management.Records != 2 { // since the one before
				t.Errorf("the server says %d records", r.Management.Records)
			}
		}
		say(t, c, 0, "DONE: ")
		gone(t, c)
	})
}

// A client that stops reading is dropped, and nobody else notices.
func TestSlowClients(t *testing.T) {
	withClock(t, Config{Buffer: 1 << 16}, func(t *testing.T, s *Server, p *pipes) {
		slow, stuck, quick := p.dial(t), p.dial(t), p.dial(t)
		for _, c := range []net.Conn{slow, stuck, quick} {
			say(t, c, 0, "START: ")
		}
		synctest.Wait()
		sent := flows(100, 1)
		got := make(chan int)
		go func() {
			n := 0
			in := argus.NewReader(quick)
			for {
				r, err := in.Next()
				if err != nil {
					got <- n
					return
				}
				if r.Kind == argus.KindFlow {
					n++
				}
			}
		}()
		_ = stuck.SetReadDeadline(time.Now()) // it has begun to read, and stopped
		rounds := 2*(1<<16)/len(sent) + 2
		for range rounds {
			s.Publish(sent)
			synctest.Wait()
		}
		if st := s.Stats(); st.Slow != 2 || st.Clients != 1 {
			t.Errorf("two of three clients do not read: %+v", st)
		}
		say(t, quick, 0, "DONE: ")
		if n := <-got; n != rounds*100 {
			t.Errorf("the quick one got %d records of %d", n, rounds*100)
		}
	})
	// One that is within its buffer, but takes nothing of a block.
	withClock(t, Config{}, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		say(t, c, 0, "START: ")
		synctest.Wait()
		s.Publish(flows(1, 1))
		began := time.Now()
		time.Sleep(writeTimeout + time.Second)
		synctest.Wait()
		if st := s.Stats(); st.Slow != 1 || st.Clients != 0 {
			t.Errorf("after %v: %+v", time.Since(began), st)
		}
	})
}

// What was published before the server's end reaches its clients.
func TestEndOfServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := NewServer(Config{Monitor: serverID}), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Serve(ctx, p) }()
		c := p.dial(t)
		hesitant := p.dial(t)
		say(t, c, 0, "START: ")
		synctest.Wait()
		for i := range 50 {
			s.Publish(flows(10, uint16(10*i)))
		}
		stop()
		in, n := argus.NewReader(c), 0
		for {
			if _, err := in.Next(); err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				break
			}
			n++
		}
		if n != 500 {
			t.Errorf("%d of 500 records", n)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		gone(t, hesitant)
	})
}

// A server that announces status records and sends none has gone.
func TestSilentServer(t *testing.T) {
	for interval, want := range map[uint16]time.Duration{60: 3 * time.Minute, 1: leastSilent} {
		testSilentServer(t, interval, want)
	}
}

func testSilentServer(t *testing.T, interval uint16, want time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		s := &stream{conn: here}
		enc := argus.Encoder{Monitor: serverID}
		go func() {
			_, _ = there.Write(enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Interval: interval}))
			_, _ = io.Copy(io.Discard, there)
		}()
		if err := s.begin(""); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := io.Copy(io.Discard, s)
		if d := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || d != want {
			t.Errorf("after %v: %v", d, err)
		}
		_ = s.Close()
	})
}

// Who does not read what he is told, or talks without end, has no place here either.
func TestRudeClients(t *testing.T) {
	withClock(t, Config{Parse: ports}, func(t *testing.T, s *Server, p *pipes) {
		here, there := net.Pipe()
		p.conns <- there // and does not even read the START record
		time.Sleep(greetTimeout + time.Second)
		synctest.Wait()
		if b, err := io.ReadAll(here); err != nil || len(b) > 0 {
			t.Errorf("it was waited for: %d octets, %v", len(b), err)
		}
		began := time.Now()
		for _, start := range []string{"", "START: "} {
			c := p.dial(t)
			ended := make(chan bool)
			go func() {
				_, err := io.WriteString(c, start)
				for err == nil {
					_, err = io.WriteString(c, "MODEL: "+strings.Repeat("x", 1000)+"\n")
				}
				ended <- true
			}()
			<-ended
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("they were listened to for %v", d)
		}
	})
}

// A client that does not read does not hold up the end of the server.
func TestEndWithStuckClient(t *testing.T) {
	withClock(t, Config{}, func(t *testing.T, s *Server, p *pipes) {
		say(t, p.dial(t), 0, "START: ")
		synctest.Wait()
		s.Publish(flows(1, 1))
		synctest.Wait()
	})
}

// A long replay does not make ra hang up.
func TestStatusInReplay(t *testing.T) {
	withClock(t, Config{Interval: 10 * time.Second, Replay: func(_ context.Context, _ string, _ func(*argus.Record) bool, write func([]byte) error) error {
		time.Sleep(35 * time.Second) // a query over years
		return write(flows(1, 1))
	}}, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		say(t, c, 0, "START: ")
		if got, n := received(t, c); len(got) != 1 || n != 4 { // three, and the STOP
			t.Errorf("%d flows, %d management records", len(got), n)
		}
	})
}

// A source that is not there is asked again, ever less often, for ever.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		n := 0
		err := Follow(ctx, Source{Network: "unix", Address: "/nonexistent/socket"}, nil, func(error) { n++ })
		if err != nil || n < 15 || n > 60 {
			t.Errorf("%d attempts in ten minutes, %v", n, err)
		}
	})
}

// failing is a listener that has no file descriptors at first.
type failing struct {
	*pipes
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left--; f.left >= 0 {
		return nil, errors.New("too many open files")
	}
	return f.pipes.Accept()
}

// A moment without file descriptors does not end the server.
func TestAcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := NewServer(Config{}), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Serve(ctx, &failing{p, 3}) }()
		_ = p.dial(t).Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
