package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

// gateway is a versitygw that keeps its buckets in a folder.
type gateway struct {
	dir, addr string
	cmd       *exec.Cmd
}

func startGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{dir: t.TempDir(), addr: freeAddr(t)}
	if err := os.Mkdir(filepath.Join(g.dir, "flows"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "argus")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-so-secret")
	if err := g.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.kill)
	return g
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start returns when the server answers.
func (g *gateway) start() error {
	g.cmd = exec.Command(tools+"versitygw", "--port", g.addr, "--quiet", "posix", g.dir)
	g.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=argus", "ROOT_SECRET_KEY=not-so-secret")
	if err := g.cmd.Start(); err != nil {
		return fmt.Errorf("%w: make engines builds it", err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if c, err := net.Dial("tcp", g.addr); err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("versitygw does not answer at %s", g.addr)
		}
	}
}

// kill is kill -9.
func (g *gateway) kill() {
	if g.cmd != nil {
		_ = g.cmd.Process.Kill()
		_ = g.cmd.Wait()
		g.cmd = nil
	}
}

func (g *gateway) location() string {
	return "s3://flows/some/where?tls=no&region=us-east-1&endpoint=" + g.addr
}

func (g *gateway) bucket(t *testing.T) store.Bucket {
	t.Helper()
	return openBucket(t, g.location())
}

func openBucket(t *testing.T, location string) store.Bucket {
	t.Helper()
	b, err := store.OpenBucket(location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// sender makes batches of one monitor: each record's source port and packets are its number.
type sender struct {
	t    *testing.T
	id   uuid.UUID
	next uint64
	zip  *zstd.Encoder
}

func newSender(t *testing.T, n byte) *sender {
	t.Helper()
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &sender{t, uuid.UUID{15: n}, 1, zip}
}

func (s *sender) batch(n uint64) *store.Batch {
	s.t.Helper()
	now := time.Now()
	enc := argus.Encoder{Monitor: s.id, Interface: "eth0"}
	var b []byte
	for i := range n {
		f := flow.Record{ID: s.next + i, Start: now.UnixNano(), Cause: flow.CauseStart}
		f.Family, f.Proto, f.SrcPort = flow.FamilyIPv4, flow.ProtoUDP, uint16(s.next+i)
		f.Side[0] = flow.Side{Packets: s.next + i, Bytes: 100, First: now.UnixNano(), Last: now.UnixNano()}
		b = enc.AppendFlow(b, &f)
	}
	if _, err := argus.Number(b, s.next); err != nil {
		s.t.Fatal(err)
	}
	b = append(enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Now: now.UnixNano()}), b...)
	first := s.next
	s.next += n
	return &store.Batch{Monitor: s.id, Epoch: wire.Epoch(1), First: first, Last: first + n - 1, Received: now, Body: s.zip.EncodeAll(b, nil)}
}

// wantOnce fails unless the store has the records 1 to n of a sender, each once.
func wantOnce(t *testing.T, b store.Bucket, s *sender) {
	t.Helper()
	v, err := store.OpenView(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for r, err := range v.Scan(store.Query{Monitor: s.id}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Flow.Side[0].Packets)
	}
	slices.Sort(got)
	for i, n := range got {
		if n != uint64(i)+1 {
			t.Fatalf("record %d of %d is number %d: lost or doubled", i+1, len(got), n)
		}
	}
	if uint64(len(got)) != s.next-1 {
		t.Fatalf("%d records are there, want %d", len(got), s.next-1)
	}
}

// writer is what a collector does with a store: a failed commit makes it open the store again and add again what no commit took.
type writer struct {
	b       store.Bucket
	s       *store.Store
	shard   int
	journal []*store.Batch
	fenced  int
}

func (w *writer) open(ctx context.Context) (err error) {
	if w.s != nil {
		w.s.Close()
	}
	w.s, _, err = store.Open(ctx, w.b, w.shard, store.Config{})
	return err
}

// commit stores the journal, in as many tries as it takes.
func (w *writer) commit(t *testing.T) {
	for try := 0; len(w.journal) > 0; try++ {
		if try == 50 {
			t.Error("50 commits have failed")
			return
		}
		err := w.try(t.Context())
		if errors.Is(err, store.ErrFenced) {
			w.fenced++
		}
		if err != nil {
			w.s = nil
		}
	}
}

func (w *writer) try(ctx context.Context) error {
	if w.s == nil {
		if err := w.open(ctx); err != nil {
			w.s = nil
			return err
		}
	}
	for _, b := range w.journal {
		if _, err := w.s.Add(b); err != nil {
			return err
		}
	}
	if err := w.s.Commit(ctx); err != nil {
		return err
	}
	w.journal = nil
	return nil
}

func TestS3StoreHoldsWhatIsPutIn(t *testing.T) {
	g := startGateway(t)
	b, s := g.bucket(t), newSender(t, 1)
	w := writer{b: b, journal: []*store.Batch{s.batch(500)}}
	w.commit(t)
	w.journal = []*store.Batch{s.batch(500)}
	w.commit(t)
	if err := w.s.Sweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	wantOnce(t, b, s)
	if w.fenced > 0 {
		t.Errorf("fenced %d times", w.fenced)
	}
}

