package main

import (
	"os"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/collector"
)

func TestFilesThatCount(t *testing.T) {
	state := fill(t)
	for _, c := range []struct {
		o    filesOptions
		want int
	}{
		{filesOptions{table: "flows"}, 1},
		{filesOptions{table: "flows", json: true}, 1},
		{filesOptions{table: "events"}, 0},
		{filesOptions{table: "flows", since: "2026-11-21T20:00:00Z", until: "2026-11-21T21:00:00Z"}, 1},
		{filesOptions{table: "flows", since: "2026-11-21T21:00:00Z"}, 0},
		{filesOptions{table: "flows", until: "2026-11-21T20:00:00Z"}, 0},
	} {
		var out strings.Builder
		if err := c.o.run(t.Context(), &collector.Place{State: state}, &out); err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(out.String())
		if len(lines) != c.want {
			t.Errorf("%+v: %q, want %d files", c.o, out.String(), c.want)
		}
		if c.want > 0 && !c.o.json {
			if _, err := os.Stat(lines[0]); err != nil {
				t.Error(err)
			}
		}
	}
	o := filesOptions{table: "flow"}
	if err := o.run(t.Context(), &collector.Place{State: state}, os.Stdout); err == nil {
		t.Error("a table that is none is taken")
	}
	if got := fileAt("s3://flows/site-a?endpoint=x&tls=no", "gaps/hour=x/y.parquet"); got != "s3://flows/site-a/gaps/hour=x/y.parquet" {
		t.Error(got)
	}
}
