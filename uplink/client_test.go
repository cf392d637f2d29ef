package uplink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

const recordSize = 16

func records(id uint64, n int) []byte {
	b := make([]byte, n*recordSize)
	for i := range n {
		binary.BigEndian.PutUint64(b[i*recordSize+8:], id+uint64(i))
	}
	return b
}

func number(b []byte, first uint64) {
	for i := 0; i+recordSize <= len(b); i += recordSize {
		binary.BigEndian.PutUint64(b[i:], first)
		first++
	}
}

// rig is a spool with a client that runs until the test ends.
type rig struct {
	t       *testing.T
	s       *spool.Spool
	c       *Client
	dir     string
	monitor uuid.UUID
	next    uint64
	stop    func()
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), monitor: uuid.Must(uuid.NewV4()), next: 1}
	r.start(change)
	return r
}

func (r *rig) start(change func(*Config)) {
	r.t.Helper()
	s, err := spool.Open(filepath.Join(r.dir, "spool"), spool.Options{SegmentBytes: 8 << 10})
	if err != nil {
		r.t.Fatal(err)
	}
	conf := Config{Dir: filepath.Join(r.dir, "identity"), Monitor: r.monitor, Name: "host", Version: "test", Queue: s,
		Preamble: func(b []byte) []byte { return append(b, preamble...) }, BatchInterval: 10 * time.Millisecond,
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	conf.gap = 5 * time.Millisecond
	change(&conf)
	c, err := New(conf)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s, r.c = s, c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- s.Run(ctx) }()
	go func() { done <- c.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range 2 {
			select {
			case err := <-done:
				if err != nil {
					r.t.Errorf("Run: %v", err)
				}
			case <-time.After(20 * time.Second):
				buf := make([]byte, 1<<16)
				r.t.Fatalf("Run did not end in 20 s\n%s", buf[:runtime.Stack(buf, true)])
			}
		}
		s.Close()
	}
	r.t.Cleanup(r.stop)
}

func (r *rig) add(n int) {
	r.t.Helper()
	if err := r.s.Append(records(r.next, n), n, number); err != nil {
		r.t.Fatal(err)
	}
	r.next += uint64(n)
}

// until waits for something to become true, prodding the client so that no back-off is waited for.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	r.wait(what, true, ok)
}

