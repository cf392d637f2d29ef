package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus/archive"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
	"go.uber.org/zap/zapcore"
)

const importHelp = `Brings the records of files into the store: those of Argus 3 and 5, and the conn.log of Zeek, as tab-separated values or JSON; plain, or
compressed with gzip, bzip2, xz or zstd. A directory stands for all files under it, - for the standard input.

A record is known by its sensor, the content of its file and its place in it: a file that was imported before adds nothing, however it is
named or compressed now, and an import that was stopped or killed is simply made again. A file that has grown since is another file: import
those that nobody writes to any more.

It works beside a running collector and without one. Records keep the times of their flows: --keep of the collector is for them too.

Examples:
  argus-collector import /var/log/argus/archive              all of it, in the order of the names
  argus-collector import 2026-11-2*/argus.*.gz
  argus-collector import --srcid berlin-gw /nsm/zeek/logs/2026-11-21/conn.*.log.gz
  zcat old.arg.Z | argus-collector import --json -`

type importOptions struct {
	place *collector.Place
	srcid string
	json  bool
}

func importCommand() *ffcli.Command {
	fs, place := placeFlags("import")
	o := importOptions{place: place}
	fs.StringVar(&o.srcid, "srcid", "", "records that do not say whose they are, as of Zeek, are of this `sensor`: a UUID, an address, a number or four characters")
	fs.BoolVar(&o.json, "json", false, "print one JSON object a file")
	return &ffcli.Command{
		Name:       "import",
		ShortUsage: "argus-collector import [flags] FILE...",
		ShortHelp:  "bring files of Argus and Zeek into the store",
		LongHelp:   importHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("import what? Give files or directories, or - for the standard input")
			}
			return o.run(ctx, args)
		},
	}
}

// errNotAll tells the exit code what the lines above have said.
var errNotAll = errors.New("not all files were read to their end")

func (o *importOptions) run(ctx context.Context, args []string) (err error) {
	names, err := archive.Files(args)
	if err != nil {
		return err
	}
	g, err := openIngest(ctx, o.place, true, zapcore.WarnLevel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	m, err := collector.NewImporter(ctx, g)
	if err != nil {
		return err
	}
	m.Sensor = collector.SensorID(o.srcid)
	sum, err := o.files(ctx, m, names)
	if err != nil {
		return err
	}
	if err := g.Flush(ctx); err != nil {
		return fmt.Errorf("all is in the journal, and not in the store yet: %w", err)
	}
	if !o.json {
		fmt.Printf("%d files, %d records, %d of them new\n", len(names), sum.Records, sum.New)
	}
	if sum.Error != "" {
		return errNotAll
	}
	return nil
}

// files imports one after another, and returns the sum.
func (o *importOptions) files(ctx context.Context, m *collector.Importer, names []string) (sum collector.Imported, err error) {
	progress := newImportProgress(len(names))
	m.Progress, m.Problem = progress.show, progress.problem
	for _, name := range names {
		done, err := m.File(ctx, name)
		progress.next()
		if err != nil {
			return sum, err
		}
		sum.Records, sum.New, sum.Bad = sum.Records+done.Records, sum.New+done.New, sum.Bad+done.Bad
		if done.Error != "" {
			sum.Error = done.Error
		}
		if err := o.print(&done); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (o *importOptions) print(d *collector.Imported) error {
	if o.json {
		return json.NewEncoder(os.Stdout).Encode(d)
	}
	text := fmt.Sprintf("%d records, %d new", d.Records, d.New)
	if d.New == 0 && d.Records > 0 && d.Error == "" {
		text = fmt.Sprintf("%d records, all there already", d.Records)
	}
	if d.Bad > 0 {
		text += fmt.Sprintf(", %d pieces that could not be read", d.Bad)
	}
	if d.Other > 0 {
		text += fmt.Sprintf(", %d of kinds that are not kept", d.Other)
	}
	if d.Error != "" {
		text += ": " + d.Error
	}
	_, err := fmt.Printf("%s: %s\n", screen(d.File), screen(text))
	return err
}

// openIngest connects to the collector of a place.
func openIngest(ctx context.Context, place *collector.Place, alone bool, level zapcore.Level) (*collector.Ingest, error) {
	c := collector.DefaultConfig()
	c.Place = *place
	c.Columns.ConnState = fields.ConnState
	return collector.OpenIngest(ctx, c, alone, newLogger(os.Stderr, level))
}

// maxProblems are told of a file; the rest is counted.
const maxProblems = 20

// importProgress tells a terminal how far it is, when that takes long, and everybody what is left out.
type importProgress struct {
	out      io.Writer // nil: no terminal
	files    int
	at       int
	told     time.Time
	problems int
}

func newImportProgress(files int) *importProgress {
	p := &importProgress{files: files, told: time.Now().Add(time.Second)} // two seconds of silence
	if i, err := os.Stderr.Stat(); err == nil && i.Mode()&os.ModeCharDevice != 0 {
		p.out = os.Stderr
	}
	return p
}

func (p *importProgress) show(file string, read, size int64) {
	if p.out == nil || time.Since(p.told) < time.Second {
		return
	}
	p.told = time.Now()
	share := fmt.Sprintf("%d MB", read>>20)
	if size > 0 {
		share = fmt.Sprintf("%d %%", 100*read/size)
	}
	fmt.Fprintf(p.out, "\r\x1b[Kfile %d of %d: %s, %s", p.at+1, p.files, screen(file), share)
}

// next clears the line for the next file.
func (p *importProgress) next() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.at++
	p.problems = 0
}

func (p *importProgress) problem(file string, line int, err error) {
	if p.problems++; p.problems > maxProblems {
		return
	}
	where := file
	if line > 0 {
		where = fmt.Sprintf("%s:%d", file, line)
	}
	fmt.Fprintf(os.Stderr, "argus-collector: %s: %s\n", screen(where), screen(err.Error()))
	if p.problems == maxProblems {
		fmt.Fprintf(os.Stderr, "argus-collector: %s: more such pieces are only counted\n", screen(file))
	}
}
