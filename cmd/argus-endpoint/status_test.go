package main

import (
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/agent"
)

// An agent that has just started answers before its meters run.
func TestInterfaceOfAnAgentThatStarts(t *testing.T) {
	s := &agent.Status{Interfaces: []agent.InterfaceStatus{
		{Name: "lo", Short: "lo"},
		{Name: "wlp0s20f3", Short: "wlp0", Metered: true},
		{Name: "eth0", Short: "eth0", Reason: "no permission"},
	}}
	for name, want := range map[string]string{"lo": "lo", "wlp0s20f3": "wlp0", "eth0": "", "eth9": ""} {
		if short, err := shortName(s, name); short != want || (err == nil) != (want != "") {
			t.Errorf("-i %s: %q, %v; want %q", name, short, err, want)
		}
	}
	var out strings.Builder
	if err := writeStatus(&out, s); err != nil || !strings.Contains(out.String(), "not metered: about to begin") ||
		!strings.Contains(out.String(), "not metered: no permission") {
		t.Errorf("%v: %s", err, &out)
	}
}
