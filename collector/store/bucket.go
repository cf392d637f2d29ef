package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"
)

// Bucket keeps objects that never change, under names with slashes: a folder, or a bucket of S3. It is for any goroutine.
type Bucket interface {
	// Put makes an object of what r gives: of size octets, or as many as there are when size is -1. It is there, whole and
	// durable, when Put returns nil, and not there otherwise, unless the error is of a connection. fs.ErrExist: the name is taken.
	Put(ctx context.Context, name string, size int64, r io.Reader) error
	// Open gives what an object holds; the caller closes it. fs.ErrNotExist: there is none. ctx is for its reading too.
	Open(ctx context.Context, name string) (Object, error)
	// List returns the names of the objects that begin with prefix, which is empty or ends with a slash, in order.
	List(ctx context.Context, prefix string) ([]string, error)
	// Remove removes an object. It is no error when there is none.
	Remove(ctx context.Context, name string) error
	// Sweep removes what a Put that began before a time and never ended has left behind.
	Sweep(ctx context.Context, before time.Time) error
	Close() error
}

// Object is what an object of a bucket holds.
type Object interface {
	io.ReaderAt
	io.Closer
}

const s3Scheme = "s3://"

// OpenBucket returns the bucket of a location: a folder, or s3://bucket/prefix?endpoint=host:port&region=name&tls=no (docs/store.md). It does no
// input or output yet: a folder is made by the first Put.
func OpenBucket(location string) (Bucket, error) {
	if location == "" {
		return nil, errors.New("store: the location is empty: give a folder or s3://bucket/prefix")
	}
	if strings.HasPrefix(location, s3Scheme) {
		b, err := openS3(location)
		if err != nil {
			return nil, fmt.Errorf("store: location %s...: %w", s3Scheme, err)
		}
		return b, nil
	}
	if strings.Contains(location, "://") {
		return nil, fmt.Errorf("store: location %q is neither a folder nor s3://bucket/prefix", location)
	}
	dir, err := filepath.Abs(location)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return folder(dir), nil
}

// get reads a whole object of at most limit octets.
func get(ctx context.Context, b Bucket, name string, limit int64) ([]byte, error) {
	o, err := b.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	data, err := io.ReadAll(io.NewSectionReader(o, 0, min(limit, math.MaxInt64-1)+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d octets", name, limit)
	}
	return data, err
}
