package main

import (
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/installer"
)

// An agent that has just started answers before its meters run.
func TestStatusOfAnAgentThatStarts(t *testing.T) {
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
	s.Interfaces[1].Accounts.Metered, s.Totals.Metered = 123456, 123456
	if err := writeStatus(&out, s, &installer.State{}); err != nil || !strings.Contains(out.String(), "not metered: about to begin") ||
		!strings.Contains(out.String(), "not metered: no permission") {
		t.Errorf("%v: %s", err, &out)
	}
	s.Interfaces = append(s.Interfaces, agent.InterfaceStatus{Name: "a\x1b[31m\u202eb\u009bö", Kind: "veth"})
	out.Reset()
	if err := writeStatus(&out, s, &installer.State{}); err != nil || !strings.Contains(out.String(), "a_[31m_b_ö  ") || strings.ContainsAny(out.String(), "\x1b\u202e\u009b\t") {
		t.Errorf("%v: %q", err, &out)
	}
	s.SwitchedOff = []agent.SwitchedOff{{Path: "tunnel-parsing"}}
	s.BadConfig = "argus.conf:3: bad value"
	s.Events = []agent.Event{{Kind: "asleep", Text: "the system slept for 8h0m0s"}}
	s.Totals.Spooled, s.Totals.Durable = 5, 3
	out.Reset()
	if err := writeStatus(&out, s, &installer.State{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tunnel-parsing, after three crashes", "argus.conf:3", "asleep: the system slept", "do not close: +2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	var column []int
	for line := range strings.Lines(out.String()) {
		if i := max(strings.Index(line, "metered "), strings.Index(line, "123456")); i > 0 && !strings.Contains(line, ":") {
			column = append(column, i)
		}
	}
	if len(column) != 3 || column[0] != column[1] || column[1] != column[2] {
		t.Errorf("title, interface and sum begin at %d in\n%s", column, &out)
	}
}
