package judge

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/capture"
)

// frame is one frame of a capture.
type frame struct {
	data []byte
	link capture.LinkType
}

// realFrames returns every frame of the corpus once, or where there is no corpus the seeds of the decoder's fuzz test.
func realFrames(tb testing.TB) (frames []frame) {
	tb.Helper()
	seen := map[string]bool{}
	add := func(data []byte, link capture.LinkType) {
		if len(data) > 0 && len(data) <= 1<<14 && !seen[string(data)] {
			seen[string(data)] = true
			frames = append(frames, frame{bytes.Clone(data), link})
		}
	}
	paths, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", "pcap", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, path := range paths {
		eachFrame(tb, path, add)
	}
	if len(paths) == 0 {
		tb.Log("judge: mutator: no corpus beside the repository: the seeds of the decoder's fuzz test are mutated")
		for _, data := range seeds(tb) {
			add(data, capture.LinkEthernet)
		}
	}
	return frames
}

func eachFrame(tb testing.TB, path string, add func([]byte, capture.LinkType)) {
	src, err := capture.OpenFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	var f capture.Frame
	for {
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		add(data, f.Link)
	}
}

// seeds returns the []byte arguments of the checked-in inputs of FuzzDecode.
func seeds(tb testing.TB) (data [][]byte) {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "capture", "testdata", "fuzz", "FuzzDecode", "*"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			quoted, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("[]byte("))
			if !ok {
				continue
			}
			s, err := strconv.Unquote(string(bytes.TrimSuffix(quoted, []byte(")"))))
			if err != nil {
				tb.Fatalf("%s: %v", path, err)
			}
			data = append(data, []byte(s))
		}
	}
	return data
}
