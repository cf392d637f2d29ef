package store

import "cmp"

const (
	tableFlows  = "flows"
	tableEvents = "events"
	tableGaps   = "gaps"
)

// rowOf is a pointer to a row of one of the tables.
type rowOf[T any] interface {
	*T
	table() string
	hour() int64 // of the partition, microseconds
	sortKey() rowKey
	end() int64 // the last time that it tells of
}

// rowKey is what the rows of a file are sorted by. In tables without an IP protocol that is 0. The flows of one protocol stand together:
// the columns that others do not have become runs of zeros, which saves an octet in ten.
type rowKey struct {
	monitor string
	proto   uint8
	stime   int64
}

func (k rowKey) compare(o rowKey) int {
	if c := cmp.Compare(k.monitor, o.monitor); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(k.proto, o.proto), cmp.Compare(k.stime, o.stime))
}

func (r *Row) table() string      { return tableFlows }
func (r *EventRow) table() string { return tableEvents }
func (r *GapRow) table() string   { return tableGaps }

func (r *Row) hour() int64      { return hourOf(r.STime, r.Received) }
func (r *EventRow) hour() int64 { return hourOf(r.Received, r.Received) }
func (r *GapRow) hour() int64   { return hourOf(r.LTime, r.Received) }

func (r *Row) sortKey() rowKey      { return rowKey{r.Monitor, r.Proto, r.STime} }
func (r *EventRow) sortKey() rowKey { return rowKey{r.Monitor, 0, r.STime} }
func (r *GapRow) sortKey() rowKey   { return rowKey{r.Monitor, 0, r.STime} }

func (r *Row) end() int64      { return r.LTime }
func (r *EventRow) end() int64 { return r.LTime }
func (r *GapRow) end() int64   { return r.LTime }

// add makes f say that it has a row more, which comes behind those before it in the order of keys.
func (f *File) add(k rowKey, end int64) {
	if f.Rows == 0 {
		f.MinMonitor, f.MinTime, f.MaxTime = k.monitor, k.stime, end
	}
	f.Rows++
	f.MaxMonitor, f.MinTime, f.MaxTime = k.monitor, min(f.MinTime, k.stime), max(f.MaxTime, end)
}
