package store

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// far is a server to which the way is long: no data file is there before putsAtOnce are on their way.
type far struct {
	Bucket
	onWay  atomic.Int32
	enough chan struct{}
}

func (f *far) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if !strings.HasPrefix(name, tableFlows) {
		return f.Bucket.Put(ctx, name, size, r)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if f.onWay.Add(1) == putsAtOnce {
		close(f.enough)
	}
	select {
	case <-f.enough:
	case <-time.After(20 * time.Second):
		return context.DeadlineExceeded
	}
	return f.Bucket.Put(ctx, name, size, bytes.NewReader(data))
}

// TestHoursGoToTheBucketTogether commits records of many hours, as when agents return.
func TestHoursGoToTheBucketTogether(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(t.Context(), &far{Bucket: folder(dir), enough: make(chan struct{})}, 0, Config{})
	if err != nil {
		t.Fatal(err)
	}
	var batches []*Batch
	for i := range 2 * putsAtOnce {
		h := newHost(t, i)
		h.now = start.Add(time.Duration(i) * time.Hour)
		batches = append(batches, h.batch(t, 10, 0))
	}
	add(t, s, batches...)
	commit(t, s)
	wantOnce(t, dir, batches...)
}
