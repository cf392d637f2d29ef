package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what a decompressor remembers of its output: what zstd takes by default, and twice what xz -9 needs.
const maxWindow = 128 << 20

// codec is a form of compression.
type codec struct {
	name, magic string
	open        func(in *bufio.Reader) (io.Reader, error)
}

var codecs = []codec{
	{"gzip", "\x1f\x8b", func(in *bufio.Reader) (io.Reader, error) { return gzip.NewReader(in) }},
	{"bzip2", "BZh", func(in *bufio.Reader) (io.Reader, error) { return bzip2.NewReader(in), nil }},
	{"xz", xzMagic, func(in *bufio.Reader) (io.Reader, error) { return newXZ(in), nil }},
	{"zstd", "\x28\xb5\x2f\xfd", openZstd},
	{"compress", "\x1f\x9d", func(*bufio.Reader) (io.Reader, error) {
		return nil, errors.New("this form is not read: give it through zcat and -r -")
	}},
}

// codecOf returns the codec of a file that begins with head, nil for none.
func codecOf(head []byte) *codec {
	for i := range codecs {
		if bytes.HasPrefix(head, []byte(codecs[i].magic)) {
			return &codecs[i]
		}
	}
	return nil
}

// openZstd decompresses in the reader's goroutine: there is nothing to close.
func openZstd(in *bufio.Reader) (io.Reader, error) {
	return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
}
