package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
)

const filesHelp = `Prints the Parquet files that count, one a line: an engine that reads these sees every record exactly once. One that reads
by a pattern may meet a few rows twice, for ten minutes after files were merged, and what a crash has left.
The files stay where they are for ten minutes at least.

Examples:
  argus-collector files --table flows --since 1d >files.txt
  argus-collector files --table gaps --json`

type filesOptions struct {
	table, since, until string
	json                bool
}

func filesCommand() *ffcli.Command {
	fs, place := placeFlags("files")
	var o filesOptions
	fs.StringVar(&o.table, "table", "flows", "the files of this `table`: flows, events or gaps")
	fs.StringVar(&o.since, "since", "", "only those with a row at or after this `time`: 15m, 2h or 3d (ago), a date, a time")
	fs.StringVar(&o.until, "until", "", "only those with a row before this `time`")
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line: name, rows, bytes, hour and ranges")
	return &ffcli.Command{
		Name:       "files",
		ShortUsage: "argus-collector files [flags]",
		ShortHelp:  "print which Parquet files count, for engines that read them",
		LongHelp:   filesHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("files takes no argument, got %q", args[0])
			}
			return o.run(ctx, place, os.Stdout)
		},
	}
}

func (o *filesOptions) run(ctx context.Context, place *collector.Place, w io.Writer) (err error) {
	if tables := []string{"flows", "events", "gaps"}; !slices.Contains(tables, o.table) {
		return cli.Usagef("--table %q is none of %s", o.table, strings.Join(tables, ", "))
	}
	var since, until time.Time
	if o.since != "" {
		if since, err = parseTime(o.since, time.Now()); err != nil {
			return cli.Usagef("--since: %w", err)
		}
	}
	if o.until != "" {
		if until, err = parseTime(o.until, time.Now()); err != nil {
			return cli.Usagef("--until: %w", err)
		}
	}
	bringUp(ctx, place, o.table)
	v, err := openView(ctx, place)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	defer v.Close()
	out := bufio.NewWriter(w)
	for _, f := range v.Files() {
		if !strings.HasPrefix(f.Name, o.table+"/") || !since.IsZero() && f.MaxTime < since.UnixMicro() || !until.IsZero() && f.MinTime >= until.UnixMicro() {
			continue
		}
		if err := o.print(out, place.StoreLocation(), &f); err != nil {
			return err
		}
	}
	return out.Flush()
}

// openView opens what the store holds, and says when that may not be all.
func openView(ctx context.Context, place *collector.Place) (*store.View, error) {
	v, err := place.OpenView(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("nothing is stored in %s (another place: --state or --store): %w", place.StoreLocation(), err)
	}
	if err != nil {
		return nil, err
	}
	if n := v.Damaged(); n > 0 {
		fmt.Fprintf(os.Stderr, "argus-collector: %d objects of the store's manifest are damaged: the rows that they named are not here; look into the folder damaged of the store\n", n)
	}
	return v, nil
}

func (o *filesOptions) print(w io.Writer, location string, f *store.File) error {
	f.Name = fileAt(location, f.Name)
	if o.json {
		return json.NewEncoder(w).Encode(f)
	}
	_, err := fmt.Fprintln(w, f.Name)
	return err
}

// fileAt returns the name by which other programs find an object of the store at a location.
func fileAt(location, name string) string {
	if bucket, found := strings.CutPrefix(location, "s3://"); found {
		bucket, _, _ = strings.Cut(bucket, "?")
		return "s3://" + path.Join(bucket, name)
	}
	return filepath.Join(location, filepath.FromSlash(name))
}
