package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/parquet-go/parquet-go"
)

// TestDamagedFooters spoils what the library trusts: a query fails, or not, but it ends, and the process lives.
func TestDamagedFooters(t *testing.T) {
	uncompressed(t)
	dir := memoryDir(t)
	s, _ := fleet(t, folder(dir), 1, 1)
	s.Close()
	v, rnd, failed := view(t, dir), rand.New(rand.NewPCG(1, 2)), 0
	for _, f := range v.Files() {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			bad := slices.Clone(whole)
			for range 1 + rnd.IntN(3) {
				bad[len(bad)-1-rnd.IntN(min(len(bad), 8<<10))] ^= 1 << rnd.IntN(8)
			}
			if err := os.WriteFile(name, bad, 0o640); err != nil {
				t.Fatal(err)
			}
			for _, err := range v.Missing(time.Time{}, time.Time{}, uuid.Nil) {
				if err != nil {
					failed++
				}
			}
			for _, err := range v.Events(time.Time{}, time.Time{}, uuid.Nil) {
				if err != nil {
					failed++
				}
			}
			for _, err := range v.Scan(Query{Monitor: uuid.FromStringOrNil(f.MinMonitor)}) {
				if err != nil {
					failed++
				}
			}
		}
		if err := os.WriteFile(name, whole, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if failed < 30 {
		t.Errorf("%d queries have failed: the damage is not where it hurts", failed)
	}
}

// TestOtherPackersAreRefused: of some of them a page of a few octets says that it unpacks to any size.
func TestOtherPackersAreRefused(t *testing.T) {
	options := writerOptions
	t.Cleanup(func() { writerOptions = options })
	writerOptions = append(slices.Clone(options), parquet.Compression(&parquet.Lz4Raw))
	dir := t.TempDir()
	s, _ := fleet(t, folder(dir), 1, 1)
	defer s.Close()
	failed := false
	for _, err := range view(t, dir).Scan(Query{}) {
		failed = errors.Is(err, errDamagedFile)
	}
	if !failed {
		t.Error("a file packed by lz4 is read")
	}
}
