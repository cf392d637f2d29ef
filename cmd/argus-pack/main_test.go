package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOnlyPackagesAreTakenAway: the folder that a build writes into may be another one than who types it thinks.
func TestOnlyPackagesAreTakenAway(t *testing.T) {
	r := release{out: filepath.Join(t.TempDir(), "dist")}
	write := func(name string) string {
		name = filepath.Join(r.out, name)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if err := r.clear(); err != nil {
		t.Fatal(err)
	}
	former, sums := write("argus-endpoint_0.1.0_amd64.deb"), write(sumsFile)
	letter := write("letter.txt")
	if err := r.clear(); err == nil {
		t.Error("a folder with a letter in it was cleared")
	}
	for _, name := range []string{former, sums, letter} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if err := os.Remove(letter); err != nil {
		t.Fatal(err)
	}
	if err := r.clear(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(r.out); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// TestKindsAreKnown: a word that is none of them would make nothing, and say nothing.
func TestKindsAreKnown(t *testing.T) {
	var kinds map[string]bool
	read := set(&kinds, "deb", "rpm")
	if err := read("rpm,deb"); err != nil || !kinds["rpm"] || !kinds["deb"] {
		t.Error(kinds, err)
	}
	for _, text := range []string{"", "exe", "deb,", "DEB", "deb, rpm"} {
		if read(text) == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
