package collector

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/archive"
	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// Importer brings the records of files into a collector, each once: a record's identity is its sensor, the content of its file and its
// place in it.
type Importer struct {
	Sensor   argus.ID                             // whose the records are that do not say; none: Zeek's logs are those of "zeek"
	Progress func(file string, read, size int64)  // called now and then; size is 0 when nobody knows it
	Problem  func(file string, line int, e error) // of what is left out; line is 0 where a file has none

	ingest *Ingest
	marks  map[epochKey]uint64
}

// Imported is what came of a file.
type Imported struct {
	File    string `json:"file"`
	Format  string `json:"format,omitempty"` // argus or zeek
	Records uint64 `json:"records"`          // in the file
	New     uint64 `json:"new"`              // that the store did not have
	Other   uint64 `json:"other,omitempty"`  // that are neither flows nor events nor status records
	Bad     uint64 `json:"bad,omitempty"`    // lines or pieces that could not be read
	Sensors int    `json:"sensors"`
	Error   string `json:"error,omitempty"` // why it was not read to its end
}

// NewImporter asks what the store has, with all that waits for it.
func NewImporter(ctx context.Context, g *Ingest) (*Importer, error) {
	m := &Importer{ingest: g, marks: map[epochKey]uint64{}, Progress: func(string, int64, int64) {}, Problem: func(string, int, error) {}}
	if err := g.Flush(ctx); err != nil {
		return nil, err
	}
	v, err := g.config.OpenView(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	defer v.Close()
	for _, mark := range v.Marks() {
		m.marks[epochKey{mark.Monitor, mark.Epoch}] = mark.Sequence
	}
	return m, nil
}

// Flush returns when all that was appended is in the store, however long that takes while the store takes something.
func (g *Ingest) Flush(ctx context.Context) error {
	for stored := uint64(0); ; {
		err := Flush(ctx, &g.config.Place)
		if !errors.Is(err, errBusy) {
			return err
		}
		status, down := ReadStatus(ctx, &g.config.Place)
		if down != nil || status.Journal.First <= stored {
			return err
		}
		stored = status.Journal.First
	}
}

// File imports a file, "-" is the standard input. The error is about the collector or ctx: what is wrong with the file is in the
// answer. All that New counts is in the journal when it returns.
func (m *Importer) File(ctx context.Context, name string) (Imported, error) {
	f := importing{Importer: m, Imported: Imported{File: name}, ctx: ctx}
	err := f.run(name)
	if own, is := errors.AsType[*ingestError](err); is {
		return f.Imported, own.error
	}
	if err != nil {
		if err == ctx.Err() {
			return f.Imported, err
		}
		f.Error = err.Error()
	}
	return f.Imported, nil
}

// ingestError tells what the collector said from what is wrong with a file.
type ingestError struct{ error }

// importing is a file on its way.
type importing struct {
	*Importer
	Imported
	ctx    context.Context
	in     *archive.File
	gather *gatherer
}

func (f *importing) run(name string) error {
	if info, err := os.Stat(name); name == "-" || err == nil && !info.Mode().IsRegular() && !info.IsDir() { // it is read twice
		copied, err := copyInput(f.ctx, name)
		if err != nil {
			return err
		}
		defer os.Remove(copied)
		name = copied
	}
	sum, err := f.sum(name)
	if err != nil {
		return err
	}
	if err := f.begin(epochOf(sum)); err != nil {
		return err
	}
	if f.in, err = archive.Open(name); err != nil {
		return err
	}
	defer f.in.Close()
	again := &summed{from: f, hash: sha256.New()}
	err = f.records(again)
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) { // what is there is sound
		if _, rest := io.Copy(io.Discard, again); rest == nil && [sha256.Size]byte(again.hash.Sum(nil)) != sum {
			err = errors.Join(err, errors.New("it changed while it was read: import it again when nobody writes to it"))
		}
	}
	if lost := f.end(); lost != nil {
		return lost
	}
	return err
}

// begin makes the gatherer of the file's epoch.
func (f *importing) begin(epoch wire.Epoch) (err error) {
	f.gather, err = newGatherer(store.Import, epoch, func(ctx context.Context, b *journal.Batch) error {
		if err := f.ingest.Append(ctx, b); err != nil {
			return &ingestError{err}
		}
		return nil
	})
	if err != nil {
		return err
	}
	f.gather.known = func(sensor uuid.UUID) uint64 { return f.marks[epochKey{sensor, epoch}] }
	return nil
}

// end sends what is left, and remembers what is there.
func (f *importing) end() error {
	f.Sensors = len(f.gather.sensors)
	if err := f.gather.flush(f.ctx); err != nil {
		return err
	}
	for sensor, s := range f.gather.sensors {
		f.marks[epochKey{sensor, f.gather.epoch}] = max(s.next, s.known)
	}
	return nil
}

// epochOf returns the epoch that stands for the content of a file.
func epochOf(sum [sha256.Size]byte) wire.Epoch {
	return max(wire.Epoch(binary.BigEndian.Uint64(sum[:])), 1)
}

// sum returns what the content of a file, decompressed, is known by.
func (f *importing) sum(name string) (sum [sha256.Size]byte, err error) {
	if f.in, err = archive.Open(name); err != nil {
		return sum, err
	}
	defer f.in.Close()
	s := &summed{from: f, hash: sha256.New()}
	if _, err = io.Copy(io.Discard, s); errors.Is(err, io.ErrUnexpectedEOF) { // cut off: what there is of it
		err = nil
	}
	return [sha256.Size]byte(s.hash.Sum(nil)), err
}

// summed reads the file, sums it up, tells the progress and ends with the context.
type summed struct {
	from *importing
	hash hash.Hash
}

func (s *summed) Read(b []byte) (int, error) {
	if err := s.from.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.from.in.Read(b)
	s.hash.Write(b[:n])
	read, size := s.from.in.Progress()
	s.from.Progress(s.from.Imported.File, read, size)
	return n, err
}

// copyInput copies the standard input or a pipe to a file that the caller removes.
func copyInput(ctx context.Context, from string) (name string, err error) {
	in, err := archive.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	defer context.AfterFunc(ctx, func() { in.Close() })()
	out, err := os.CreateTemp("", "argus-import-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("copy %s to %s: %w", from, out.Name(), err), os.Remove(out.Name()))
	}
	return out.Name(), nil
}
