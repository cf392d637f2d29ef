package store

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// Evidence is what speaks of how complete a monitor's records are: a Record or a Gap, which comes before the records behind it.
type Evidence struct {
	Monitor  uuid.UUID
	Epoch    wire.Epoch
	Sent     time.Time     // of the batch, by the agent's clock
	Received time.Time     // of the batch
	Previous time.Time     // of the epoch's batch before; zero: there was none
	Record   *argus.Record // an event or status record, new and in order; lent
	Gap      *Gap          // or sequences that will not come
	Sensor   bool          // of an Argus sensor, which makes no reports beside its status records
}

// Missing is an interval for which records of a monitor are missing: a row of the table gaps.
type Missing struct {
	Monitor     uuid.UUID
	Interface   string // "": all of them
	From, To    time.Time
	Reason      string
	Records     uint64 // that were made and are not there; 0 when unknown
	Packets     uint64 // that are in no record; 0 when unknown
	Epoch       wire.Epoch
	First, Last uint64 // sequences, 0 when unknown
}

// GapRow is a row of the table gaps. The schema is in docs/store.md.
type GapRow struct {
	Monitor   string `parquet:"monitor,dict"`
	Interface string `parquet:"interface,dict"`
	Epoch     string `parquet:"epoch,dict"`
	Received  int64  `parquet:"received,timestamp(microsecond),delta"`
	STime     int64  `parquet:"stime,timestamp(microsecond),delta"`
	LTime     int64  `parquet:"ltime,timestamp(microsecond),delta"`
	Reason    string `parquet:"reason,dict"`
	Records   int64  `parquet:"records"`
	Packets   int64  `parquet:"packets"`
	First     int64  `parquet:"first"`
	Last      int64  `parquet:"last"`
}

// account tells Config.Account of e, and keeps what it answers for the next commit.
func (s *Store) account(e *Evidence) {
	if s.config.Account == nil {
		return
	}
	state, ok := s.pending.heard[e.Monitor]
	if !ok {
		s.manifest.mu.RLock()
		state = s.manifest.committed.heard[e.Monitor]
		s.manifest.mu.RUnlock()
	}
	next, missing := s.config.Account(slices.Clone(state), e)
	s.pending.heard[e.Monitor] = next
	for i := range missing {
		s.gaps = append(s.gaps, s.gapRow(&missing[i], e.Received))
	}
}

func (s *Store) gapRow(m *Missing, received time.Time) GapRow {
	return GapRow{
		Monitor: s.names.text([]byte(m.Monitor.String())), Interface: strings.ToValidUTF8(m.Interface, "\uFFFD"), Epoch: m.Epoch.String(),
		Received: received.UnixMicro(), STime: m.From.UnixMicro(), LTime: m.To.UnixMicro(), Reason: m.Reason,
		Records: int64(m.Records), Packets: int64(m.Packets), First: int64(m.First), Last: int64(m.Last),
	}
}

// missing is the opposite of gapRow.
func (r *GapRow) missing(m *Missing) {
	*m = Missing{Interface: r.Interface, From: time.UnixMicro(r.STime), To: time.UnixMicro(r.LTime), Reason: r.Reason,
		Records: uint64(r.Records), Packets: uint64(r.Packets), First: uint64(r.First), Last: uint64(r.Last)}
	m.Monitor, _ = uuid.FromString(r.Monitor) // Nil, as the row had it
	m.Epoch, _ = wire.ParseEpoch(r.Epoch)
}

// Missing lends the intervals of the table gaps that meet [since, until), of no particular order. A zero time
// is no bound; a Nil monitor is all.
func (v *View) Missing(since, until time.Time, monitor uuid.UUID) iter.Seq2[*Missing, error] {
	q := Query{Since: since, Until: until, Monitor: monitor}
	return func(yield func(*Missing, error) bool) {
		for i := range v.files {
			f := &v.files[i]
			if !f.Missing || !q.wants(f) {
				continue
			}
			rows, err := v.readGaps(f)
			if err != nil {
				yield(nil, fmt.Errorf("store: %s: %w", f.Name, err))
				return
			}
			for i := range rows {
				var m Missing
				rows[i].missing(&m)
				if q.inTime(rows[i].STime, rows[i].LTime) && (monitor.IsNil() || m.Monitor == monitor) && !yield(&m, nil) {
					return
				}
			}
		}
	}
}

func (v *View) readGaps(f *File) ([]GapRow, error) {
	o, err := v.bucket.Open(v.ctx, f.Name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	p, err := openParquet(o, f)
	if err != nil {
		return nil, err
	}
	r := newRowReader[GapRow](p, func(string) bool { return true })
	defer r.close()
	if r.numRows() != f.Rows {
		return nil, fmt.Errorf("%w: it has %d rows, had %d", errDamagedFile, r.numRows(), f.Rows)
	}
	rows := make([]GapRow, f.Rows)
	return rows, r.read(0, rows)
}
