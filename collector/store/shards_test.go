package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestNumberOfShardsStays: a store that was one machine's is not written by a cluster with other streams, where the watermarks of its
// monitors would not be found.
func TestNumberOfShardsStays(t *testing.T) {
	check := func(t *testing.T, dir string, shards int, want error) {
		t.Helper()
		if err := CheckShards(t.Context(), folder(dir), shards); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%d shards: %v, want %v", shards, err, want)
		}
	}
	t.Run("new", func(t *testing.T) {
		dir := t.TempDir()
		check(t, dir, 8, nil)
		check(t, dir, 8, nil)
		check(t, dir, 1, ErrShards)
		check(t, dir, 16, ErrShards)
	})
	t.Run("written before the number was noted", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		defer s.Close()
		check(t, dir, 8, ErrShards)
		check(t, dir, 1, nil)
	})
	t.Run("of the first version", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, firstManifest), nil, 0o640); err != nil {
			t.Fatal(err)
		}
		check(t, dir, 8, ErrShards)
		check(t, dir, 1, nil)
	})
	t.Run("noise", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, shardsObject), []byte("many"), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := CheckShards(t.Context(), folder(dir), 1); err == nil {
			t.Error("noise is taken for a number")
		}
	})
}
