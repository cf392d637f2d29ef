package store

import (
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/parquet-go/parquet-go"
)

// firstRow is a row of the first version of the schema, which had these columns besides. What it did not have is 0.
type firstRow struct {
	Row
	SL2Bytes int64 `parquet:"sl2bytes"` // octets of the frames around IP
	DL2Bytes int64 `parquet:"dl2bytes"`
	SEarlier int64 `parquet:"stcpearlier"` // payload of the flow before this interval, modulo 2^32
	DEarlier int64 `parquet:"dtcpearlier"`
	SUnacked int32 `parquet:"sunacked"` // octets that the other side has not acknowledged
	DUnacked int32 `parquet:"dunacked"`
}

// firstMultiMAC is the bit of Presence that stood for flow.Record.MultiMAC.
const firstMultiMAC = 1 << 5

// isFirst tells whether a file has the first version of the schema.
func isFirst(f *parquet.File) bool {
	_, has := f.Schema().Lookup("sl2bytes")
	return has
}

// upgrade returns r as a row of today, which it makes of it.
func (r *firstRow) upgrade() *Row {
	row := &r.Row
	if row.Presence&firstMultiMAC != 0 {
		var f flow.Record
		for i, set := range presence(&f) {
			if set == &f.MultiMAC {
				row.Presence |= firstPresence << i
			}
		}
		row.Presence &^= firstMultiMAC
	}
	row.SL2More, row.DL2More = r.SL2Bytes-linkHeader*row.SPkts, r.DL2Bytes-linkHeader*row.DPkts
	if row.SPkts > 0 {
		row.SrcBefore -= row.srcBefore()
	}
	if row.DPkts > 0 {
		row.DstAfter -= row.dstAfter()
	}
	row.SIntMore, row.DIntMore = -int32(between(uint64(row.SPkts))), -int32(between(uint64(row.DPkts)))
	row.SResent, row.DResent = -int32(uint32(r.SEarlier)), -int32(uint32(r.DEarlier))
	var t flow.TCP
	row.tcp(&t) // Next is right
	s, d := &t.Side[0], &t.Side[1]
	d.Ack, s.Ack = s.Next-uint32(r.SUnacked), d.Next-uint32(r.DUnacked)
	row.SAckMore, row.DAckMore = int32(s.Ack-acknowledged(s, d)), int32(d.Ack-acknowledged(d, s))
	return row
}
