package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// maxAggregated bounds the flows that --aggregate holds: 1.3 GB, with label and user data up to 3 KB more a flow.
// What came first is printed early when there are more.
const maxAggregated = 1 << 20

// flowsOutput takes records and prints or writes the flows that were asked for.
type flowsOutput struct {
	filter  filter.Filter
	inf     string // only flows of this interface, by its name in the records; empty: all
	live    bool   // a person waits for each line
	left    int    // flows still to come, when counted
	counted bool
	whole   bool             // everything that is metered is written: nobody need look at the records
	emitted bool             // something was printed or written
	lines   fields.Printer   // nil with -w
	stream  *bufio.Writer    // nil without -w
	flows   *cluster.Cluster // nil without --aggregate
	file    io.Closer        // what was opened for -w
	err     error            // of printing or writing
}

// open prepares the output that the flags ask for.
func (f *flowsFlags) open() (*flowsOutput, error) {
	out := &flowsOutput{left: f.count, counted: f.count > 0}
	var err error
	if out.filter, err = filter.Parse(f.filter); err != nil {
		return nil, cli.Usagef("%w", err)
	}
	columns := fields.Default()
	if f.fields != "" {
		if columns, err = fields.Parse(f.fields); err != nil {
			return nil, cli.Usagef("%w", err)
		}
	} else if f.json {
		columns = nil // all fields that a record has
	}
	switch {
	case f.json:
		out.lines = fields.NewJSON(os.Stdout, columns, fields.DefaultStyle())
	case f.csv:
		out.lines = fields.NewCSV(os.Stdout, columns, fields.DefaultStyle())
	default:
		out.lines = fields.NewText(os.Stdout, columns, fields.DefaultStyle())
	}
	if f.aggregate {
		out.flows = cluster.New(maxAggregated, cluster.Key{})
	}
	if f.write != "" {
		out.whole = len(f.filter) == 0 && f.inf == "" && !out.counted
		return out, out.openStream(f.write)
	}
	return out, nil
}

func (o *flowsOutput) openStream(name string) error {
	o.lines = nil
	if name == "-" {
		o.stream = bufio.NewWriter(os.Stdout)
		return nil
	}
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	o.stream, o.file = bufio.NewWriter(file), file
	return nil
}

// put takes one record. It returns errEnough after the last flow that was asked for.
func (o *flowsOutput) put(r *argus.Record) error {
	if r.Kind == argus.KindFlow {
		if o.inf != "" && string(r.InterfaceName()) != o.inf || !o.filter.Match(r) {
			return nil
		}
	} else if o.stream == nil {
		return nil
	}
	if o.flows != nil {
		if r = o.flows.Add(r); r == nil {
			return nil
		}
	}
	if err := o.emit(r); err != nil {
		return err
	}
	if o.live {
		return o.show()
	}
	return nil
}

func (o *flowsOutput) emit(r *argus.Record) error {
	o.emitted = true
	if o.stream != nil {
		_ = o.write(r.Raw)
	} else {
		o.err = o.lines.Print(r)
	}
	if o.err != nil || !o.counted || r.Kind != argus.KindFlow {
		return o.err
	}
	if o.left--; o.left == 0 {
		return errEnough
	}
	return nil
}

// write writes records as they are.
func (o *flowsOutput) write(records []byte) error {
	o.emitted = true
	_, o.err = o.stream.Write(records)
	return o.err
}

// show makes what was taken so far visible to a live reader.
func (o *flowsOutput) show() error {
	if o.live {
		o.err = o.flush()
	}
	return o.err
}

func (o *flowsOutput) flush() error {
	if o.stream != nil {
		return o.stream.Flush()
	}
	return o.lines.Flush()
}

// failed tells whether err came from the output, not from what was read.
func (o *flowsOutput) failed(err error) bool { return o.err != nil && err == o.err }

// close prints the aggregated flows and what is still held back. Of a source that failed before the first flow, nothing is.
func (o *flowsOutput) close(sound bool) error {
	if o.flows != nil && o.err == nil {
		for r := range o.flows.All() {
			if o.emit(r) != nil {
				break
			}
		}
	}
	err := o.err
	if sound || o.emitted {
		if ferr := o.flush(); err == nil {
			err = ferr
		}
	}
	if o.file != nil {
		if cerr := o.file.Close(); err == nil {
			err = cerr
		}
	}
	return err
}