func (r *rig) wait(what string, prod bool, ok func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	last, since := Stats{}, time.Now() // of the last progress
	for i := 0; !ok(); i++ {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not after 40 s; client %+v, spool %+v", what, r.c.Stats(), r.s.Stats())
		}
		r.s.Sync()
		st := r.c.Stats()
		if st != last {
			last, since = st, time.Now()
		}
		asleep := st.State != StateUp && st.State != StateConnecting
		if prod && i%10 == 9 && (asleep || time.Since(since) > 3*time.Second) {
			r.c.Wake() // not in the middle of an enrolment or a delivery, which would then be made twice
			since = time.Now()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// all waits until the collector's store has every record and the spool is free, and fails if any is not there exactly once.
func (r *rig) all(c *testCollector) {
	r.t.Helper()
	r.until("delivery", func() bool { return r.s.Stats().Pending == 0 })
	c.set(func() {
		if c.fault != nil {
			r.t.Fatal(c.fault)
		}
	})
	if err := r.check(c); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) check(c *testCollector) error {
	n := c.counts()
	for id := uint64(1); id < r.next; id++ {
		if n[id] != 1 {
			return fmt.Errorf("record %d is in the store %d times, want once (of %d)", id, n[id], r.next-1)
		}
	}
	return nil
}

func TestEnrolsAndDelivers(t *testing.T) {
	col := newTestCollector(t)
	core, logs := observer.New(zap.InfoLevel)
	r := newRig(t, func(c *Config) { c.Token = col.token(); c.Log = zap.New(core) })
	r.add(1000)
	r.add(7)
	r.all(col)
	st := r.c.Stats()
	if st.State != StateUp || st.Reason != "" || st.Records != 1007 || st.Batches < 2 || st.Connections == 0 || st.Collector != col.address() || st.NotAfter.IsZero() {
		t.Errorf("%+v", st)
	}
	if col.proto != "HTTP/2.0" {
		t.Errorf("delivered by %s", col.proto)
	}
	if col.lastMonitor != r.monitor || col.enrolled != 1 {
		t.Errorf("monitor %s, enrolled %d times", col.lastMonitor, col.enrolled)
	}
	if logs.Len() != 1 || logs.All()[0].ContextMap()["code"] != "uplink-up" {
		t.Errorf("logged: %v", logs.All())
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, keyFile: 0o600, certFile: 0o600, caFile: 0o600, hostFile: 0o600} {
		if info, err := os.Stat(filepath.Join(r.dir, "identity", name)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
	// The next start needs neither token nor address nor enrolment.
	r.stop()
	r.start(func(c *Config) { c.Token = "" })
	r.add(10)
	r.all(col)
	if col.enrolled != 1 {
		t.Error("enrolled again")
	}
}

// TestExactlyOnce drops connections before and after a batch is journalled, crashes the collector's journal and restarts the agent,
// at random, and then every record is in the store exactly once.
func TestExactlyOnce(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	if err := chaos(t, rounds, func(q Queue) Queue { return q }); err != nil {
		t.Fatal(err)
	}
}

// greedy is a mutant: it frees on the collector's 204 instead of the watermark.
type greedy struct{ Queue }

func (g greedy) Commit(epoch, _ uint64) error { return g.Queue.Commit(epoch, 1<<62) }

func TestExactlyOnceFindsAnAgentThatIgnoresTheWatermark(t *testing.T) {
	for range 5 {
		if err := chaos(t, 20, func(q Queue) Queue { return greedy{q} }); err != nil {
			t.Log(err)
			return
		}
	}
	t.Fatal("an agent that frees before the store has it passed")
}

func chaos(t *testing.T, rounds int, mutate func(Queue) Queue) error {
	col := newTestCollector(t)
	col.lag = 150
	abort := 0
	col.before = func(http.ResponseWriter, *http.Request) bool {
		if abort > 0 && rand.IntN(4) == 0 {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	col.after = func(http.ResponseWriter) bool {
		if abort > 0 && rand.IntN(4) == 0 {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	config := func(c *Config) { c.Token = col.token(); c.BatchRecords = 20; c.Queue = mutate(c.Queue) }
	r := newRig(t, config)
	for range rounds {
		col.set(func() { abort = rand.IntN(2) })
		for range 20 {
			r.add(1 + rand.IntN(10))
		}
		r.s.Sync()
		posts := 0
		col.set(func() { posts = col.posts })
		r.wait("progress", true, func() bool {
			col.mu.Lock()
			defer col.mu.Unlock()
			return col.posts > posts+2 || r.s.Stats().Pending == 0
		})
		switch rand.IntN(4) {
		case 0, 1:
			col.crash()
			r.c.Wake()
		case 2:
			r.stop()
			r.start(config)
		}
	}
	col.set(func() { abort, col.lag = 0, 0 })
	r.c.Wake()
	r.until("delivery", func() bool { return r.s.Stats().Pending == 0 })
	r.stop()
	return errors.Join(col.fault, r.check(col))
}

func TestBadConfigurationIsRefused(t *testing.T) {
	good := Config{Dir: "x", Monitor: uuid.Must(uuid.NewV4()), Queue: &spool.Spool{}, Preamble: func(b []byte) []byte { return b }}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"dir": func(c *Config) { c.Dir = "" }, "monitor": func(c *Config) { c.Monitor = uuid.Nil },
		"queue": func(c *Config) { c.Queue = nil }, "address": func(c *Config) { c.Collectors = []string{"nowhere"} },
		"token": func(c *Config) { c.Token = wire.TokenPrefix + "abc" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestIdentityFolderIsChecked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists are the installer's")
	}
	id := uuid.Must(uuid.NewV4())
	for what, prepare := range map[string]func(dir string){
		"others may use it": func(dir string) { os.Mkdir(dir, 0o755) },
		"key":               func(dir string) { os.Mkdir(dir, 0o700); os.WriteFile(filepath.Join(dir, keyFile), nil, 0o644) },
		"not a folder":      func(dir string) { os.Mkdir(dir+"2", 0o700); os.Symlink(dir+"2", dir) },
	} {
		dir := filepath.Join(t.TempDir(), "identity")
		prepare(dir)
		if _, err := openIdentity(dir, storeFile, id); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestHTTP1 delivers to a collector, or through something, that has no HTTP/2.
func TestHTTP1(t *testing.T) {
	col := newTestCollector(t)
	col.srv.TLS.NextProtos = []string{"http/1.1"}
	r := newRig(t, func(c *Config) { c.Token = col.token(); c.BatchRecords = 100 })
	for range 20 {
		r.add(100)
	}
	r.all(col)
	if n := len(col.connected); n > 3 || col.proto != "HTTP/1.1" {
		t.Errorf("%d connections for 20 batches, the last by %s", n, col.proto)
	}
}

// TestMemory holds the client to little: what a batch needs is made once and used again.
func TestMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	c, err := New(Config{Dir: "x", Monitor: uuid.Must(uuid.NewV4()), Queue: &spool.Spool{}, Preamble: func(b []byte) []byte { return append(b, preamble...) }})
	if err != nil {
		t.Fatal(err)
	}
	b := spool.Batch{First: 1, Last: 4096, Records: records(1, 4096)}
	before := heap()
	for range 10 {
		if _, _, err := c.encode(b); err != nil {
			t.Fatal(err)
		}
	}
	// Measured 0.54 MB on 2026-11-21, for batches of 64 KiB.
	if used := int64(heap()) - int64(before); used > 1<<20 {
		t.Errorf("encoder and buffers hold %d octets", used)
	} else {
		t.Logf("%d octets", used)
	}
	if n := testing.AllocsPerRun(50, func() { c.encode(b) }); n > 1 {
		t.Errorf("%v allocations a batch", n)
	}
	runtime.KeepAlive(c)
}

// TestFinish: what is spooled after Run has ended still arrives, if the collector was there, and nothing waits for one that was not.
func TestFinish(t *testing.T) {
	col := newTestCollector(t)
	r := newRig(t, func(c *Config) { c.Token = col.token() })
	r.add(10)
	r.all(col)
	conf := r.c.c
	r.stop() // its client and its spool: what follows is done by hand
	q, err := spool.Open(filepath.Join(r.dir, "spool"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	conf.Queue = q
	for _, there := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := New(conf)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		for c.Stats().State != StateUp {
			runtime.Gosched()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if !there {
			col.srv.CloseClientConnections()
			col.srv.Close()
		}
		before := len(col.counts())
		if err := q.Append(records(r.next, 5), 5, number); err != nil {
			t.Fatal(err)
		}
		r.next += 5
		q.Sync()
		most := time.Second
		if there {
			most = 20 * time.Second // no claim: a busy machine's
		}
		soon, stop := context.WithTimeout(t.Context(), most)
		begin := time.Now()
		c.Finish(soon)
		stop()
		if came := len(col.counts()) - before; there && came != 5 || !there && came != 0 || time.Since(begin) > most+4*time.Second {
			t.Errorf("collector there %v: %d records came, after %v", there, came, time.Since(begin))
		}
	}
}
