// Package mutant makes sources with a known defect, by which a test shows that it would notice one. Only tests import it.
package mutant

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Overlay replaces text in a copy of a source file, named from the root of the repository two folders up, and returns the file
// that makes the compiler use the copy (go build -overlay). replace has pairs of a text, which must be there exactly once so that the mutant
// follows its source, and what stands there instead.
func Overlay(tb testing.TB, file string, replace ...string) string {
	tb.Helper()
	source, err := filepath.Abs(filepath.Join("../..", file))
	if err != nil {
		tb.Fatal(err)
	}
	read, err := os.ReadFile(source)
	if err != nil {
		tb.Fatal(err)
	}
	text := string(read)
	for i := 0; i < len(replace); i += 2 {
		if n := strings.Count(text, replace[i]); n != 1 {
			tb.Fatalf("%s has %q %d times, want once: the mutant must follow the source", file, replace[i], n)
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	dir := tb.TempDir()
	copied, name := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: copied}})
	if err != nil {
		tb.Fatal(err)
	}
	for name, text := range map[string]string{copied: text, name: string(list)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return name
}
