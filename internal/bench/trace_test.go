//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// The traces are the same octets for the same seed, and of the size that was asked for.
func TestTraceIsReproducible(t *testing.T) {
	for name, write := range map[string]func(*traceWriter){"endpoint": (*traceWriter).endpoint, "scan": (*traceWriter).scan} {
		var sums [2][32]byte
		for i := range sums {
			path := filepath.Join(t.TempDir(), name)
			if err := writeTrace(path, 20_000, 1, write); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sums[i] = sha256.Sum256(data)
			if len(data) < 20_000*(16+42) {
				t.Errorf("%s: %d octets for 20,000 packets", name, len(data))
			}
		}
		if sums[0] != sums[1] {
			t.Errorf("%s: two traces of one seed differ", name)
		}
	}
}

// A connection that was closed stays so: each has a FIN of either side at most.
func TestTraceClosesConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endpoint")
	if err := writeTrace(path, 200_000, 1, (*traceWriter).endpoint); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var opened, finished int
	for at := 24; at < len(data); at += 16 + int(binary.LittleEndian.Uint32(data[at+8:])) {
		frame := data[at+16:]
		if frame[23] == 6 {
			opened += int(frame[47] >> 1 & 1)
			finished += int(frame[47] & 1)
		}
	}
	if opened < 100 || finished < 100 || finished > opened { // a SYN and a SYN/ACK are two
		t.Errorf("%d SYNs and %d FINs", opened, finished)
	}
}