// TestS3Bucket holds the promises of store.Bucket against the server.
func TestS3Bucket(t *testing.T) {
	g := startGateway(t)
	b := g.bucket(t)
	put := func(name string, size int64, data []byte) error {
		return b.Put(t.Context(), name, size, bytes.NewReader(data))
	}
	large := bytes.Repeat([]byte("0123456789abcde\n"), 20<<20/16) // in parts
	for name, data := range map[string][]byte{"a/small": []byte("x"), "a/empty": {}, "a/large": large} {
		if err := put(name, -1, data); err != nil {
			t.Fatal(err)
		}
		o, err := b.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(data)+1)
		if n, err := o.ReadAt(got, 0); n != len(data) || err == nil || !bytes.Equal(got[:n], data) {
			t.Errorf("%s: %d octets, %v", name, n, err)
		}
		if len(data) > 100 {
			if n, err := o.ReadAt(got[:100], int64(len(data)-100)); n != 100 || err != nil {
				t.Errorf("the end of %s: %d octets, %v", name, n, err)
			}
		}
		o.Close()
	}
	if err := put("a/small", 1, []byte("y")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second object of a name: %v", err)
	}
	if _, err := b.Open(t.Context(), "a/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an object that is not there: %v", err)
	}
	if names, err := b.List(t.Context(), "a/"); err != nil || !slices.Equal(names, []string{"a/empty", "a/large", "a/small"}) {
		t.Errorf("list %v, %v", names, err)
	}
	for range 2 {
		if err := b.Remove(t.Context(), "a/large"); err != nil {
			t.Error(err)
		}
	}
	if err := b.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	var wg sync.WaitGroup
	won := make(chan int, 20)
	for i := range 20 {
		wg.Go(func() {
			if put("a/race", 3, fmt.Appendf(nil, "%03d", i)) == nil {
				won <- i
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d of 20 made the same object, want 1", len(won))
	}
}

func TestS3ErrorsSayWhatToDo(t *testing.T) {
	g := startGateway(t)
	open := func(location string) error {
		_, _, err := store.Open(t.Context(), openBucket(t, location), 0, store.Config{})
		return err
	}
	check := func(what string, err error, want ...string) {
		t.Helper()
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q in it", what, err, w)
			}
		}
		if err != nil && strings.Contains(err.Error(), "secret-") {
			t.Errorf("%s: a secret is shown: %v", what, err)
		}
	}
	check("no bucket", open(strings.Replace(g.location(), "flows", "others", 1)), "make the bucket")
	check("nobody there", open(strings.Replace(g.location(), g.addr, freeAddr(t), 1)), "refused")
	check("TLS to a server without", open(strings.Replace(g.location(), "tls=no", "tls=yes", 1)), "HTTP response to HTTPS client")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-another")
	check("wrong secret", open(g.location()), "AWS_SECRET_ACCESS_KEY")
	t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
	check("wrong key", open(g.location()), "AWS_ACCESS_KEY_ID")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	check("no keys", open(g.location()), "no keys", "AWS_ACCESS_KEY_ID")
}

// TestS3KilledInMidCommit kills the server again and again while a writer commits, and starts it again.
func TestS3KilledInMidCommit(t *testing.T) {
	g := startGateway(t)
	s := newSender(t, 1)
	w := writer{b: g.bucket(t)}
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		kills := 0
		for {
			select {
			case <-stop:
				done <- kills
				return
			case <-time.After(time.Duration(20+kills*37%100) * time.Millisecond):
				kills++
				g.kill()
				if err := g.start(); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for range 200 {
		w.journal = append(w.journal, s.batch(100))
		w.commit(t)
	}
	close(stop)
	kills := <-done
	wantOnce(t, w.b, s)
	t.Logf("%d records in 200 commits, server killed %d times", s.next-1, kills)
	if kills < 10 {
		t.Errorf("the server was killed only %d times", kills)
	}
}

// TestS3WritersFenceEachOther has two writers of one shard that do not know of each other, each with a monitor of its own.
func TestS3WritersFenceEachOther(t *testing.T) {
	g := startGateway(t)
	writers, senders := []*writer{{b: g.bucket(t)}, {b: g.bucket(t)}}, []*sender{newSender(t, 1), newSender(t, 2)}
	var wg sync.WaitGroup
	for i, w := range writers {
		wg.Go(func() {
			for range 20 {
				w.journal = append(w.journal, senders[i].batch(50))
				w.commit(t)
				if err := w.s.Sweep(t.Context(), time.Now()); err != nil && !errors.Is(err, store.ErrFenced) { // it must not take the other's files
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range senders {
		wantOnce(t, writers[i].b, senders[i])
	}
	t.Logf("%d and %d times fenced", writers[0].fenced, writers[1].fenced)
	if writers[0].fenced+writers[1].fenced == 0 {
		t.Error("no writer was ever fenced")
	}
}
