package collector

import (
	"bytes"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/archive"
	"github.com/argus-endpoint/argus-endpoint/argus/codec"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"go.uber.org/zap"
)

func init() { // as the program does
	archive.Decompress("bzip2", codec.BZip2)
	archive.Decompress("xz", codec.XZ)
}

// vectors returns the sample files of the Argus format, or skips.
func vectors(t testing.TB) []string {
	t.Helper()
	names, _ := filepath.Glob("../../shared/formats/argus-vectors/*/*.arg*")
	if len(names) == 0 {
		t.Skip("no vectors beside the checkout")
	}
	return names
}

func importAll(t testing.TB, place Place, names ...string) (list []Imported) {
	t.Helper()
	c := testConfig(t)
	c.Place = place
	g, err := OpenIngest(t.Context(), c, true, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	m, err := NewImporter(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		d, err := m.File(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	if err := g.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return list
}

// printer prints flow records in all columns.
func everything(t testing.TB) (out *bytes.Buffer, p fields.Printer) {
	t.Helper()
	columns, err := fields.Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	out = &bytes.Buffer{}
	s := fields.DefaultStyle()
	s.Numbers, s.Separator = true, "|"
	return out, fields.NewText(out, columns, s)
}

func printAll(t testing.TB, records func(yield func(*argus.Record))) []string {
	t.Helper()
	out, p := everything(t)
	records(func(r *argus.Record) {
		if r.Kind == argus.KindFlow {
			if err := p.Print(r); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) > 1 {
		slices.Sort(lines[1:])
	}
	return lines
}

// TestImportedRecordsAreWhole: what comes back from the store prints as the files do, in every column, of every vector. Times between packets
// are whole microseconds in the store.
func TestImportedRecordsAreWhole(t *testing.T) {
	place := Place{State: filepath.Join(t.TempDir(), "state")}
	names := vectors(t)
	var fresh []string
	for i, d := range importAll(t, place, names...) {
		switch {
		case d.Error != "" || d.Records == 0 || d.New != d.Records-d.Other && d.New != 0:
			t.Errorf("%+v", d)
		case d.New > 0:
			fresh = append(fresh, names[i])
		case !strings.Contains(d.File, ".arg.") && !strings.Contains(d.File, "v5.arg"): // v5.arg is there compressed too
			t.Errorf("%s: nothing of it is new", d.File)
		}
	}
	want := printAll(t, func(yield func(*argus.Record)) {
		for _, name := range fresh {
			readFile(t, name, yield)
		}
	})
	got := printAll(t, func(yield func(*argus.Record)) { readStore(t, &place, yield) })
	compareLines(t, got, want)
	t.Logf("%d files, %d flow records", len(fresh), len(want)-1)
}

func compareLines(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	head := strings.Split(want[0], "|")
	for i := range want {
		a, b := strings.Split(got[i], "|"), strings.Split(want[i], "|")
		for n := range min(len(a), len(b), len(head)) {
			if a[n] != b[n] && !(strings.Contains(head[n], "Jit") || strings.Contains(head[n], "IntPkt")) || !near(a[n], b[n]) {
				t.Errorf("record %d: %s is %q, want %q\n%s", i, head[n], a[n], b[n], want[i])
			}
		}
	}
}

// near compares milliseconds to a microsecond, and anything else exactly.
func near(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return a == b || err1 == nil && err2 == nil && math.Abs(x-y) <= 0.001
}

func readStore(t testing.TB, p *Place, yield func(*argus.Record)) {
	t.Helper()
	v, err := p.OpenView(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for r, err := range v.Scan(store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		yield(r)
	}
}

// readFile reads an Argus file as flows -r does.
func readFile(t testing.TB, name string, yield func(*argus.Record)) {
	t.Helper()
	f, err := archive.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for records := argus.NewReader(f); ; {
		r, err := records.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		yield(r)
	}
}
