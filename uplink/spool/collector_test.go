package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

const recordSize = 16

// records returns a block of n test records: room for the sequence, then an identity that counts up from id.
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

type key struct{ epoch, seq uint64 }

// collector is the other side as the contract describes it: it keeps each (epoch, sequence) once and knows each epoch's watermark.
type collector struct {
	kept    map[key]uint64 // -> identity
	times   map[uint64]int // identity -> how often kept
	high    map[uint64]uint64
	dropped uint64
}

func newCollector() *collector {
	return &collector{map[key]uint64{}, map[uint64]int{}, map[uint64]uint64{}, 0}
}

// take accepts a batch and returns the watermark of its epoch. A number that comes back with another record is what must never happen.
func (c *collector) take(b Batch) (uint64, error) {
	if n := uint64(len(b.Records) / recordSize); n != b.Last-b.First+1 || len(b.Records)%recordSize != 0 {
		return 0, fmt.Errorf("batch [%d, %d] has %d octets", b.First, b.Last, len(b.Records))
	}
	if high := c.high[b.Epoch]; b.First > high {
		c.dropped += b.Dropped
		if high > 0 && b.First-b.Dropped > high+1 {
			return 0, fmt.Errorf("%d follows %d with %d dropped: a hole that nothing tells of", b.First, high, b.Dropped)
		}
	}
	for i, seq := 0, b.First; seq <= b.Last; i, seq = i+recordSize, seq+1 {
		got, id := binary.BigEndian.Uint64(b.Records[i:]), binary.BigEndian.Uint64(b.Records[i+8:])
		if got != seq {
			return 0, fmt.Errorf("record %d of the batch from %d carries %d", seq, b.First, got)
		}
		k := key{b.Epoch, seq}
		if old, dup := c.kept[k]; dup {
			if old != id {
				return 0, fmt.Errorf("%016x-%d was record %d and is now %d: one of them is thrown away as a duplicate", b.Epoch, seq, old, id)
			}
			continue
		}
		c.kept[k] = id
		if c.times[id]++; c.times[id] > 1 {
			return 0, fmt.Errorf("record %d came twice", id)
		}
	}
	c.high[b.Epoch] = max(c.high[b.Epoch], b.Last)
	return c.high[b.Epoch], nil
}

// drain leases and commits until nothing is left.
func (c *collector) drain(t testing.TB, s *Spool) {
	t.Helper()
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	for {
		b, ok := s.Lease(64<<10, 200)
		if !ok {
			break
		}
		durable, err := c.take(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Commit(b.Epoch, durable), sums(s)); err != nil {
			t.Fatal(err)
		}
	}
}

// want fails unless exactly the identities [1, n] were kept.
func (c *collector) want(t testing.TB, n uint64) {
	t.Helper()
	for id := uint64(1); id <= n; id++ {
		if c.times[id] != 1 {
			t.Fatalf("record %d was kept %d times, want once (of %d)", id, c.times[id], n)
		}
	}
	if len(c.times) != int(n) {
		t.Fatalf("%d records kept, want %d", len(c.times), n)
	}
}

// sums fails unless the account of s closes.
func sums(s *Spool) error {
	if st := s.Stats(); st.Inherited+st.Appended != st.Committed+st.Discarded+st.Pending {
		return fmt.Errorf("the account does not close: inherited %d + appended %d, committed %d + discarded %d + pending %d",
			st.Inherited, st.Appended, st.Committed, st.Discarded, st.Pending)
	}
	return nil
}

func mustOpen(t testing.TB, dir string, o Options) *Spool {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := sums(s); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fill appends n blocks of per records with identities from id on and returns the next identity.
func fill(t testing.TB, s *Spool, id uint64, n, per int) uint64 {
	t.Helper()
	for range n {
		if err := errors.Join(s.Append(records(id, per), per, number), sums(s)); err != nil {
			t.Fatal(err)
		}
		id += uint64(per)
	}
	return id
}
