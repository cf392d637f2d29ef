package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
)

const (
	// blockBytes are read at once: the time of a request is that of so many octets. blocksKept are held of an object: the
	// columns of a row group, which a reader takes in turn, lie within.
	blockBytes, blocksKept = 1 << 20, 16
)

// s3Object reads an object by blocks, and holds the latest. Small objects are read with one request.
type s3Object struct {
	ctx  context.Context
	s3   *s3
	name string

	mu     sync.Mutex
	size   int64
	blocks []block // the latest one last
}

type block struct {
	number int64
	data   []byte
}

func (s *s3) Open(ctx context.Context, name string) (Object, error) {
	o := &s3Object{ctx: ctx, s3: s, name: name}
	if _, err := o.fetch(0); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *s3Object) Close() error { return nil }

func (o *s3Object) ReadAt(p []byte, off int64) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		if at >= o.size {
			return n, io.EOF
		}
		data, err := o.block(at / blockBytes)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[at%blockBytes:])
	}
	return n, nil
}

func (o *s3Object) block(number int64) ([]byte, error) {
	i := slices.IndexFunc(o.blocks, func(b block) bool { return b.number == number })
	if i < 0 {
		return o.fetch(number)
	}
	b := o.blocks[i]
	o.blocks = append(slices.Delete(o.blocks, i, i+1), b)
	return b.data, nil
}

// fetch reads a block from the server. The first one tells the size of the object.
func (o *s3Object) fetch(number int64) ([]byte, error) {
	var options minio.GetObjectOptions
	if err := options.SetRange(number*blockBytes, (number+1)*blockBytes-1); err != nil {
		return nil, err
	}
	body, info, header, err := minio.Core{Client: o.s3.client}.GetObject(o.ctx, o.s3.bucket, o.s3.prefix+o.name, options)
	if r, ok := errors.AsType[minio.ErrorResponse](err); ok && r.Code == minio.InvalidRange {
		return nil, nil // it is empty
	}
	if err != nil {
		return nil, o.s3.explain(o.name, err)
	}
	defer body.Close()
	data := make([]byte, min(info.Size, blockBytes))
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, o.s3.explain(o.name, err)
	}
	if _, total, found := strings.Cut(header.Get("Content-Range"), "/"); found {
		info.Size, err = strconv.ParseInt(total, 10, 64)
	} else if info.Size > blockBytes {
		err = errors.New("the server does not give a part of an object")
	}
	if err == nil && number*blockBytes+int64(len(data)) != min(info.Size, (number+1)*blockBytes) {
		err = fmt.Errorf("the server gives %d octets of block %d of %d octets", len(data), number, info.Size)
	}
	if err != nil {
		return nil, o.s3.explain(o.name, err)
	}
	o.size = info.Size
	o.blocks = append(o.blocks[max(0, len(o.blocks)+1-blocksKept):], block{number, data})
	return data, nil
}
