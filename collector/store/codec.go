package store

import (
	"github.com/klauspost/compress/zstd"
	parquetzstd "github.com/parquet-go/parquet-go/compress/zstd"
)

// pageWindow bounds what an encoder remembers: a page is smaller, and most dictionaries are.
const pageWindow = 1 << 20

// codec compresses pages by zstd. The library's own keeps 32 MiB for each encoder.
type codec struct {
	parquetzstd.Codec // for reading, and for what it is called
	encoder           *zstd.Encoder
}

func newCodec(level zstd.EncoderLevel) *codec {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithWindowSize(pageWindow), zstd.WithLowerEncoderMem(true),
		zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are constants
	}
	return &codec{encoder: encoder}
}

// Encode is for any goroutine.
func (c *codec) Encode(dst, src []byte) ([]byte, error) {
	return c.encoder.EncodeAll(src, dst[:0]), nil
}
