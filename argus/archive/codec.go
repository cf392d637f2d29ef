package archive

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// codec is a form of compression.
type codec struct {
	name, magic string
	open        func(io.Reader) (io.Reader, error) // nil: not in this program
}

var codecs = []codec{
	{"gzip", "\x1f\x8b", func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) }},
	{"bzip2", "BZh", nil},
	{"xz", "\xfd7zXZ\x00", nil},
	{"zstd", "\x28\xb5\x2f\xfd", nil},
	{"compress", "\x1f\x9d", nil},
}

// Decompress makes Open read what "bzip2", "xz" or "zstd" made. To be called before the first Open: package codec has them.
func Decompress(name string, open func(io.Reader) (io.Reader, error)) {
	for i := range codecs {
		if codecs[i].name == name {
			codecs[i].open = open
		}
	}
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

// reader decompresses in.
func (c *codec) reader(in io.Reader) (io.Reader, error) {
	if c.open == nil {
		return nil, fmt.Errorf("this program does not read what %s has compressed: give it decompressed, through a pipe and -r -; argus-collector flows reads bzip2, xz and zstd", c.name)
	}
	out, err := c.open(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return out, nil
}
