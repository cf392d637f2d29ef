package codec

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what a decompressor remembers of its output: what zstd takes by default, and twice what xz -9 needs.
const maxWindow = 128 << 20

// Zstd decompresses zstd (RFC 8878), all frames, in the reader's goroutine: there is nothing to close.
func Zstd(in io.Reader) (io.Reader, error) {
	return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
}
