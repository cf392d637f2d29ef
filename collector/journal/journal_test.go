package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

var monitor = uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef"))

func batch(n uint64) *Batch {
	return &Batch{Monitor: monitor, Epoch: 0xe1, First: n*10 + 1, Last: n*10 + 10, Dropped: 3,
		Received: time.Unix(1_700_000_000, int64(n)), Body: fmt.Appendf(nil, "body of %d", n)}
}

// open starts a server and a client on dir; close ends both.
func open(t testing.TB, dir string, maxBytes int64) (j *Journal, closeAll func()) {
	t.Helper()
	s, err := StartServer(dir, maxBytes, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	j, err = Open(t.Context(), nc, 1, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return j, sync.OnceFunc(func() { nc.Close(); s.Close() })
}

// read returns the next n entries from the beginning.
func read(t testing.TB, j *Journal, n int) []Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []Entry
	for e, err := range j.Batches(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e); len(got) == n {
			break
		}
	}
	if len(got) != n {
		t.Fatalf("%d entries within 20 s, want %d", len(got), n)
	}
	return got
}

func TestBatchesComeBackInOrderAndWhole(t *testing.T) {
	dir := t.TempDir()
	j, closeAll := open(t, dir, 1<<20)
	defer closeAll()
	for n := range uint64(50) {
		if err := j.Append(t.Context(), batch(n)); err != nil {
			t.Fatal(err)
		}
	}
	// A repeated batch is taken and not stored.
	if err := j.Append(t.Context(), batch(7)); err != nil {
		t.Fatal(err)
	}
	closeAll()

	j, closeAll = open(t, dir, 1<<20)
	defer closeAll()
	for n, e := range read(t, j, 50) {
		want := batch(uint64(n))
		if e.Seq != uint64(n)+1 || e.Monitor != want.Monitor || e.Epoch != want.Epoch || e.First != want.First || e.Last != want.Last ||
			e.Dropped != want.Dropped || !e.Received.Equal(want.Received) || string(e.Body) != string(want.Body) {
			t.Fatalf("entry %d: got %+v, want %+v", n, e, want)
		}
	}
	if st, err := j.State(t.Context(), 0); err != nil || st.First != 1 || st.Last != 50 {
		t.Errorf("state %+v, %v; want 1 to 50", st, err)
	}
}

func TestDiscardForgetsOnlyWhatTheStoreHas(t *testing.T) {
	dir := t.TempDir()
	j, closeAll := open(t, dir, 1<<20)
	for n := range uint64(10) {
		if err := j.Append(t.Context(), batch(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Discard(t.Context(), 0, 6); err != nil {
		t.Fatal(err)
	}
	closeAll()
	j, closeAll = open(t, dir, 1<<20)
	defer closeAll()
	if got := read(t, j, 4); got[0].Seq != 7 || got[3].Seq != 10 {
		t.Errorf("after Discard(6) the journal holds %d to %d, want 7 to 10", got[0].Seq, got[3].Seq)
	}
	if err := j.Discard(t.Context(), 0, 10); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), batch(11)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, j, 1); got[0].Seq != 11 {
		t.Errorf("numbering after an empty journal goes on at %d, want 11", got[0].Seq)
	}
}

func TestFullJournalTakesNothingUntilDiscarded(t *testing.T) {
	j, closeAll := open(t, t.TempDir(), 256<<10)
	defer closeAll()
	var n uint64
	var err error
	for ; n < 100 && err == nil; n++ {
		b := batch(n)
		b.Body = make([]byte, 16<<10)
		err = j.Append(t.Context(), b)
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d appends of 16 KiB into 256 KiB: error %v, want ErrFull", n, err)
	}
	st, err := j.State(t.Context(), 0)
	if err != nil || st.First != 1 || st.Last != n-1 {
		t.Fatalf("state %+v, %v: an acknowledged batch went, or a refused one was kept (%d tried)", st, err, n)
	}
	if err := j.Discard(t.Context(), 0, st.Last); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), batch(n)); err != nil {
		t.Errorf("after Discard: %v", err)
	}
}

