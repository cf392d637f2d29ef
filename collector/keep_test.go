package collector

import "testing"

// TestShardsKeepTheirParts: a limit never becomes none.
func TestShardsKeepTheirParts(t *testing.T) {
	for _, c := range []struct {
		bytes  int64
		shards int
		want   int64
	}{{0, 8, 0}, {1, 8, 1}, {7, 8, 1}, {800, 8, 100}, {801, 8, 101}, {500, 1, 500}} {
		if got := partOf(c.bytes, c.shards); got != c.want {
			t.Errorf("%d octets in %d shards: %d each, want %d", c.bytes, c.shards, got, c.want)
		}
	}
}
