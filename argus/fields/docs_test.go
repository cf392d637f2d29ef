package fields

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs: docs/fields.md has every field once, in its section, with its title.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/fields.md")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	add := func(name, title, section string) {
		f := find(name)
		switch {
		case f == nil:
			t.Errorf("%s is no field", name)
		case written[name]:
			t.Errorf("%s stands there twice", name)
		case title != "" && f.title != title:
			t.Errorf("%s has the title %s, not %s", name, f.title, title)
		case (among(otherFields[:], name) != nil) != (strings.HasPrefix(section, "Second") || strings.HasPrefix(section, "Of other")):
			t.Errorf("%s stands in section %s", name, section)
		}
		written[name] = true
	}
	code := regexp.MustCompile("`([a-z_]+)`")
	section, empty := "", false
	for line := range strings.Lines(string(b)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
		}
		empty = strings.HasPrefix(line, "Known by name and always empty") || empty && strings.TrimSpace(line) != ""
		cells := strings.Split(line, "|")
		names := code.FindAllStringSubmatch(line, -1)
		var titles []string
		switch {
		case empty:
			titles = make([]string, len(names))
		case len(cells) == 7 && strings.HasPrefix(cells[1], " `"):
			names, titles = code.FindAllStringSubmatch(cells[1], -1), strings.Fields(cells[2])
		default:
			continue
		}
		if len(names) != len(titles) {
			t.Fatalf("%d names and %d titles: %s", len(names), len(titles), line)
		}
		for i, name := range names {
			add(name[1], titles[i], section)
		}
	}
	for _, table := range tables {
		for i := range table {
			if !written[table[i].name] {
				t.Errorf("%s is not written down", table[i].name)
			}
		}
	}
	t.Logf("%d fields", len(written))
}
