package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// fleetEntry is what a commit says in which n of the monitors have sent something, from the one at first on.
func fleetEntry(rnd *rand.Rand, first, n int, at time.Time) *entry {
	e := &entry{}
	for i := first; i < first+n; i++ {
		id := uuid.NewV5(uuid.NamespaceURL, time.Duration(i).String()) // as random as a host's
		e.Marks = append(e.Marks, Mark{Monitor: id, Epoch: wire.Epoch(uint64(i) * 0x9e3779b97f4a7c15), Sequence: rnd.Uint64N(1e7), Records: rnd.Uint64N(1e7), First: at.Add(-time.Duration(rnd.Int64N(1e15))), Last: at})
		state := make([]byte, 300) // an account of this size that says little new
		for j := 0; j < len(state); j += 5 {
			state[j] = byte(rnd.Uint32())
		}
		e.Heard = append(e.Heard, heard{id, state})
	}
	return e
}

// fleetStore returns a store that knows so many monitors, and has so many files that are not there.
func fleetStore(t testing.TB, dir string, monitors, files int) *Store {
	t.Helper()
	s := open(t, dir)
	e := fleetEntry(rand.New(rand.NewPCG(1, 2)), 0, monitors, start)
	for i := range files {
		e.Files = append(e.Files, File{Name: "flows/hour=2026-11-21T20/0000-" + uuid.Must(uuid.NewV7()).String() + ".parquet", Rows: 30000, Bytes: 2 << 20,
			MinMonitor: monitor.String(), MaxMonitor: monitor.String(), MinTime: start.UnixMicro(), MaxTime: start.UnixMicro(), Hour: start.Add(time.Duration(i) * time.Hour).Truncate(time.Hour)})
	}
	if err := s.manifest.commit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMemoryBudget: 25,000 monitors with accounts of 300 octets, and 2,500 files: a quarter of a large fleet.
func TestMemoryBudget(t *testing.T) {
	const limit = 75e6 / 4 // 59 MB of all of it (2026-11-22)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := fleetStore(t, memoryDir(t), 25_000, 2_500)
	runtime.GC()
	runtime.GC() // what is pooled goes with the second
	runtime.ReadMemStats(&after)
	used := after.HeapAlloc - before.HeapAlloc
	t.Logf("%.1f MB", float64(used)/1e6)
	if used > limit {
		t.Errorf("the state takes %.1f MB, limit %.0f", float64(used)/1e6, limit/1e6)
	}
	runtime.KeepAlive(s)
}

// BenchmarkManifest prints what 100,000 monitors and 10,000 files cost.
func BenchmarkManifest(b *testing.B) {
	const monitors = 100_000
	dir, rnd := memoryDir(b), rand.New(rand.NewPCG(1, 2))
	s := fleetStore(b, dir, monitors, 10_000)
	s.manifest.every = 1
	begin := time.Now()
	sweep(b, s, start)
	info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(numbered(snapshotsDir, 0, s.manifest.number))))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("snapshot: %.1f MB, %v", float64(info.Size())/1e6, time.Since(begin))
	for name, n := range map[string]int{"1 of them": 1, "1,000 of them": 1000, "all": monitors} {
		b.Run("commit of "+name, func(b *testing.B) {
			e := fleetEntry(rnd, 0, n, start)
			for b.Loop() {
				if err := s.manifest.commit(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(s.manifest.bytes)/float64(s.manifest.number-s.manifest.snapshot), "octets/commit")
		})
		s.manifest.every = 1
		sweep(b, s, start)
	}
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			if n := len(view(b, dir).Marks()); n != monitors {
				b.Fatal(n)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			open(b, dir)
		}
	})
}
