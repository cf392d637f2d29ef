package codec

import (
	"compress/bzip2"
	"io"
)

// BZip2 decompresses bzip2, all its streams.
func BZip2(in io.Reader) (io.Reader, error) { return bzip2.NewReader(in), nil }
