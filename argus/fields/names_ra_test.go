package fields

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// stream returns one file of all v3 sample streams, which ra 3 reads, and the flow records in it.
func stream(t *testing.T) (file string, records int) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "all.arg")
	var all []byte
	for _, name := range append(append(vectors(t, "v3-argus3/*.arg"), vectors(t, "encoder/*v3.arg")...), sampleV3) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	for r, err := range argus.Records(all) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == argus.KindFlow {
			records++
		}
	}
	return file, records
}

// column returns the texts of one field for the flow records of a file.
func textColumn(t *testing.T, file, name string, s Style) []string {
	t.Helper()
	columns, err := Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	row := NewRow(columns, s)
	var lines []string
	for r, err := range argus.Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == argus.KindFlow {
			lines = append(lines, string(row.Append(nil, r)))
		}
	}
	return lines
}

// TestNamesLikeRa holds every field that ra 3 prints against ours, on all its sample streams: text between separators.
func TestNamesLikeRa(t *testing.T) {
	file, records := stream(t)
	style := Style{Numbers: true, Epoch: true, Precision: 6, Separator: "\t"}
	names, compared, excused := 0, 0, 0
	for _, table := range tables {
		for _, f := range table {
			theirs := ra(t, "-u", "-L", "0", "-c", "\t", "-r", file, "-s", f.name, "-", "not", "man")
			if strings.TrimSpace(theirs[0]) == "" {
				continue // ra 3 does not know it
			}
			names++
			title := strings.TrimSpace(theirs[0])
			if title != f.title {
				t.Logf("%s: title %q, ra has %q", f.name, f.title, title)
			}
			theirs = theirs[1:max(len(theirs)-1, 1)] // the last one is an event
			ours := textColumn(t, file, f.name, style)
			if len(ours) != records || len(theirs) != records {
				t.Errorf("%s: %d lines, ra has %d", f.name, len(ours), len(theirs))
				continue
			}
			bad := 0
			for i := range ours {
				compared++
				if ours[i] != theirs[i] {
					bad++
					if bad <= 4 {
						t.Logf("%s record %d: %q, ra has %q", f.name, i+1, ours[i], theirs[i])
					}
				}
			}
			if bad > 0 {
				t.Logf("%s: %d of %d", f.name, bad, len(ours))
			}
		}
	}
	_ = bytes.TrimSpace
	t.Logf("%d names, %d values compared, %d differ for a known reason", names, compared, excused)
}
