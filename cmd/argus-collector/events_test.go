package main

import (
	"encoding/json"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/collector"
)

// What an agent says is a line of its kind; what was there already, and its accounts, are no news.
func TestWords(t *testing.T) {
	const local = `{"version":"v1","event":{"kind":`
	for report, want := range map[string]struct {
		text, kind string
		happened   bool
	}{
		local + `"spool-recovered"}}`: {"spool-recovered", "spool-recovered", true},
		local + `"interface","change":"appeared","text":"appeared: tun0 (tun), mtu 1400, up","interface":{"name":"tun0"}}}`: {"interface: appeared: tun0 (tun), mtu 1400, up", "interface", true},
		local + `"listener","change":"present","text":"present: sshd (pid 812, root) listens on 0.0.0.0:22"}}`:              {"listener: present: sshd (pid 812, root) listens on 0.0.0.0:22", "listener", false},
		`{"version":"v1","totals":{"captured":1}}`: {`{"version":"v1","totals":{"captured":1}}`, "", false},
	} {
		text, kind, happened := words(&collector.Event{Report: json.RawMessage(report)})
		if text != want.text || kind != want.kind || happened != want.happened {
			t.Errorf("%s: %q %q %v", report, text, kind, happened)
		}
	}
	if text, kind, happened := words(&collector.Event{Text: "prog=argus-endpoint\nan older\nagent's"}); text != "an older agent's" || kind != "" || !happened {
		t.Errorf("%q %q %v", text, kind, happened)
	}
}
