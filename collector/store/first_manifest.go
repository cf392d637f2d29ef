package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"strconv"
)

// firstManifest is the one object in which the first version kept what commits say: a line each.
const firstManifest = "manifest"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readFirstManifest returns what it says: nothing when it is not there. A damaged line is left out and counted.
func readFirstManifest(ctx context.Context, b Bucket) (s state, damaged int, err error) {
	s = newState()
	o, err := b.Open(ctx, firstManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return s, 0, nil
	}
	if err != nil {
		return s, 0, err
	}
	defer o.Close()
	lines := bufio.NewReaderSize(io.NewSectionReader(o, 0, 1<<62), 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if e, ok := parseLine(line); ok && err == nil {
				s.apply(e)
			} else {
				damaged++
			}
		}
		if err == io.EOF {
			return s, damaged, nil
		}
		if err != nil {
			return s, damaged, err
		}
	}
}

// parseLine reads the CRC-32C of a JSON text in hexadecimal, a space, and the text.
func parseLine(line []byte) (e *entry, ok bool) {
	sum, body, found := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || uint32(want) != crc32.Checksum(body, castagnoli) {
		return nil, false
	}
	e = &entry{}
	return e, json.Unmarshal(body, e) == nil
}