func TestFollowBeginsNow(t *testing.T) {
	j, closeAll := open(t, t.TempDir(), 1<<20)
	defer closeAll()
	if err := j.Append(t.Context(), batch(1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	appended := make(chan error, 1)
	ready := func() { go func() { appended <- j.Append(ctx, batch(2)) }() }
	for e, err := range j.Follow(ctx, ready) {
		if err != nil {
			t.Fatal(err)
		}
		if e.First != batch(2).First {
			t.Errorf("first entry followed begins at %d, want the one appended after ready", e.First)
		}
		break
	}
	if err := <-appended; err != nil {
		t.Fatal(err)
	}
}

func TestReadersEndWithTheirContext(t *testing.T) {
	j, closeAll := open(t, t.TempDir(), 1<<20)
	defer closeAll()
	ctx, cancel := context.WithCancel(t.Context())
	for range j.Follow(ctx, cancel) {
		t.Error("an entry or an error after the context ended")
	}
}

// TestKilledServerKeepsWhatItAcknowledged kills a process that appends, again and again, and looks
// whether each batch that it reported as acknowledged is there, once, in order.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	if dir := os.Getenv("JOURNAL_TEST_CHILD"); dir != "" {
		appendForEver(t, dir)
		return
	}
	dir := t.TempDir()
	acked := map[string]bool{}
	for round := range 5 {
		killAfter(t, dir, round, 40+17*round, acked)
	}
	j, closeAll := open(t, dir, 1<<30)
	defer closeAll()
	st, err := j.State(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range read(t, j, int(st.Last-st.First+1)) {
		key := fmt.Sprintf("%s %d", e.Epoch, e.First)
		if seen[key] {
			t.Errorf("batch %s twice", key)
		}
		seen[key] = true
	}
	for key := range acked {
		if !seen[key] {
			t.Errorf("batch %s was acknowledged and is lost", key)
		}
	}
	t.Logf("%d batches acknowledged before 5 kills, %d kept", len(acked), len(seen))
}

// killAfter runs a child on dir, notes n acknowledgements in acked and kills it without warning.
func killAfter(t *testing.T, dir string, round, n int, acked map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledServerKeepsWhatItAcknowledged$")
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_CHILD="+dir, fmt.Sprintf("JOURNAL_TEST_EPOCH=%016x", round+1))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n > 0 && lines.Scan() {
		if key, ok := strings.CutPrefix(lines.Text(), "acked "); ok {
			acked[key] = true
			n--
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	for lines.Scan() { // what was reported before the kill counts too
		if key, ok := strings.CutPrefix(lines.Text(), "acked "); ok {
			acked[key] = true
		}
	}
	_ = cmd.Wait() // killed, as intended
	if n > 0 {
		t.Fatalf("round %d: the child ended with %d acknowledgements missing", round, n)
	}
}

func appendForEver(t *testing.T, dir string) {
	j, _ := open(t, dir, 1<<30)
	epoch, err := wire.ParseEpoch(os.Getenv("JOURNAL_TEST_EPOCH"))
	if err != nil {
		t.Fatal(err)
	}
	var next atomic.Uint64
	var out sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				b := batch(next.Add(1))
				b.Epoch = epoch
				if err := j.Append(t.Context(), b); err != nil {
					t.Error(err)
					return
				}
				out.Lock()
				fmt.Printf("acked %s %d\n", epoch, b.First)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

func BenchmarkAppend(b *testing.B) {
	j, closeAll := open(b, b.TempDir(), 4<<30)
	defer closeAll()
	body := make([]byte, 12<<10) // 200 records of 60 octets
	var n atomic.Uint64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := batch(n.Add(1))
			e.Body = body
			if err := j.Append(b.Context(), e); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)*200/b.Elapsed().Seconds(), "records/s")
}

// TestStreamThatWasMadeAnew: when the servers have lost a stream and a receiver has made it again, a reader does not wait for the sequences of the
// old one, and what a writer has stored of the old one discards nothing of the new.
func TestStreamThatWasMadeAnew(t *testing.T) {
	j, closeAll := open(t, t.TempDir(), 64<<20)
	defer closeAll()
	j.quiet = 200 * time.Millisecond
	for n := range uint64(5) {
		if err := j.Append(t.Context(), batch(n)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n, last := 0, error(nil)
	for e, err := range j.Batches(ctx, 0) {
		if last = err; err != nil {
			break
		}
		if n++; e.Seq != 5 {
			continue
		}
		if err := j.js.DeleteStream(ctx, streamName); err != nil {
			t.Fatal(err)
		}
		if err := j.Append(ctx, batch(5)); !errors.Is(err, ErrNoStream) {
			t.Errorf("without a stream: %v", err)
		}
		_, err := Open(ctx, j.js.Conn(), 1, 64<<20)
		for ; err != nil && ctx.Err() == nil; _, err = Open(ctx, j.js.Conn(), 1, 64<<20) { // the server may still be removing the old one's files
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(ctx, batch(6)); err != nil {
			t.Fatal(err)
		}
		if err := j.Discard(ctx, 0, 5); !errors.Is(err, errReplaced) {
			t.Errorf("discard of what the old stream held: %v", err)
		}
	}
	if n != 5 || last == nil || ctx.Err() != nil {
		t.Errorf("%d entries, then %v: want 5, and an error", n, last)
	}
	if got := read(t, j, 1); got[0].First != batch(6).First {
		t.Errorf("the new stream begins with %d", got[0].First)
	}
}
