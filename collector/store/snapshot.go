package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
)

// A snapshot is due after snapshotCommits commits, and when they have growFactor times its octets, and growMin at least.
const snapshotCommits, growFactor, growMin = 512, 4, 16 << 20

// writeSnapshot makes what e says the state after the commit n, and returns its octets.
func (m *manifest) writeSnapshot(ctx context.Context, n uint64, e *entry) (size int64, err error) {
	from, to := io.Pipe()
	count := &counter{w: to}
	encoded := make(chan struct{})
	go func() {
		defer close(encoded)
		to.CloseWithError(e.encode(count))
	}()
	err = m.bucket.Put(ctx, numbered(snapshotsDir, m.shard, n), -1, from)
	from.CloseWithError(err)
	<-encoded
	if errors.Is(err, fs.ErrExist) { // it says the same
		err = nil
	}
	return count.n, err
}

// setAside copies damaged objects to damagedDir: while something is there, no data file is removed that no commit names.
func setAside(ctx context.Context, b Bucket, damaged []string) error {
	for _, name := range damaged {
		dir, rest, _ := strings.Cut(name, "/")
		shard, number, _ := strings.Cut(rest, "/")
		if err := copyObject(ctx, b, name, damagedDir+"/"+shard+"/"+dir+"-"+number); err != nil {
			return err
		}
	}
	return nil
}

// copyObject copies an object, or nothing when it is lost. It is no error that the copy is there.
func copyObject(ctx context.Context, b Bucket, from, to string) error {
	var r io.Reader = strings.NewReader("")
	o, err := b.Open(ctx, from)
	switch {
	case err == nil:
		defer o.Close()
		r = io.NewSectionReader(o, 0, 1<<62)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := b.Put(ctx, to, -1, r); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
