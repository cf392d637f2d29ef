package receive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// dial opens a connection with an agent's certificate for one protocol.
func (a *peerAgent) dial(proto string) *tls.Conn {
	a.t.Helper()
	conf := a.conf.Clone()
	conf.NextProtos = []string{proto}
	c, err := tls.Dial("tcp", a.addr, conf)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { c.Close() })
	return c
}

// TestOthersDoNotNoticeAFlood: one agent sends all it can, good batches, bombs and other monitors' records; the answers to twenty
// others take as long as without it.
func TestOthersDoNotNoticeAFlood(t *testing.T) {
	l := newLive(t, nil)
	var agents []*peerAgent
	for range 20 {
		a := l.agent(t, "")
		a.mustPost("at the beginning")
		agents = append(agents, a)
	}
	quiet := p99(agents)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	flooder := l.agent(t, "")
	bodies := [][]byte{flooder.body, compress(t, make([]byte, 64<<20)), bytes.Repeat([]byte{7}, wire.MaxCompressed), agents[0].body}
	got := map[int]int{}
	var mu sync.Mutex
	for n := range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				req := flooder.request().WithContext(ctx)
				body := bodies[n%len(bodies)]
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				if resp, err := flooder.client.Do(req); err == nil {
					resp.Body.Close()
					mu.Lock()
					got[resp.StatusCode]++
					mu.Unlock()
				}
			}
		})
	}
	await.Event(t, 10*time.Second, "the flood is under way", func() bool { mu.Lock(); defer mu.Unlock(); return got[429] > 20 })
	loud := p99(agents)
	stop()
	wg.Wait()
	t.Logf("p99 of 20 agents: %v alone, %v with a flood that was answered %v", quiet, loud, got)
	if loud > 10*quiet+150*time.Millisecond {
		t.Errorf("p99 of the others is %v with the flood and %v without", loud, quiet)
	}
}

// p99 is of 25 batches of each agent, all at once.
func p99(agents []*peerAgent) time.Duration {
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for _, a := range agents {
		wg.Go(func() {
			for range 25 {
				begun := time.Now()
				a.mustPost("beside others")
				mu.Lock()
				took = append(took, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	return took[len(took)*99/100]
}

func TestReplayIsAnsweredAsBefore(t *testing.T) {
	l := newLive(t, nil)
	a := l.agent(t, "")
	for range 5 {
		a.mustPost("again")
	}
}

// TestSlowBodies: a body that trickles is not waited for, in either protocol.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	l := newLive(t, func(c *Config) { c.BodyTimeout = 300 * time.Millisecond })
	for _, proto := range []string{"h2", "http/1.1"} {
		t.Run(proto, func(t *testing.T) {
			a := l.agent(t, "")
			transport := a.client.Transport.(*http.Transport)
			if proto != "h2" {
				transport.ForceAttemptHTTP2, transport.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
			}
			body, w := io.Pipe()
			req := a.request()
			req.Body, req.ContentLength = body, int64(len(a.body))
			go func() { w.Write(a.body[:10]) }() // and nothing more
			begun := time.Now()
			resp, err := a.client.Do(req)
			w.Close()
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusNoContent {
					t.Error("half a body was taken")
				}
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it was waited for for %v", took)
			}
			l.agent(t, "").mustPost("after it")
		})
	}
}

// TestSlowHeaders: those who send their headers octet by octet end with the time of a stranger.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	l := newLive(t, func(c *Config) { c.StrangerTimeout = 500 * time.Millisecond })
	for _, proto := range []string{"h2", "http/1.1"} {
		c := l.agent(t, "").dial(proto)
		sent := "POST /v1/flows HTTP/1.1\r\nHost: x\r\nX: "
		if proto == "h2" {
			sent = http2.ClientPreface + "\x00\x00\xff\x01"
		}
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		ended(t, c, 20*time.Second)
	}
	await.Event(t, 10*time.Second, "both are gone", func() bool { return l.Stats().Connections == 0 })
}

// TestSmuggledRequests: what one reader takes for a body and another for a request is refused, and nothing of it is served.
func TestSmuggledRequests(t *testing.T) {
	t.Parallel()
	l := newLive(t, nil)
	a := l.agent(t, "")
	inner := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\n%s: %s\r\n\r\n", wire.PathDurable, wire.HeaderEpoch, epoch)
	for name, head := range map[string]string{
		"both lengths":        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
		"two lengths":         "Content-Length: 4\r\nContent-Length: 300\r\n",
		"two in one":          "Content-Length: 4, 300\r\n",
		"signed":              "Content-Length: +4\r\n",
		"negative":            "Content-Length: -4\r\n",
		"2^64":                "Content-Length: 18446744073709551620\r\n",
		"unknown encoding":    "Transfer-Encoding: xchunked\r\n",
		"encoding twice":      "Transfer-Encoding: chunked, chunked\r\n",
		"blank before colon":  "Content-Length : 4\r\n",
		"folded":              "X: a\r\n Content-Length: 4\r\nContent-Length: 300\r\n",
		"bare carriage retur": "X: a\rContent-Length: 4\r\n",
		"control in a name":   "X\x00Y: 1\r\n",
	} {
		c := a.dial("http/1.1")
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\n%s", wire.PathFlows, head, inner)
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		reader := bufio.NewReader(c)
		for {
			resp, err := http.ReadResponse(reader, nil)
			if err != nil {
				break
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode < 400 {
				t.Errorf("%s: status %d: the smuggled request was served", name, resp.StatusCode)
			}
			if resp.Close {
				break
			}
		}
		c.Close()
	}
	if n := l.takenOf(a.id); n != 0 {
		t.Errorf("%d batches were taken", n)
	}
	a.mustPost("after all that")
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	l := newLive(t, nil)
	for _, proto := range []string{"h2", "http/1.1"} {
		a := l.agent(t, "")
		if proto != "h2" {
			transport := a.client.Transport.(*http.Transport)
			transport.ForceAttemptHTTP2, transport.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
		}
		req := a.request()
		for n := range 100 {
			req.Header.Set("X-"+number(n), strings.Repeat("x", 1000))
		}
		resp, err := a.client.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: 100 kB of headers are answered %d", proto, resp.StatusCode)
			}
		}
		l.agent(t, "").mustPost("after it")
	}
}

// frames is an HTTP/2 connection for which the test writes every frame.
type frames struct {
	*http2.Framer
	conn *tls.Conn
	buf  bytes.Buffer
	enc  *hpack.Encoder
}

func (a *peerAgent) frames() *frames {
	a.t.Helper()
	f := &frames{conn: a.dial("h2")}
	f.enc = hpack.NewEncoder(&f.buf)
	f.Framer = http2.NewFramer(f.conn, f.conn)
	if _, err := io.WriteString(f.conn, http2.ClientPreface); err != nil {
		a.t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		a.t.Fatal(err)
	}
	return f
}

// headers encodes those of a batch.
func (f *frames) headers() []byte {
	f.buf.Reset()
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "x"}, {":path", wire.PathFlows},
		{"content-type", wire.ContentFlows}, {"content-encoding", "zstd"}, {"argus-epoch", epoch.String()}, {"argus-first", "1"}, {"argus-last", "10"}, {"argus-dropped", "0"}} {
		f.enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	return f.buf.Bytes()
}

