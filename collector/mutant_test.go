package collector

import (
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"go.uber.org/zap"
)

// TestMutantsAreFound commits in the wrong order, as a writer must not, and shows that a crash then costs records that the
// right order keeps: the checks of this package would see it.
func TestMutantsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		discardFirst bool // the journal forgets before the store has written
		want         int
	}{
		"right order":               {false, 10},
		"discard before the commit": {true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			conf := testConfig(t)
			s, stop := start(t, conf)
			a := newAgent(t, token(t, s))
			stop() // the test is the writer now
			kept := &broker{config: &conf, log: zap.NewNop()}
			if err := kept.open(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer kept.close()
			j := kept.journal()
			b := a.batch(10)
			if err := j.Append(t.Context(), &journal.Batch{Monitor: a.id, Epoch: a.epoch, First: b.first, Last: b.last, Body: b.body}); err != nil {
				t.Fatal(err)
			}
			w := openWriter(t, &conf, kept)
			for e, err := range j.Batches(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
				w.add(&e)
				break
			}
			if c.discardFirst {
				if err := j.Discard(t.Context(), 0, w.added); err != nil {
					t.Fatal(err)
				}
			}
			w.close() // the crash: what was added is not committed
			w = openWriter(t, &conf, kept)
			defer w.close()
			again(t, j, w)
			if got := len(stored(t, conf.State, a.id)); got != c.want {
				t.Errorf("%d records after the crash, want %d", got, c.want)
			}
		})
	}
}

// openWriter opens a writer that does nothing by itself.
func openWriter(t *testing.T, c *Config, b *broker) *writer {
	t.Helper()
	bucket, err := store.OpenBucket(c.StoreLocation())
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{bucket: bucket, config: c, broker: b, log: zap.NewNop(), changed: map[epochKey]bool{}, publish: func([]mark) {}}
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// again stores what the journal still has.
func again(t *testing.T, j *journal.Journal, w *writer) {
	t.Helper()
	st, err := j.State(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if st.Last < st.First {
		return
	}
	for e, err := range j.Batches(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		b := store.Batch(e.Batch)
		if _, err := w.store.Load().Add(&b); err != nil {
			t.Fatal(err)
		}
		w.added = e.Seq
		if e.Seq == st.Last {
			break
		}
	}
	if err := w.commit(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
}
