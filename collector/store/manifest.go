package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

const (
	manifestName = "manifest"
	// The manifest is written anew at Open, and when it has grown to growFactor times that, and growMin at least.
	growFactor, growMin = 4, 16 << 20
	// maxGaps bounds the gaps kept of one epoch: Mark.Lost goes on counting.
	maxGaps = 1000
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// File is a data file of the store.
type File struct {
	Name       string    `json:"name"` // below the store's folder, with slashes
	Rows       int64     `json:"rows"`
	Bytes      int64     `json:"bytes"`
	MinMonitor string    `json:"min_monitor"` // lowest and highest in the order of text
	MaxMonitor string    `json:"max_monitor"`
	MinTime    int64     `json:"min_time"` // earliest stime and latest ltime, microseconds
	MaxTime    int64     `json:"max_time"`
	Events     bool      `json:"events,omitempty"` // of the table events
	Hour       time.Time `json:"hour"`
}

// Mark is how far an epoch of a monitor has come.
type Mark struct {
	Monitor  uuid.UUID  `json:"monitor"`
	Epoch    wire.Epoch `json:"epoch"`
	Sequence uint64     `json:"sequence"` // all up to this one are in the store, or lost
	Records  uint64     `json:"records"`  // in the store
	Lost     uint64     `json:"lost"`     // sequences that are in no record: the sum of the gaps
	Repeated uint64     `json:"repeated"` // records that came again and were dropped
	First    time.Time  `json:"first"`    // when the first and the last batch were received
	Last     time.Time  `json:"last"`
}

// Gap is a run of sequences that never came.
type Gap struct {
	Monitor  uuid.UUID  `json:"monitor"`
	Epoch    wire.Epoch `json:"epoch"`
	First    uint64     `json:"first"`
	Last     uint64     `json:"last"`
	Reported uint64     `json:"reported"` // of them, those that the agent said it had to drop
	Noticed  time.Time  `json:"noticed"`  // when the batch after it was received
}

// entry is one line of the manifest: what one commit, or a snapshot, adds.
type entry struct {
	Files []File `json:"files,omitempty"`
	Marks []Mark `json:"marks,omitempty"`
	Gaps  []Gap  `json:"gaps,omitempty"`
}

type epochKey struct {
	monitor uuid.UUID
	epoch   wire.Epoch
}

// state is what the manifest says.
type state struct {
	files []File
	marks map[epochKey]Mark
	gaps  map[epochKey][]Gap
}

func newState() state { return state{marks: map[epochKey]Mark{}, gaps: map[epochKey][]Gap{}} }

func (s *state) apply(e *entry) {
	s.files = append(s.files, e.Files...)
	for _, m := range e.Marks {
		s.marks[epochKey{m.Monitor, m.Epoch}] = m
	}
	for _, g := range e.Gaps {
		k := epochKey{g.Monitor, g.Epoch}
		if len(s.gaps[k]) < maxGaps {
			s.gaps[k] = append(s.gaps[k], g)
		}
	}
}

func (s *state) snapshot() *entry {
	e := &entry{Files: s.files}
	for _, m := range s.marks {
		e.Marks = append(e.Marks, m)
	}
	for _, g := range s.gaps {
		e.Gaps = append(e.Gaps, g...)
	}
	return e
}

// line returns e as a line: CRC-32C of the JSON in hexadecimal, a space, the JSON.
func (e *entry) line() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(b, castagnoli), b), nil
}

func parseLine(line []byte) (e *entry, ok bool) {
	sum, body, found := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || uint32(want) != crc32.Checksum(body, castagnoli) {
		return nil, false
	}
	e = &entry{}
	return e, json.Unmarshal(body, e) == nil
}

// readManifest returns what the manifest says. A damaged line is left out and counted: at the end it is a commit that
// was never acknowledged; elsewhere the disk has lost something, and what the other lines say still holds.
func readManifest(root *os.Root) (s state, damaged int, err error) {
	s = newState()
	f, err := root.Open(manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return s, 0, nil
	}
	if err != nil {
		return s, 0, err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 1<<16)
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

// manifest is the open log of commits. After an error it is not written to again.
type manifest struct {
	root       *os.Root
	file       *os.File
	size, base int64
}

// rewrite replaces the manifest by one line that says all of s, and opens it for more.
func rewrite(root *os.Root, s *state) (*manifest, error) {
	line, err := s.snapshot().line()
	if err != nil {
		return nil, err
	}
	const temp = manifestName + ".tmp"
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(line)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = errors.Join(f.Close(), root.Rename(temp, manifestName), syncDir(root, "."))
	} else {
		f.Close()
	}
	if err != nil {
		return nil, err
	}
	f, err = root.OpenFile(manifestName, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return &manifest{root, f, int64(len(line)), int64(len(line))}, nil
}

// append makes e durable.
func (m *manifest) append(e *entry, fail func(point string) error) error {
	line, err := e.line()
	if err != nil {
		return err
	}
	if _, err := m.file.Write(line); err != nil {
		return err
	}
	m.size += int64(len(line))
	if err := fail("manifest written"); err != nil {
		return err
	}
	return m.file.Sync()
}

func (m *manifest) large() bool { return m.size > growMin && m.size > growFactor*m.base }
