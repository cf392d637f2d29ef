package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// TestHostsAndGapsOfAStore looks at hosts whose records are in the store, and of whom no authority knows.
func TestHostsAndGapsOfAStore(t *testing.T) {
	state := fill(t)
	if _, errs, code := program(t, "token", "create", "--state", state, "--address", "soc.example.net:4561"); code != 0 {
		t.Fatal(errs)
	}
	out, errs, code := program(t, "hosts", "--state", state)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 0 || len(lines) != 3 || !strings.Contains(lines[1], host.String()) ||
		!strings.Contains(lines[1], "unknown") || strings.Contains(out, "\x1b") {
		t.Errorf("hosts: exit %d\n%s%s", code, out, errs)
	}
	out, _, code = program(t, "hosts", "--state", state, "--json", "--only", "unknown", "--worst")
	var h collector.Host
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&h); code != 0 || err != nil || h.Monitor != host || h.Records != 11 || h.Complete.Percent != nil {
		t.Errorf("hosts --json: exit %d, %v\n%s", code, err, out)
	}
	if out, _, code = program(t, "hosts", "--state", state, "--json", "--only", "up,silent"); code != 0 || out != "" {
		t.Errorf("hosts that are up: exit %d\n%s", code, out)
	}
	for _, names := range [][]string{nil, {host.String()}} { // of which nothing is known is not complete
		out, errs, code = program(t, append([]string{"gaps", "--state", state, "--check", "1"}, names...)...)
		if code != cli.ExitFailure || !strings.Contains(out, "nothing is known of that time") {
			t.Errorf("gaps --check of %q: exit %d\n%s%s", names, code, out, errs)
		}
	}
	out, errs, code = program(t, "gaps", "--state", state, host.String())
	if code != 0 || !strings.Contains(out, "1 host, 0 with nothing missing: nothing is known of that time") {
		t.Errorf("gaps: exit %d\n%s%s", code, out, errs)
	}
	if out, _, code = program(t, "events", "--state", state, "--all", other.String()); code != 0 || out != "" {
		t.Errorf("events: exit %d\n%s", code, out)
	}
	for args, want := range map[string]string{
		"hosts --only fine":                  "clone?, inconsistent",
		"hosts --since 1h --until 2h":        "not before",
		"gaps --reason hunger":               "spool-full",
		"gaps --since never":                 "15m, 2h or 3d",
		"gaps --silent 0s":                   "--silent",
		"gaps --check 200":                   "--check",
		"gaps --check NaN":                   "--check",
		"events --until 1d --since 20:00:61": "--since",
	} {
		if _, errs, code := program(t, append(strings.Fields(args), "--state", state)...); code != cli.ExitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %q", args, code, errs)
		}
	}
	for _, command := range []string{"gaps", "events"} {
		if _, errs, code := program(t, command, "--state", state, "nobody"); code != cli.ExitFailure || !strings.Contains(errs, "nobody") {
			t.Errorf("%s of a host that is none: exit %d, %q", command, code, errs)
		}
	}
}

func TestTableFitsATerminal(t *testing.T) {
	tab := table{head: []string{"NAME", "N", "WHY"}, right: map[int]bool{1: true}, colour: stateColour,
		rows: [][]string{{"wörk-1", "5", "a long story of what went wrong"}, {"blind", "1234", ""}}}
	var wide, narrow strings.Builder
	if err := tab.print(&wide, 0); err != nil {
		t.Fatal(err)
	}
	if want := "NAME       N  WHY\nwörk-1     5  a long story of what went wrong\nblind   1234  \n"; wide.String() != want {
		t.Errorf("%q\nwant\n%q", wide.String(), want)
	}
	if err := tab.print(&narrow, 20); err != nil {
		t.Fatal(err)
	}
	if want := "NAME       N  WHY\nwörk-1     5  a long\n\x1b[31mblind\x1b[0m   1234  \n"; narrow.String() != want {
		t.Errorf("%q\nwant\n%q", narrow.String(), want)
	}
	if got := screen("a\x1b[31m\u202eb\n"); got != "a_[31m_b_" {
		t.Errorf("%q on a screen", got)
	}
}

func TestPercentIsNotRoundedUp(t *testing.T) {
	for share, want := range map[float64]string{100: "100%", 99.999999: "99.99%", 0: "0.00%", 50.005: "50.00%"} {
		if got := percent(&share); got != want {
			t.Errorf("%v is printed as %s", share, got)
		}
	}
	if got := percent(nil); got != "-" {
		t.Errorf("nothing known is %s", got)
	}
}
