package receive

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// TestOneAgentCannotFlood: beyond its rate an agent is first read more slowly and, when it sends beside that, sent away.
func TestOneAgentCannotFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHandler(func(c *Config) { c.Rate, c.Burst = 10, 100 })
		batch := func(n uint64) *http.Request {
			return post(compress(t, stream(t, monitor, n*10+1, 10)), n*10+1, n*10+10)
		}
		begun := time.Now()
		for n := range uint64(20) {
			if w := serve(h, batch(n)); w.Code != http.StatusNoContent {
				t.Fatalf("batch %d: status %d", n, w.Code)
			}
		}
		if took := time.Since(begun); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("200 records at 10 a second after the first 100 took %v", took)
		}
		answers := make(chan *httptest.ResponseRecorder)
		for n := range uint64(5) {
			go func() { answers <- serve(h, batch(20+n)) }()
		}
		got := map[int]int{}
		for range 5 {
			w := <-answers
			got[w.Code]++
			if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
		if got[204] != 1 || got[429] != 4 {
			t.Errorf("5 at once are answered %v, want one to wait and 4 to be sent away", got)
		}
	})
}

// TestNonsenseCosts: checking what is never taken is work, which one agent may cause only so often.
func TestNonsenseCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, journal := newHandler(nil)
		bomb := compress(t, make([]byte, 64<<20))
		begun, got := time.Now(), map[int]int{}
		for range 200 {
			got[serve(h, post(bomb, 1, 1)).Code]++
		}
		if took := time.Since(begun); took < 80*time.Second {
			t.Errorf("200 bombs were looked at within %v: %v", took, got)
		}
		if len(*journal) != 0 {
			t.Error("one was taken")
		}
	})
}

// TestEnrolmentsAreLimited: a site may come all at once; guessing tokens is slow, and of one address only.
func TestEnrolmentsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ status, least, most int }{{200, 2000, 2000}, {202, 2000, 2000}, {403, 50, 100}} {
			h, _ := newHandler(func(conf *Config) {
				if c.status != 200 {
					conf.Authority = authority{refusal(c.status)}
				}
			})
			got := map[int]int{}
			for range 3000 {
				got[serve(h, httptest.NewRequest(http.MethodPost, wire.PathEnroll, strings.NewReader("{}"))).Code]++
			}
			if n := got[c.status]; n < c.least || n > c.most || got[503] != 3000-n {
				t.Errorf("3000 enrolments at once are answered %v, want %d to %d times %d", got, c.least, c.most, c.status)
			}
		}
	})
}

func TestRequestsInWorkAreBounded(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	h, _ := newHandler(func(c *Config) {
		c.MaxPerAgent = 1
		c.Append = func(context.Context, *Batch) error { entered <- true; <-leave; return nil }
	})
	done := make(chan int)
	go func() { done <- serve(h, post(compress(t, stream(t, monitor, 1, 1)), 1, 1)).Code }()
	<-entered
	if w := serve(h, post(compress(t, stream(t, monitor, 1, 1)), 1, 1)); w.Code != 429 {
		t.Errorf("second batch at once: status %d, want 429", w.Code)
	}
	leave <- true
	if code := <-done; code != 204 {
		t.Errorf("first batch: status %d", code)
	}
	l := newLimiter(Config{MaxRequests: 1, MaxPerAgent: 9, MaxOctets: 1})
	if err := l.begin(t.Context(), monitor, 1, 1); err != nil {
		t.Fatal(err)
	}
	if a := answerTo(l.begin(t.Context(), other, 1, 1)); a.status != 503 {
		t.Errorf("all slots taken: %+v, want 503", a)
	}
}

// TestBodiesInWorkAreBounded: together, and those of one monitor, so that a few cannot keep all others out.
func TestBodiesInWorkAreBounded(t *testing.T) {
	l := newLimiter(Config{MaxRequests: 99, MaxPerAgent: 9, MaxOctets: 2*wire.MaxCompressed + 10})
	begin := func(id uuid.UUID, octets, want int) {
		t.Helper()
		status := 0
		if err := l.begin(t.Context(), id, 1, octets); err != nil {
			status = answerTo(err).status
		}
		if status != want {
			t.Errorf("a body of %d octets: status %d, want %d", octets, status, want)
		}
	}
	begin(monitor, 7, 0)
	begin(monitor, wire.MaxCompressed-7, 0)
	begin(monitor, 1, 429)
	begin(other, wire.MaxCompressed, 0)
	third := uuid.NewV5(monitor, "third")
	begin(third, 11, 503)
	begin(third, 10, 0)
	l.end(monitor, 7, false)
	begin(third, 7, 0)
	begin(monitor, 1, 503)
}

