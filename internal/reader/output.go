package reader

import (
	"os"

	"golang.org/x/term"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/archive"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// output makes what the options ask for.
func (o *Options) output() (output, error) {
	switch {
	case o.write != "":
		return o.files()
	case o.tally:
		return &tally{json: o.json}, nil
	case o.top:
		return o.newTop()
	}
	columns, err := o.columns()
	if err != nil {
		return nil, err
	}
	style := o.style
	style.Colour = style.Separator == "" && colours()
	switch {
	case o.json:
		return &lines{fields.NewJSON(os.Stdout, columns, style)}, nil
	case o.csv:
		return &lines{fields.NewCSV(os.Stdout, columns, style)}, nil
	}
	return &lines{fields.NewText(os.Stdout, columns, style)}, nil
}

// columns returns the fields to print, nil for all that a record has.
func (o *Options) columns() (fields.Columns, error) {
	switch {
	case len(o.fieldList.list) > 0:
		columns, err := fields.Parse(o.fieldList.String())
		if err != nil {
			return nil, cli.Usagef("-s: %w", err)
		}
		return columns, nil
	case o.json:
		return nil, nil
	}
	return fields.Default(), nil
}

// colours tells whether a person looks at the output who has not said that there shall be none (no-color.org).
func colours() bool {
	return term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// lines prints records.
type lines struct{ to fields.Printer }

func (l *lines) record(r *argus.Record) error { return l.to.Print(r) }
func (l *lines) flush() error                 { return l.to.Flush() }
func (l *lines) close() error                 { return l.to.Flush() }

// files writes records.
type files struct {
	to      *archive.Writer
	version argus.Version // 0: that of the record
	buf     []byte
}

func (o *Options) files() (*files, error) {
	inputs, err := archive.Files(o.read.list)
	if err != nil {
		return nil, err
	}
	w, err := archive.Create(archive.Config{Name: o.write, Every: o.every, Size: int64(o.size), Inputs: inputs})
	return &files{to: w, version: o.Version()}, err
}

// record writes a record as it stood in its stream, or, when it was merged or is to be of another version, anew.
func (f *files) record(r *argus.Record) error {
	if v := f.version; len(r.Raw) == 0 || v != 0 && r.Version != v {
		e := argus.Encoder{Version: v}
		if v == 0 {
			e.Version = r.Version
		}
		f.buf = e.AppendRecord(f.buf[:0], r)
		was, version := r.Raw, r.Version
		r.Raw, r.Version = f.buf, e.Version
		defer func() { r.Raw, r.Version = was, version }()
	}
	return f.to.Write(r)
}

func (f *files) all(records []byte) error { return f.to.WriteAll(records) }
func (f *files) flush() error             { return f.to.Flush() }
func (f *files) close() error             { return f.to.Close() }
