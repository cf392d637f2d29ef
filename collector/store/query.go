package store

import (
	"net/netip"
	"slices"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/gofrs/uuid/v5"
	"github.com/parquet-go/parquet-go"
)

// Query chooses flow records. The zero Query chooses all. What Hosts, Ports, Protos and Ranges rule out is mostly not even read, and Match is not asked.
type Query struct {
	Since, Until time.Time                // flows with a packet in [Since, Until); a zero time is no bound
	Monitor      uuid.UUID                // of this monitor; Nil: of all
	Hosts        []netip.Prefix           // whose source or destination address is in one of them; nil: all
	Ports        []uint16                 // whose source or destination port is one of them; nil: all
	Protos       []uint8                  // whose IP protocol is one of them; nil: all
	Ranges       []Range                  // whose numbers are in all of them
	Match        func(*argus.Record) bool // and for which Match says true; nil: all
	Parts        Parts                    // what Scan has to fill in: it is several times as fast without the rest
}

// Parts are the parts of a record that a query needs. 0 are all of it.
// With others the monitor, the cause and the numbers of a record are there as well.
type Parts uint8

const (
	PartKey    Parts = 1 << iota // flow.Key: addresses, protocol, ports, type; which is the source
	PartTimes                    // the first and the last packet, of each side and of the flow; how many there were
	PartCounts                   // packets, octets of frames, of IP and of payload, of each side
)

// columnsOfParts are the columns that make the parts of a record; those of the key 0 are needed for any.
var columnsOfParts = map[Parts][]string{
	0:          {"sequence", "seqmore", "flowid", "cause", "endreason", "stime"},
	PartKey:    {"interface", "family", "proto", "type", "saddr", "daddr", "sport", "dport", "initiator"},
	PartTimes:  {"ltime", "safter", "sbefore", "dafter", "dbefore", "age", "spkts", "dpkts", "synack"},
	PartCounts: {"spkts", "dpkts", "sbytes", "dbytes", "sl2more", "dl2more", "sappbytes", "dappbytes"},
}

// notInRecords are the columns that no record has: they are for other engines.
var notInRecords = []string{"monitor", "epoch", "received", "state", "conn_state", "sas", "das", "sco", "dco"}

// columns returns the columns to choose by, and those that the records of the chosen rows need besides.
func (q *Query) columns() (choose, fill func(name string) bool) {
	names := []string{"stime"} // the order
	if !q.Since.IsZero() || !q.Until.IsZero() {
		names = append(names, "ltime")
	}
	if q.Hosts != nil {
		names = append(names, "saddr", "daddr")
	}
	if q.Ports != nil {
		names = append(names, "sport", "dport")
	}
	if q.Protos != nil {
		names = append(names, "proto")
	}
	for _, b := range q.rowRanges() {
		names = append(append(names, b.of[0].columns...), b.of[1].columns...)
	}
	choose = func(name string) bool { return slices.Contains(names, name) }
	return choose, func(name string) bool {
		if choose(name) || slices.Contains(notInRecords, name) {
			return false
		}
		for part, columns := range columnsOfParts {
			if (part == 0 || part&q.Parts != 0) && slices.Contains(columns, name) {
				return true
			}
		}
		return q.Parts == 0
	}
}

// wants tells whether a file may have rows for q.
func (q *Query) wants(f *File) bool {
	return q.inTime(f.MinTime, f.MaxTime) &&
		(q.Monitor.IsNil() || f.MinMonitor <= q.Monitor.String() && q.Monitor.String() <= f.MaxMonitor)
}

func (q *Query) inTime(first, last int64) bool {
	return (q.Since.IsZero() || last >= q.Since.UnixMicro()) && (q.Until.IsZero() || first < q.Until.UnixMicro())
}

// chooses tells whether q chooses a row by its columns.
func (q *Query) chooses(row *Row) bool {
	return q.inTime(row.STime, row.LTime) &&
		(q.Protos == nil || slices.Contains(q.Protos, row.Proto)) &&
		(q.Ports == nil || slices.Contains(q.Ports, row.SPort) || slices.Contains(q.Ports, row.DPort)) &&
		(q.Hosts == nil || q.hasHost(row.SAddr) || q.hasHost(row.DAddr))
}

func (q *Query) hasHost(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(q.Hosts, func(p netip.Prefix) bool { return p.Contains(a) })
}

// wantsGroup tells whether the bloom filters of a row group let any of the addresses through.
func (q *Query) wantsGroup(group parquet.RowGroup) (bool, error) {
	if q.Hosts == nil || slices.ContainsFunc(q.Hosts, func(p netip.Prefix) bool { return !p.IsSingleIP() }) {
		return true, nil
	}
	for _, name := range []string{"saddr", "daddr"} {
		leaf, has := group.Schema().Lookup(name)
		if !has {
			continue
		}
		bloom := group.ColumnChunks()[leaf.ColumnIndex].BloomFilter()
		if bloom == nil {
			return true, nil
		}
		for _, p := range q.Hosts {
			if may, err := bloom.Check(parquet.ValueOf(p.Addr().String())); may || err != nil {
				return may, err
			}
		}
	}
	return false, nil
}