// TestBodyOfUnknownSizeCountsAsALargeOne: HTTP/2 needs no Content-Length.
func TestBodyOfUnknownSizeCountsAsALargeOne(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	h, _ := newHandler(func(c *Config) {
		c.Append = func(context.Context, *Batch) error { entered <- true; <-leave; return nil }
	})
	batch := func() *http.Request { return post(compress(t, stream(t, monitor, 1, 1)), 1, 1) }
	done := make(chan int)
	go func() { r := batch(); r.ContentLength = -1; done <- serve(h, r).Code }()
	<-entered
	if w := serve(h, batch()); w.Code != http.StatusTooManyRequests {
		t.Errorf("another beside it: status %d, want 429", w.Code)
	}
	leave <- true
	if code := <-done; code != http.StatusNoContent {
		t.Errorf("status %d", code)
	}
	go func() { done <- serve(h, batch()).Code }()
	<-entered
	leave <- true
	if code := <-done; code != http.StatusNoContent {
		t.Errorf("after it: status %d", code)
	}
}

// TestLargeStreamsTakeNoMemoryUntilTheyCome: a usual batch is small, one of thousands of records is taken all the same.
func TestLargeStreamsTakeNoMemoryUntilTheyCome(t *testing.T) {
	before := memory()
	h, journal := newHandler(nil)
	if more := memory() - before; more > 4<<20 {
		t.Errorf("a handler that has had no batch holds %d octets", more)
	}
	large := stream(t, monitor, 1, 4000)
	if len(large) <= usualStream {
		t.Fatalf("%d octets are not large", len(large))
	}
	for range 2 {
		if w := serve(h, post(compress(t, large), 1, 4000)); w.Code != http.StatusNoContent {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
	if len(*journal) != 2 {
		t.Errorf("%d batches in the journal", len(*journal))
	}
	if more := memory() - before; more > 6<<20 {
		t.Errorf("a handler that has had a large batch holds %d octets", more)
	}
}

func TestSilentMonitorsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Config{MaxRequests: 1, MaxPerAgent: 1, MaxOctets: 1, Rate: 1, Burst: 1})
		for n := range 1000 {
			id := uuid.NewV5(monitor, strconv.Itoa(n))
			time.Sleep(time.Second) // of the bubble
			if err := l.begin(t.Context(), id, 1, 1); err != nil {
				t.Fatal(err)
			}
			l.end(id, 1, false)
			l.enroll(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 1, time.Now())
		}
		if len(l.agents) > 200 || len(l.enrolling) > 200 {
			t.Errorf("%d monitors and %d addresses remembered", len(l.agents), len(l.enrolling))
		}
	})
}

func TestPeersAreCountedByNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:1":            "192.0.2.1",
		"[::ffff:192.0.2.1]:1":   "192.0.2.1",
		"[2001:db8:1:2:3::4]:1":  "2001:db8:1:2::",
		"[fe80::1%eth0]:1":       "fe80::",
		"[2001:db8:1:2::ffff]:1": "2001:db8:1:2::",
	} {
		addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(in))
		if got := network(ipOf(peerAt{addr: addr})); got.String() != want {
			t.Errorf("%s is counted as %s, want %s", in, got, want)
		}
	}
	g := gate{proxy: []netip.Prefix{netip.MustParsePrefix("2001:db8::5/128"), netip.MustParsePrefix("10.0.0.0/8")}}
	for in, want := range map[string]bool{"[2001:db8::5]:1": true, "[2001:db8::6]:1": false, "[::ffff:10.1.2.3]:1": true, "11.0.0.1:1": false} {
		if got := g.isProxy(ipOf(peerAt{addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(in))})); got != want {
			t.Errorf("%s is a balancer: %v", in, got)
		}
	}
}

// peerAt is a connection from an address.
type peerAt struct {
	net.Conn
	addr net.Addr
}

func (p peerAt) RemoteAddr() net.Addr { return p.addr }

// TestWaitingHostsAskSoonUnlessTheyAreMany: an approval is noticed in half a minute; thousands that wait do not use up what others enrol with.
func TestWaitingHostsAskSoonUnlessTheyAreMany(t *testing.T) {
	l, now := newLimiter(DefaultConfig()), time.Now()
	site := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
	ask := func(from netip.Addr, times int) {
		for range times {
			l.enroll(from, 1, now)
		}
	}
	for _, step := range []struct {
		of, times int
		from      int
		want      time.Duration
	}{
		{0, 10, 0, 30 * time.Second},
		{0, enrollBurst / 2, 0, time.Minute}, // one site
		{1, 1, 1, 30 * time.Second},          // another one
		{2, enrollBurst / 2, 2, 30 * time.Second},
		{3, enrollBurst / 2, 1, time.Minute}, // all of them
	} {
		ask(site(step.of), step.times)
		if got := l.pending(site(step.from)); got != step.want {
			t.Errorf("%+v: asks again in %v", step, got)
		}
	}
	now = now.Add(time.Minute)
	ask(site(1), 1)
	if got := l.pending(site(1)); got != 30*time.Second {
		t.Errorf("a minute later: %v", got)
	}
}