// goneAway reads until the server ends the connection or the stream, and returns why.
func (f *frames) goneAway() (code http2.ErrCode, told bool) {
	f.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return code, told
		}
		switch frame := frame.(type) {
		case *http2.GoAwayFrame:
			return frame.ErrCode, true
		case *http2.RSTStreamFrame:
			return frame.ErrCode, true
		}
	}
}

// TestRapidReset (CVE-2023-44487): streams that are opened and reset at once do not pile up work.
func TestRapidReset(t *testing.T) {
	l := newLive(t, nil)
	good := l.agent(t, "")
	good.mustPost("at the beginning")
	f := l.agent(t, "").frames()
	before := runtime.NumGoroutine()
	most := 0
	go io.Copy(io.Discard, f.conn) // so that the server can write
	for n := range 20_000 {
		id := uint32(2*n + 1)
		err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.headers(), EndHeaders: true})
		if err == nil {
			err = f.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if n%100 == 0 {
			most = max(most, runtime.NumGoroutine()-before)
		}
		if err != nil {
			break // the server has had enough: as good
		}
	}
	if most > 100 {
		t.Errorf("%d goroutines work for one connection", most)
	}
	good.mustPost("beside it")
}

// TestContinuationFlood (CVE-2023-45288): headers without end are not read for ever.
func TestContinuationFlood(t *testing.T) {
	l := newLive(t, nil)
	f := l.agent(t, "").frames()
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.headers()})
	if err != nil {
		t.Fatal(err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	before := memory.HeapAlloc
	f.buf.Reset()
	f.enc.WriteField(hpack.HeaderField{Name: "x-fill", Value: strings.Repeat("x", 8<<10), Sensitive: true})
	sent := 0
	for ; sent < 64<<20 && err == nil; sent += f.buf.Len() {
		err = f.WriteContinuation(1, false, f.buf.Bytes())
	}
	if err == nil {
		t.Errorf("%d MiB of headers were read", sent>>20)
	}
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if grown := int64(memory.HeapAlloc) - int64(before); grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	l.agent(t, "").mustPost("after it")
}

// TestFramesThatLie: frames longer than the server allows end the connection before they are read.
func TestFramesThatLie(t *testing.T) {
	t.Parallel()
	l := newLive(t, nil)
	for name, head := range map[string]string{
		"16 MiB of data":         "\xff\xff\xff\x00\x00\x00\x00\x00\x01",
		"settings of 5 octets":   "\x00\x00\x05\x04\x00\x00\x00\x00\x00.....",
		"window update by 0":     "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"data on stream 0":       "\x00\x00\x01\x00\x00\x00\x00\x00\x00.",
		"headers padded too far": "\x00\x00\x02\x01\x0c\x00\x00\x00\x01\xff.",
		"push from a client":     "\x00\x00\x04\x05\x04\x00\x00\x00\x01\x00\x00\x00\x02",
	} {
		f := l.agent(t, "").frames()
		if _, err := io.WriteString(f.conn, head); err != nil {
			t.Fatal(err)
		}
		if code, told := f.goneAway(); !told || code == http2.ErrCodeNo {
			t.Errorf("%s: ended with %v, told %v", name, code, told)
		}
	}
	l.agent(t, "").mustPost("after all that")
}
