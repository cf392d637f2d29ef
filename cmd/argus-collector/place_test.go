package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlaceOfTheService: commands look where the service's configuration file says, unless another place is named.
func TestPlaceOfTheService(t *testing.T) {
	file := filepath.Join(t.TempDir(), "argus-collector.conf")
	if err := os.WriteFile(file, []byte("ARGUS_STATE=/srv/state\nARGUS_STORE=/srv/flows # Parquet\nARGUS_NATS=nats://n1:4222\nARGUS_KEEP=90d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ARGUS_CONFIG", file)
	for args, want := range map[string]string{
		"":                                  "/srv/state /srv/flows nats://n1:4222",
		"--store /other":                    "/srv/state /other nats://n1:4222",
		"--state /try":                      "/try  ",
		"--store /other --state /try":       "/try /other ",
		"--state /srv/state":                "/srv/state /srv/flows nats://n1:4222",
		"--state /try --nats nats://n2:422": "/try  nats://n2:422",
	} {
		fs, p := placeFlags("test")
		if err := fs.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join([]string{p.State, p.Store, strings.Join(p.Nats.URLs, ",")}, " "); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
	t.Setenv("ARGUS_STORE", "/env")
	if _, p := placeFlags("test"); p.Store != "/env" {
		t.Errorf("the environment goes before the file: %q", p.Store)
	}
}
