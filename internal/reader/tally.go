package reader

import (
	"bufio"
	"fmt"
	"os"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// tally is the output that counts, as racount does.
type tally struct {
	count cluster.Count
	json  bool
}

func (t *tally) record(r *argus.Record) error {
	t.count.Add(r)
	return nil
}

func (t *tally) flush() error { return nil }

func (t *tally) close() error {
	out := bufio.NewWriter(os.Stdout)
	if !t.json {
		fmt.Fprintf(out, "%-8s %10s %14s %14s %14s %18s %18s %18s\n", "proto", "records", "pkts", "spkts", "dpkts", "bytes", "sbytes", "dbytes")
	}
	t.line(out, "sum", t.count.Total)
	proto, err := fields.Parse("proto")
	if err != nil {
		return err
	}
	row := fields.NewRow(proto, fields.Style{Separator: ","})
	for key, total := range t.count.Protocols() {
		t.line(out, string(row.Append(nil, &argus.Record{Kind: argus.KindFlow, Flow: flow.Record{Key: key}})), total)
	}
	return out.Flush()
}

func (t *tally) line(out *bufio.Writer, name string, n cluster.Total) {
	format := "%-8s %10d %14d %14d %14d %18d %18d %18d\n"
	if t.json {
		format = `{"proto":%q,"records":%d,"pkts":%d,"spkts":%d,"dpkts":%d,"bytes":%d,"sbytes":%d,"dbytes":%d}` + "\n"
	}
	fmt.Fprintf(out, format, name, n.Records, n.Packets[0]+n.Packets[1], n.Packets[0], n.Packets[1], n.Bytes[0]+n.Bytes[1], n.Bytes[0], n.Bytes[1])
}
